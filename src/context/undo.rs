//! What the events above the watermark changed, so that it can be taken back; and what they looked at, so that it is known what an event
//! changes that comes late.
//!
//! ```text
//!   event order ──▶      a         b         c         d
//!   changes            [old..]   [old..]   [old..]   [old..] ── undo: from the back
//!                         ▲
//!                         └ one more event stands here: of what it reads nobody behind it may have written anything, and of
//!                           what it writes nobody behind it may have read anything; else all behind it is undone and applied again
//! ```
//! Invariants: each change holds the value that it replaced, so undoing the changes of the events from the back leads to exactly the
//! state before them; while nothing is recorded there are no changes. Whether a clash is told can only cost work: what is told is a superset.

use super::clock::Clock;
use super::commands::ClientBefore;
use super::heartbeat::BeatBefore;
use super::memory::{ByHash, NoteBefore, SlotBefore};
use super::model::Attribution;
use crate::audit::hash::Id;
use crate::audit::time::Micros;

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

/// What one event changed, in order.
pub(super) type Changes = Box<[Change]>;

/// Fewest keys between two rounds of forgetting.
const FORGET_AFTER: usize = 1 << 14;

/// How an event looked at those behind it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// For one that writes a key that it reacts to.
    pub for_cause: bool,
    /// For one by the same user.
    pub for_user: bool,
    /// It took one before its turn.
    pub took: bool,
}

/// The changes of the event that is being applied.
#[derive(Debug, Default)]
pub(super) struct Journal {
    on: bool,
    changes: Vec<Change>,
    at: Micros,
    /// When an open event last looked at a state whose every reader writes it.
    touched: ByHash<Micros>,
    kept: usize,
    inserting: bool,
    clashed: bool,
    /// How the event looked ahead.
    pub looked: Looked,
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

    /// The next event, at this time.
    pub fn begin(&mut self, at: Micros) {
        self.at = at;
        self.looked = Looked::default();
    }

    /// Time of the event.
    pub fn at(&self) -> Micros {
        self.at
    }

    /// From now on, or no longer, there are events behind the one that is applied.
    pub fn insert(&mut self, on: bool) {
        self.inserting = on;
        self.clashed = false;
    }

    pub fn is_inserting(&self) -> bool {
        self.inserting
    }

    /// The event does what those behind it would have to know of.
    pub fn clash(&mut self) {
        self.clashed = true;
    }

    pub fn has_clashed(&self) -> bool {
        self.clashed
    }

    /// The event looks at, or writes, a key that was `written` last at this time.
    #[inline]
    pub fn pass(&mut self, written: impl FnOnce() -> Option<Micros>) {
        self.clashed |= self.inserting && written().is_some_and(|written| written > self.at);
    }

    /// The event looks at a key whose every writer looks at it too.
    #[inline]
    pub fn touch(&mut self, key: u64) {
        if self.on {
            let touched = self.touched.entry(key).or_insert(self.at);
            self.clashed |= self.inserting && *touched > self.at;
            *touched = self.at.max(*touched);
        }
    }

    /// Notes a change, if any are recorded. `change` runs before the entry is changed.
    #[inline]
    pub fn note(&mut self, change: impl FnOnce() -> Change) {
        if self.on {
            self.changes.push(change());
        }
    }

    /// What was changed since this was asked last.
    pub fn take(&mut self) -> Changes {
        self.changes.drain(..).collect()
    }

    /// Frees what no event at or after `watermark` can clash with.
    pub fn forget(&mut self, watermark: Micros) {
        if self.touched.len() >= FORGET_AFTER.max(2 * self.kept) {
            self.touched.retain(|_, at| *at >= watermark);
            self.kept = self.touched.len();
        }
    }
}
