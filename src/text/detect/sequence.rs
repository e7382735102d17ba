//! A session as the detectors see it: its keys in order.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a session came to its end.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Nothing more will come: a delimiter, a long silence, the end of a file of whole sessions.
    #[default]
    Closed,
    /// Cut off by a cap on its size or by the end of the input: what is missing at its end says nothing.
    Cut,
}

/// The keys of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySequence {
    /// Name of the session: its identifier, or its number in its file.
    pub id: String,
    /// Keys, one a line.
    pub keys: Vec<Arc<str>>,
    /// How it ended.
    pub end: SessionEnd,
    /// Whether it is known to be abnormal.
    pub abnormal: Option<bool>,
}

impl KeySequence {
    /// A closed session without a label.
    pub fn new<K: Into<Arc<str>>>(id: impl Into<String>, keys: impl IntoIterator<Item = K>) -> KeySequence {
        KeySequence {
            id: id.into(),
            keys: keys.into_iter().map(Into::into).collect(),
            end: SessionEnd::Closed,
            abnormal: None,
        }
    }
}
