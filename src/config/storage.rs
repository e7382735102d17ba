//! The section `[storage]`: how object stores are asked.

use super::section::section;
use super::units::Age;

section! {
    /// Tables in an object store: `output.dir = "s3://bucket/prefix"`, `gs://…`, `az://…`. Credentials, region and endpoint are
    /// read from the environment, under the names that all tools of that store know: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` …
    pub struct Storage {
        /// Longest time for one request.
        request_timeout: Age = Age::from_secs(30),
        /// How long a request that fails is sent again, at growing intervals, before the run ends with an error.
        retry_for: Age = Age::from_secs(180),
    }
}
