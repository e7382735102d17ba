//! What the events above the watermark changed, so that it can be taken back.
//!
//! ```text
//!   settled ◀── keep ──┤ old values of open events, in event order ├── undo ──▶ gone
//!               (front)                                            (back)
//! ```
//! Invariants: each change holds the value that it replaced, so undoing changes from the back leads to exactly the state
//! before them; while nothing is recorded the journal is empty. Its size is that of the open events, never of the stream.

use super::clock::Clock;
use super::commands::ClientBefore;
use super::heartbeat::BeatBefore;
use super::memory::{NoteBefore, SlotBefore};
use super::model::Attribution;
use crate::audit::hash::Id;
use std::collections::VecDeque;

/// One map entry as it was.
#[derive(Debug)]
pub(super) enum Change {
    Slot(SlotBefore),
    Note(NoteBefore),
    Beat(BeatBefore),
    Client(ClientBefore),
    Clock(Box<Clock>),
    /// What was said of an event before its turn.
    Early(Id, Option<Attribution>),
}

/// The changes of the open events.
#[derive(Debug, Default)]
pub(super) struct Journal {
    on: bool,
    changes: VecDeque<Change>,
}

impl Journal {
    /// Starts or ends recording.
    pub fn record(&mut self, on: bool) {
        debug_assert!(on || self.changes.is_empty(), "open events would rest on changes that cannot be undone");
        self.on = on;
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Notes a change, if any are recorded. `change` runs before the entry is changed.
    #[inline]
    pub fn note(&mut self, change: impl FnOnce() -> Change) {
        if self.on {
            self.changes.push_back(change());
        }
    }

    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The latest change.
    pub fn last(&mut self) -> Option<Change> {
        self.changes.pop_back()
    }

    /// The earliest change.
    pub fn first(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}
