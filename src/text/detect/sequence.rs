//! A session as the detectors see it: its keys in order.

use std::sync::Arc;

/// The keys of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySequence {
    /// Name of the session: its identifier, or its number in its file.
    pub id: String,
    /// Keys, one a line.
    pub keys: Vec<Arc<str>>,
    /// Whether nothing more will come: a delimiter, a long silence, the end of a file of whole sessions. A session that was cut by a
    /// cap on its size or by the end of the input is not closed: what is missing at its end says nothing.
    pub closed: bool,
    /// Whether it is known to be abnormal.
    pub abnormal: Option<bool>,
}

impl KeySequence {
    /// A closed session without a label.
    pub fn new<K: Into<Arc<str>>>(id: impl Into<String>, keys: impl IntoIterator<Item = K>) -> KeySequence {
        KeySequence { id: id.into(), keys: keys.into_iter().map(Into::into).collect(), closed: true, abnormal: None }
    }
}
