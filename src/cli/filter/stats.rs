//! What the filter counts.

use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of one run: read = white_listed + black_listed + removed + rejects, whatever is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Events read; a record that holds none counts as one.
    pub read: u64,
    /// Events that no rule matches.
    pub white_listed: u64,
    /// Events that a rule black-lists.
    pub black_listed: u64,
    /// Events that a rule removes, RequestReceived among them unless all stages are kept.
    pub removed: u64,
    /// Records that hold no event.
    pub rejects: u64,
    /// Black-listed and removed events by rule.
    pub by_rule: BTreeMap<String, u64>,
}
