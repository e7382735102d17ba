//! A session of log lines: what the adapters make and every detector reads.
//!
//! Invariants: `keys`, `positions`, `times` and `params` have one entry a line, in the order of the log; a session has at
//! least one line; its number is given once and never again.

use crate::audit::time::Micros;
use crate::source::{Offset, PartitionId};
use serde::{Deserialize, Serialize};

/// Number of a session within one source, in the order in which sessions begin: from 1; 0 holds what stands before the
/// first delimiter.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// Place of a log line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinePosition {
    /// The file (or partition of a topic).
    pub partition: PartitionId,
    /// Offset of the line's first byte.
    pub offset: Offset,
}

/// Why a session is over.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The next one began: a delimiter, or a full interval.
    Closed,
    /// No line for the idle time.
    Idle,
    /// As many lines as a session may have; what follows begins another one.
    Size,
    /// The input ended while it was open; when there is more input, it goes on.
    Unfinished,
}

/// The lines of one session, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// The identifier that its lines share, where the adapter has one: `blk_-1608999687919862906`.
    pub name: Option<Box<str>>,
    /// Log key of each line: the parser's cluster id, from 1.
    pub keys: Vec<u32>,
    /// Place of each line.
    pub positions: Vec<LinePosition>,
    /// Time of each line, where the log format has one.
    pub times: Vec<Option<Micros>>,
    /// Parameters of each line, in the order of its template.
    pub params: Vec<Vec<Box<str>>>,
    /// Why it is over.
    pub end: SessionEnd,
    /// How many of its lines were told before, when the input ended and the session did not.
    pub told: usize,
    /// Whether one of its lines contains an anomaly label; none where no labels were given. Training ignores it.
    pub label: Option<bool>,
}
