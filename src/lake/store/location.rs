//! From the text of `--output` to a store: a path, or the URL of a prefix in a bucket.
//!
//! Credentials, region and endpoint come from the environment, under the names that every tool of that store reads:
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, roles of the pod or machine;
//! `GOOGLE_APPLICATION_CREDENTIALS`; `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`.

use super::super::LakeError;
use super::{LocalStore, RemoteStore, Store};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How requests to an object store are made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Longest time for one request.
    pub request_timeout: Duration,
    /// How long a request that fails is sent again before the run gives up.
    pub retry_for: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { request_timeout: Duration::from_secs(30), retry_for: Duration::from_secs(180) }
    }
}

/// Opens the store at `location`; nothing is read or written yet.
///
/// # Errors
/// [`LakeError::Location`] when it is a URL that is not understood, or whose settings in the environment make no sense.
pub fn open(location: &Path, options: Options) -> Result<Arc<dyn Store>, LakeError> {
    let url = location.to_str().filter(|text| text.contains("://"));
    let Some(url) = url else { return Ok(Arc::new(LocalStore::new(location))) };
    let wrong = |detail: String| LakeError::Location { url: url.to_owned(), detail };
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(wrong(format!("it names no bucket; write {scheme}://bucket/prefix")));
    }
    let store = client(scheme, bucket, options)
        .ok_or_else(|| wrong(format!("`{scheme}://` is not known; write a folder, s3://…, gs://… or az://…")))?
        .map_err(|error| wrong(format!("{error}; check {} in the environment", variables(scheme))))?;
    Ok(Arc::new(RemoteStore::new(url, prefix, store, options)?))
}

/// Where the credentials of a store are read from.
fn variables(scheme: &str) -> &'static str {
    match scheme {
        "gs" => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
        "az" => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        _ => "AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    }
}

/// The client of a bucket; `None` for a scheme that is not known.
fn client(scheme: &str, bucket: &str, options: Options) -> Option<object_store::Result<Arc<dyn ObjectStore>>> {
    let timeout = format!("{} seconds", options.request_timeout.as_secs().max(1));
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: usize::MAX,
        retry_timeout: options.retry_for,
    };
    fn shared<S: ObjectStore>(store: object_store::Result<S>) -> object_store::Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(store?))
    }
    Some(match scheme {
        "s3" => shared(
            AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), timeout)
                .with_retry(retry)
                .build(),
        ),
        "gs" => shared(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_config(GoogleConfigKey::Client(ClientConfigKey::Timeout), timeout)
                .with_retry(retry)
                .build(),
        ),
        "az" => shared(
            MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_config(AzureConfigKey::Client(ClientConfigKey::Timeout), timeout)
                .with_retry(retry)
                .build(),
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_url() {
        let at = |text: &str| open(Path::new(text), Options::default()).map(|store| store.root().to_owned());
        assert_eq!(at("tables").unwrap(), Path::new("tables"));
        assert_eq!(at("s3://bucket/a/b").unwrap(), Path::new("s3://bucket/a/b"));
        assert!(at("s3://").unwrap_err().to_string().contains("names no bucket"));
        assert!(at("ftp://host/x").unwrap_err().to_string().contains("`ftp://` is not known"));
    }
}
