//! What a commit saves of a stream of log lines.

use super::watch::WatchState;
use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::text::adapter::SessionsState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The learner's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedText {
    /// The settings that the rows were made with.
    pub fingerprint: String,
    /// The parser ([`crate::text::drain::Snapshot`]).
    pub drain: Vec<u8>,
    /// Revisions of each template so far.
    pub revisions: BTreeMap<u32, u32>,
    /// Open sessions.
    pub sessions: SessionsState,
    /// Where the reading of times stands.
    pub time: (i64, Option<Micros>),
    /// Time of the last line.
    pub at: Micros,
    /// Key and name of each file that positions speak of, by partition.
    pub sources: Vec<(String, String)>,
    /// Lines of each file so far, by its key.
    pub lines: BTreeMap<String, u64>,
    /// What the detectors of values and of counts in time need of the lines so far.
    pub watch: WatchState,
}

impl SavedText {
    /// Adds to `sources`, those of this run, the files that only the state knows, and gives positions the places that the
    /// files have now.
    pub fn move_positions(&mut self, sources: &mut Vec<(String, String)>) {
        let mut moved = BTreeMap::new();
        for (was, saved) in (0..).map(PartitionId).zip(&self.sources) {
            let place = sources.iter().position(|(key, _)| *key == saved.0).unwrap_or_else(|| {
                sources.push(saved.clone());
                sources.len() - 1
            });
            moved.insert(was, PartitionId(u32::try_from(place).unwrap_or(u32::MAX)));
        }
        self.sessions.move_positions(|was| moved.get(&was).copied().unwrap_or(was));
    }
}
