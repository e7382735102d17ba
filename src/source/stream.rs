//! Which cluster events are from: order, windows and contexts never cross from one stream to another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Name of a stream: the cluster whose events it holds, as in the column `cluster`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StreamName {
    /// No stream in particular.
    fn default() -> Self {
        StreamName(Arc::from(""))
    }
}

impl From<&str> for StreamName {
    fn from(name: &str) -> Self {
        StreamName(name.into())
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
