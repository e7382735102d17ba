//! Contexts before the watermark: the causal engine kept up to date with every event that has come, in any order.
//!
//! ```text
//!                  watermark            an event arrives here
//!                      │                          ▼
//!   settled, for good  │ a  b  c  d │ roll back: e  f  g      then apply: ▼ e f g
//!                      └─────── open events, each with what it changed (undo journal) ──────┘
//! ```
//! Settled events are applied for good. Open events are applied at once on top of them and their changes are recorded; an
//! event out of order is put into its place alone where that concerns no other, else it rolls the engine back to its place in
//! event order and what follows is applied again. The differences between the old and the new attributions come out as rows
//! with +1 and −1.
//!
//! Invariants:
//! - After each epoch the rows are what the sequential engine says of the events so far: the engine *is* the sequential
//!   one, and it stands where it would stand after them in event order.
//! - A settled row is never retracted: what lies below the watermark is complete, so nothing rolls back behind it.
//! - State is that of the settled events plus open events and their changes: bounded by the lateness, not by the stream.
//!
//! Cost: an event is applied once, and again as often as an epoch brings something earlier that matters to it. What comes far behind
//! its place is put there alone where nobody behind it looked at what it writes, or wrote what it looks at (`insert`): so
//! the end of a watch, which stands the lateness behind its arrival, costs one application and not ten thousand. For all else
//! the engine is rolled back, within an epoch once, no deeper than to the earliest such event. Joins by key could not do
//! this: what an event produces depends on its own attribution (periodic ones produce nothing), and commands are a fold.

use super::engine::{Ahead, Engine};
pub use super::model::Input;
use super::model::{Attribution, AuditId, Head};
use super::undo::{Changes, Looked};
use crate::audit::event::Stage;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::source::PartitionId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

mod insert;
use insert::Fresh;

/// What is said of one event, as of now or for good.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LiveRow {
    /// The event.
    pub id: Id,
    /// Event time.
    pub at: Micros,
    /// Context, role, cause.
    pub attribution: Attribution,
    /// Below the watermark: never retracted.
    pub settled: bool,
}

/// A row and how often it is added (+1) or retracted (−1).
pub type LiveChange = (LiveRow, isize);

/// Event order. Copies of an event, which are alike up to the stage, come by partition and offset.
type Key = (Micros, AuditId, Stage, PartitionId, u64);

/// Where the caller keeps an event.
pub trait Kept: Copy {
    /// The partition that the event is of.
    fn partition(self) -> PartitionId;
}

/// The index of an event among those of one partition.
impl Kept for usize {
    fn partition(self) -> PartitionId {
        PartitionId(0)
    }
}

/// An event above the watermark. `P`: where the caller keeps it.
#[derive(Debug)]
struct Open<P> {
    key: Key,
    id: Id,
    place: P,
    /// What was said of it last.
    shown: Option<Attribution>,
    /// What it changed in the engine, while it is applied.
    changes: Changes,
    /// How it looked at those behind it then.
    looked: Looked,
}

impl<P> Open<P> {
    fn row(&self, attribution: Attribution, settled: bool) -> LiveRow {
        LiveRow { id: self.id, at: self.key.0, attribution, settled }
    }

    /// Says what is said of it now.
    fn show(&mut self, now: Attribution, out: &mut Vec<LiveChange>) {
        if self.shown != Some(now) {
            out.extend(self.shown.map(|before| (self.row(before, false), -1)));
            out.push((self.row(now, false), 1));
            self.shown = Some(now);
        }
    }

    /// Says what is said of it for good.
    fn settle(&self, now: Attribution, out: &mut Vec<LiveChange>) {
        out.extend(self.shown.map(|before| (self.row(before, false), -1)));
        out.push((self.row(now, true), 1));
    }
}

/// The engine of one stream with its open events. `P` says where the caller keeps an event until it is settled.
#[derive(Debug)]
pub struct Live<P> {
    engine: Engine,
    /// In event order.
    open: VecDeque<Open<P>>,
    /// How many of them, from the front, are applied to the engine.
    applied: usize,
    applications: u64,
}

/// The open events from one on.
struct Behind<'l, P> {
    open: &'l VecDeque<Open<P>>,
    from: usize,
    find: &'l dyn Fn(P) -> Option<Input<'l>>,
}

impl<P: Copy> Ahead for Behind<'_, P> {
    fn event(&self, index: usize) -> Option<Input<'_>> {
        (self.find)(self.open.get(self.from + index)?.place)
    }
}

/// How much is held.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LiveSize {
    /// Events above the watermark.
    pub open: usize,
    /// Recorded changes.
    pub changes: usize,
    /// Keys in the engine.
    pub keys: usize,
    /// Producing events in the engine.
    pub producers: usize,
}

impl<P: Kept> Live<P> {
    /// Goes on from an engine that holds the settled events.
    pub fn new(engine: Engine) -> Live<P> {
        Live { engine, open: VecDeque::new(), applied: 0, applications: 0 }
    }

