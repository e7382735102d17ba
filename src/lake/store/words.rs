//! What an object store said, in one line, and what the person can do about it.

use object_store::Error;

/// The error without the XML that servers answer, of which the code and the message are kept.
pub fn words(error: &Error) -> String {
    let text = error.to_string();
    let part = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let head = text.split('<').next().unwrap_or_default().trim_end_matches([' ', ':']).to_owned();
    match (part("Code"), part("Message")) {
        (Some(code), Some(message)) => format!("{head}: {code}: {message}"),
        _ => head,
    }
}

/// What the person can do about it.
pub fn remedy(error: &Error) -> &'static str {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => CREDENTIALS,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => "; this object store cannot hold tables",
        // What a listing says comes as text only.
        _ if says(&[
            "AccessDenied",
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "ExpiredToken",
            "403 Forbidden",
        ]) =>
        {
            CREDENTIALS
        }
        Error::NotFound { .. } => "; check that the bucket exists",
        _ if says(&["NoSuchBucket"]) => "; check that the bucket exists",
        _ => "; check the endpoint and the network and start again, nothing committed is lost",
    }
}

const CREDENTIALS: &str = "; check the credentials in the environment and the bucket's policy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_a_remedy() {
        let error = |text: &str| Error::Generic { store: "S3", source: text.to_owned().into() };
        let denied =
            error("status 403: <?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No.</Message></Error>");
        assert_eq!(words(&denied), "Generic S3 error: status 403: AccessDenied: No.");
        assert!(remedy(&denied).contains("credentials"));
        assert!(remedy(&error("<Code>NoSuchBucket</Code>")).contains("bucket exists"));
        assert_eq!(words(&error("timed out")), "Generic S3 error: timed out");
        assert!(remedy(&error("timed out")).contains("nothing committed is lost"));
    }
}
