//! Why a record is no event that can be used: a stable code, the place, and the bytes made harmless.

use super::redact::{Unusable, redact_reject};
use std::fmt;
use thiserror::Error;

/// Kind of a reject. Its [`code`](RejectReason::code) is written to tables and never changes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum RejectReason {
    /// Not JSON, cut off, or with a number that no type holds.
    #[error("the record is not valid JSON")]
    BadJson,
    /// Not UTF-8.
    #[error("the record is not valid UTF-8")]
    BadUtf8,
    /// A field of the event has another type or a value out of its range.
    #[error("a field has the wrong type")]
    WrongType,
    /// Valid JSON that neither is an audit event nor carries one.
    #[error("the record holds no audit event")]
    NotAnEvent,
    /// A field without which the event cannot be used is absent.
    #[error("a required field is missing")]
    MissingField,
    /// A time that is not RFC 3339, or absurd.
    #[error("a time cannot be used")]
    BadTimestamp,
    /// A time further ahead of our clock than `max_future_skew` allows.
    #[error("the event lies in the future")]
    FutureTimestamp,
    /// Nested deeper than the decoder follows.
    #[error("the record is nested too deeply")]
    TooDeep,
    /// Longer than the source accepts.
    #[error("the record is too long")]
    TooLong,
    /// Cannot be read: the archive is damaged here.
    #[error("the archive is damaged")]
    Corrupt,
}

impl RejectReason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            RejectReason::BadJson => "bad_json",
            RejectReason::BadUtf8 => "bad_utf8",
            RejectReason::WrongType => "wrong_type",
            RejectReason::NotAnEvent => "not_an_event",
            RejectReason::MissingField => "missing_field",
            RejectReason::BadTimestamp => "bad_timestamp",
            RejectReason::FutureTimestamp => "future_timestamp",
            RejectReason::TooDeep => "too_deep",
            RejectReason::TooLong => "too_long",
            RejectReason::Corrupt => "corrupt",
        }
    }
}

/// A record, or an item of one, that could not be turned into an event. Holds nothing that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Kind of defect.
    pub reason: RejectReason,
    /// JSON path of the defect, such as `items[3].user.groups[1]`; empty for the record as a whole.
    pub path: String,
    /// What is wrong, in words.
    pub message: String,
    /// The record or item itself, redacted and capped by [`redact_reject`].
    pub excerpt: String,
}

impl Reject {
    /// A reject of `record`.
    pub fn new(
        reason: RejectReason,
        path: impl Into<String>,
        message: impl Into<String>,
        record: Unusable<'_>,
    ) -> Reject {
        let excerpt = redact_reject(record);
        Reject { reason, path: path.into(), message: message.into(), excerpt }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " (at {})", self.path) }
    }
}

impl std::error::Error for Reject {}
