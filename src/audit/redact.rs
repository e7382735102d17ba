//! Keeps secrets out of everything that is written.
//!
//! - [`redact_body`]: a body as JSON, without the contents of Secrets and ConfigMaps, tokens, and copies of them in annotations.
//! - [`redact_uri`]: a URI without tokens and passwords in its query or before its host.
//! - [`redact_text`], [`redact_message`]: free text without tokens.
//! - [`redact_reject`]: what may be shown of bytes that could not be read as an event.
//!
//! What was removed is replaced by [`REDACTED`], so that its place can still be seen. In doubt it is removed.

mod assignment;
mod body;
mod cursor;
mod glance;
mod reject;
mod text;
mod uri;
mod valid;

#[cfg(test)]
mod tests;

pub use body::redact_body;
pub use reject::redact_reject;
pub use text::{redact_message, redact_text};
pub use uri::redact_uri;
pub use valid::Unusable;

/// What stands in place of a removed text.
pub const REDACTED: &str = "REDACTED";