    /// One epoch: events arrive, and those before `limit` settle. Nothing may arrive any more below `limit` and the look-ahead,
    /// `LOOK_AHEAD_US`.
    ///
    /// `find` gives an event that has arrived and not settled. `out` gets the changes; among them the settled rows come in
    /// event order, each event once.
    pub fn epoch<'a>(
        &mut self,
        arrived: &[P],
        limit: Micros,
        find: impl Fn(P) -> Option<Input<'a>>,
        out: &mut Vec<LiveChange>,
    ) {
        self.arrive(arrived, &find, out);
        let settled = self.open.partition_point(|event| event.key.0 < limit);
        for mut event in self.open.drain(..settled.min(self.applied)) {
            self.engine.keep(std::mem::take(&mut event.changes));
            if let Some(attribution) = event.shown {
                event.settle(attribution, out);
            }
        }
        if settled > self.applied {
            self.applications += (settled - self.applied) as u64;
            // All that was recorded is kept: what settles in the epoch in which it came needs no record.
            self.engine.record(false);
            let count = settled - self.applied;
            for index in 0..count {
                let Some((said, event)) = self.apply_at(index, &find) else { continue };
                event.settle(said, out);
            }
            self.open.drain(..count);
        }
        self.applied = self.applied.saturating_sub(settled);
        self.apply_open(&find, out);
    }

    /// Puts what arrived into event order; from the first event on that has to be applied again or is not applied yet, none is.
    fn arrive<'a>(&mut self, arrived: &[P], find: &impl Fn(P) -> Option<Input<'a>>, out: &mut Vec<LiveChange>) {
        let fresh = arrived.iter().filter_map(|&place| {
            let Head { at, audit_id, stage, id, offset, .. } = *find(place)?.head;
            let (shown, changes, looked) = (None, Changes::default(), Looked::default());
            Some(Open { key: (at, audit_id, stage, place.partition(), offset), id, place, shown, changes, looked })
        });
        let mut fresh: Vec<Open<P>> = fresh.collect();
        fresh.sort_by_key(|event| event.key);
        let Fresh { idle, mut behind } = self.insert(fresh, find, out);
        let first = behind.first().map(|event| event.key);
        let from = first.map_or(self.open.len(), |first| self.moved_by(&behind, find).min(self.place_of(first)));
        self.roll_back(from);
        // Of the idle ones those count as applied that stand before what is not.
        let end = self.open.get(self.applied).map(|event| event.key).into_iter().chain(first).min();
        let stay = idle.iter().filter(|event| end.is_none_or(|end| event.key < end)).count();
        let Some(low) = idle.first().map(|event| event.key).into_iter().chain(first).min() else { return };
        behind.splice(0..0, self.open.drain(self.place_of(low)..).chain(idle));
        behind.sort_by_key(|event| event.key); // stable, and quick on sorted runs
        self.open.extend(behind);
        self.applied += stay;
    }

    /// How many open events come before one.
    fn place_of(&self, key: Key) -> usize {
        self.open.partition_point(|event| event.key < key)
    }

    /// Takes back the open events from the one at `from` on.
    fn roll_back(&mut self, from: usize) {
        let from = from.min(self.applied);
        for event in self.open.range_mut(from..self.applied).rev() {
            self.engine.undo(std::mem::take(&mut event.changes));
        }
        self.applied = from;
    }

    /// Applies the open events that are not applied.
    fn apply_open<'a>(&mut self, find: &impl Fn(P) -> Option<Input<'a>>, out: &mut Vec<LiveChange>) {
        self.engine.record(true);
        self.applications += (self.open.len() - self.applied) as u64;
        for index in self.applied..self.open.len() {
            let said = self.apply_at(index, find).map(|(said, _)| said);
            let Some(event) = self.open.get_mut(index) else { continue };
            (event.changes, event.looked) = self.engine.changes();
            if let Some(said) = said {
                event.show(said, out);
            }
        }
        self.applied = self.open.len();
    }

    /// Applies the open event at `index` to the engine.
    fn apply_at<'a>(
        &mut self,
        index: usize,
        find: &impl Fn(P) -> Option<Input<'a>>,
    ) -> Option<(Attribution, &Open<P>)> {
        let event = self.open.get(index)?;
        let Input { head, facts, client } = find(event.place)?;
        let ahead = Behind { open: &self.open, from: index + 1, find: &|place| find(place) };
        Some((self.engine.apply_before(head, facts, client, &ahead), event))
    }

    /// Attributes an event that comes below the watermark by what is settled. The open events are applied again with the
    /// next epoch.
    pub fn apply_late(&mut self, event: Input<'_>) -> Attribution {
        self.roll_back(0);
        self.engine.apply_late(event.head, event.facts, event.client)
    }

    /// Frees what no event at or after `watermark` can need. Every open event must be at or after it.
    pub fn retire(&mut self, watermark: Micros) {
        self.engine.retire(watermark);
    }

    /// The state of the settled events, as [`Engine::save`] writes it: open events are read again after a restart. They are
    /// applied again with the next epoch.
    pub fn save(&mut self) -> Vec<u8> {
        self.roll_back(0);
        self.engine.save()
    }

    /// How often an event was applied so far: once each, and again after each rollback behind it.
    pub fn applied(&self) -> u64 {
        self.applications
    }

    /// How much is held.
    pub fn size(&self) -> LiveSize {
        let (keys, producers) = self.engine.size();
        let changes = self.open.iter().map(|event| event.changes.len()).sum();
        LiveSize { open: self.open.len(), changes, keys, producers }
    }
}
