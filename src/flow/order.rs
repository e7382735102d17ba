//! Event order and watermark of one stream: pure logic, no dataflow.
//!
//! Invariants:
//! - Lateness is judged in arrival order against the partition's own progress, so which events are late depends neither on
//!   epochs nor on how partitions interleave: late = event time < newest stage time that came before it − allowed lateness.
//! - The watermark is the least of the partitions' progress, less the lateness. So every event that is not late has its
//!   time at or above the watermark when it arrives, and what lies below the watermark is final.
//! - Events are released in the order (time, audit id, stage), whatever the order of arrival; copies of an event, such as overlapping
//!   archives hold, in the order of their partitions and offsets (partitions of topics may be numbered otherwise by the next run).
//! - A partition's resume point is its first event that has not been released, with the progress that stood before it: reading
//!   again from there repeats each decision.

use crate::audit::event::Stage;
use crate::audit::time::Micros;
use crate::context::engine::Glance;
use crate::context::model::{AuditId, Head};
use crate::source::PartitionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a partition goes on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// Offset to read from: the first event that was not settled, or `read_to`.
    pub resume: u64,
    /// Offset up to which records were counted, rejected or settled: below it, only events at or above the watermark are new.
    pub read_to: u64,
    /// Newest stage time before `resume`.
    pub progress: Micros,
    /// What the clock decided behind `resume`, to be repeated when it is read again.
    pub decided: Decided,
}

/// What no second reading of the same records would tell: it was decided by a clock, or by how far others were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The partition came back after it had been let go: at this offset its progress was set to this time.
    pub raised: Vec<(u64, Micros)>,
    /// Records that were rejected because their time lay ahead of our clock.
    pub ahead: Vec<u64>,
}

impl Decided {
    fn forget_before(&mut self, resume: u64) {
        self.raised.retain(|(at, _)| *at >= resume);
        self.ahead.retain(|at| *at >= resume);
    }
}

/// An event that waits for the watermark.
#[derive(Copy, Clone, Debug)]
pub struct Waiting {
    /// What tells whether a look at the event is worth while.
    pub glance: Glance,
    audit_id: AuditId,
    stage: Stage,
    partition: PartitionId,
    offset: u64,
    progress_before: Micros,
    /// Where the caller keeps the event: block and index in it.
    pub place: Place,
}

/// Where the caller keeps an event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The block, as the caller numbers it.
    pub block: u64,
    /// Index of the event in the block.
    pub head: u32,
}

/// What becomes of an arriving event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It waits for the watermark.
    Queued,
    /// It came below what its partition promised.
    Late,
}

#[derive(Clone, Debug)]
struct Partition {
    progress: Micros,
    /// Read up to here, by this run or one before it.
    read_to: u64,
    /// Read up to here by this run: after a restart it begins further back, and what lies between is still to be read again.
    position: u64,
    ended: bool,
    /// Let go: silent for so long that nobody waits for it.
    idle: bool,
    /// Clock when it last got further, and when it was last said to be at its end.
    moved_ms: u64,
    at_end_ms: Option<u64>,
    decided: Decided,
}

/// How partitions are followed that never end, by the clock of the feed.
#[derive(Copy, Clone, Debug)]
pub struct Following {
    /// Silence after which a partition is let go.
    pub idle_after_ms: u64,
}

/// An answer that a partition is at its end counts for so long.
const AT_END_MS: u64 = 10_000;

/// Order of one stream.
#[derive(Debug)]
pub struct Order {
    lateness_us: i64,
    hold_us: i64,
    partitions: BTreeMap<PartitionId, Partition>,
    /// Sorted by event order; what arrived since the last release comes behind `sorted`.
    waiting: Vec<Waiting>,
    sorted: usize,
    /// Used again by each sort: times and places of what is sorted, and that in its new order.
    places: Vec<(Micros, usize)>,
    moved: Vec<Waiting>,
    watermark: Micros,
    counted: BTreeMap<PartitionId, u64>,
    following: Option<Following>,
    now_ms: u64,
    let_go: Vec<PartitionId>,
}

impl Waiting {
    /// Event time.
    pub fn at(&self) -> Micros {
        self.glance.at
    }

    /// Event order.
    fn rank(&self) -> (Micros, AuditId, Stage, PartitionId, u64) {
        (self.glance.at, self.audit_id, self.stage, self.partition, self.offset)
    }
}

impl Order {
    /// An order with the allowed lateness, going on from `resumed` partitions and their watermark.
    pub fn new(lateness_us: i64, resumed: &BTreeMap<PartitionId, ResumePoint>, watermark: Micros) -> Order {
        let partitions = resumed
            .iter()
            .map(|(id, point)| {
                let decided = point.decided.clone();
                let position = point.resume;
                (*id, Partition { decided, position, ..Partition::new(point.progress, point.read_to) })
            })
            .collect();
        let counted = resumed.iter().map(|(id, point)| (*id, point.read_to)).collect();
        Order {
            lateness_us,
            hold_us: 0,
            partitions,
            waiting: Vec::new(),
            sorted: 0,
            places: Vec::new(),
            moved: Vec::new(),
            watermark,
            counted,
            following: None,
            now_ms: 0,
            let_go: Vec::new(),
        }
    }

    /// Partitions are followed: those that are silent are let go, and what comes of them later than that is late.
    pub fn following(self, following: Option<Following>) -> Order {
        Order { following, ..self }
    }

    /// The clock of the feed, in milliseconds since the run began.
    pub fn clock(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// A partition begins at `offset`: it holds the watermark from now on.
    pub fn begin(&mut self, id: PartitionId, offset: u64) {
        let now_ms = self.now_ms;
        let state = self.partitions.entry(id).or_insert_with(|| Partition::new(Micros::MIN, offset));
        state.moved_ms = now_ms;
    }

    /// A partition has nothing more to read at the moment.
    pub fn at_end(&mut self, id: PartitionId) {
        let now_ms = self.now_ms;
        self.partition(id).at_end_ms = Some(now_ms);
    }

    /// Records of the partition that were rejected since their time lies ahead of our clock.
    pub fn ahead(&mut self, id: PartitionId, offsets: Vec<u64>) {
        self.partition(id).decided.ahead.extend(offsets);
    }

    /// Partitions that were let go since this was last asked.
    pub fn let_go(&mut self) -> Vec<PartitionId> {
        std::mem::take(&mut self.let_go)
    }

    /// The watermark stays this much further behind, so that what comes after a released event is known for so long.
    pub fn holding(self, hold_us: i64) -> Order {
        Order { hold_us, ..self }
    }

    /// The order of a further stream that has listened to the partitions that `keep` says, as this one has, up to `watermark`.
    pub fn fork(&self, keep: impl Fn(PartitionId) -> bool, watermark: Micros) -> Order {
        let known = self.partitions.iter().filter(|(id, _)| keep(**id));
        let counted = self.counted.iter().filter(|(id, _)| keep(**id));
        Order {
            lateness_us: self.lateness_us,
            hold_us: self.hold_us,
            partitions: known.map(|(id, partition)| (*id, partition.clone())).collect(),
            waiting: Vec::new(),
            sorted: 0,
            places: Vec::new(),
            moved: Vec::new(),
            watermark,
            counted: counted.map(|(id, read_to)| (*id, *read_to)).collect(),
            following: self.following,
            now_ms: self.now_ms,
            let_go: Vec::new(),
        }
    }

    /// The event time up to which everything is complete.
    pub fn watermark(&self) -> Micros {
        self.watermark
    }

    /// Takes the next event of a partition. `settled`: it was settled before a restart and only moves the progress.
    pub fn arrive(&mut self, partition: PartitionId, head: &Head, place: Place, settled: bool) -> Arrival {
        self.arrive_seen(partition, (head, Glance::of(head)), place, settled)
    }

    /// The same for an event of which more is told at a glance.
    pub fn arrive_seen(
        &mut self,
        partition: PartitionId,
        (head, glance): (&Head, Glance),
        place: Place,
        settled: bool,
    ) -> Arrival {
        let before = self.pass(partition, head.offset, head.stage_at);
        if settled {
            return Arrival::Queued;
        }
        if head.at < before.plus(-self.lateness_us) {
            return Arrival::Late;
        }
        self.waiting.push(Waiting {
            glance,
            audit_id: head.audit_id,
            stage: head.stage,
            partition,
            offset: head.offset,
            progress_before: before,
            place,
        });
        Arrival::Queued
    }

    /// An event of the partition that is of another stream: it only says how far the partition is. Returns what it was before.
    pub fn pass(&mut self, partition: PartitionId, offset: u64, stage_at: Micros) -> Micros {
        let counted = self.counted(partition);
        let promised = self.watermark.plus(self.lateness_us);
        let (following, watermark, now_ms) = (self.following.is_some(), self.watermark, self.now_ms);
        let state = self.partition(partition);
        if offset < counted {
            let raised = state.decided.raised.iter().filter(|(at, _)| *at <= offset).map(|(_, to)| *to).max();
            state.progress = state.progress.max(raised.unwrap_or(Micros::MIN));
        } else if following && watermark > Micros::MIN && state.progress < promised {
            // It was let go or is new: the others have settled what it should have brought before.
            state.progress = promised;
            state.decided.raised.push((offset, promised));
        }
        let before = state.progress;
        state.progress = before.max(stage_at);
        state.idle = false;
        state.moved_ms = now_ms;
        before
    }

    /// A block without events to order has this newest stage time.
    pub fn progress(&mut self, partition: PartitionId, newest: Micros) {
        let now_ms = self.now_ms;
        let state = self.partition(partition);
        state.progress = state.progress.max(newest);
        state.idle = false;
        state.moved_ms = now_ms;
    }

    /// Records of the partition below this offset were counted before the restart.
    pub fn counted(&self, partition: PartitionId) -> u64 {
        self.counted.get(&partition).copied().unwrap_or(0)
    }

    /// The partition was read up to `offset`.
    pub fn read(&mut self, partition: PartitionId, offset: u64) {
        let state = self.partition(partition);
        state.position = state.position.max(offset);
        state.read_to = state.read_to.max(offset);
        state.ended = false;
    }

    /// The partition has ended and no longer holds the watermark.
    pub fn end(&mut self, partition: PartitionId) {
        self.partition(partition).ended = true;
    }

    fn partition(&mut self, id: PartitionId) -> &mut Partition {
        self.partitions.entry(id).or_insert_with(|| Partition::new(Micros::MIN, 0))
    }

    /// Lets go of partitions that have been silent for too long although nothing keeps them.
    fn let_silent_go(&mut self) {
        let Some(Following { idle_after_ms }) = self.following else { return };
        let now_ms = self.now_ms;
        for (id, p) in &mut self.partitions {
            let silent = now_ms.saturating_sub(p.moved_ms) >= idle_after_ms;
            let nothing_there = p.at_end_ms.is_some_and(|at| now_ms.saturating_sub(at) <= AT_END_MS);
            if silent && nothing_there && !p.idle && !p.ended {
                p.idle = true;
                self.let_go.push(*id);
            }
        }
    }

    /// Moves the watermark to what the partitions and `floor` (the time of the earliest data that no partition has yet) allow.
    pub fn advance(&mut self, floor: Micros) -> Micros {
        self.let_silent_go();
        let holding = || self.partitions.values().filter(|p| !p.ended && !p.idle);
        let least = holding().map(|p| p.progress).fold(floor, Micros::min);
        if self.following.is_some() && holding().next().is_none() {
            // All are silent: what is there is all there is.
            let newest = self.partitions.values().map(|p| p.progress).max().unwrap_or(Micros::MIN);
            if newest > Micros::MIN {
                self.watermark = self.watermark.max(newest.plus(1));
            }
        } else if least < Micros::MAX {
            self.watermark = self.watermark.max(least.plus(-self.lateness_us - self.hold_us));
        }
        self.watermark
    }

    /// At the end of the input: the watermark moves to where the ended partitions would let it.
    pub fn finish(&mut self) -> Micros {
        let newest = self.partitions.values().map(|p| p.progress).max().unwrap_or(Micros::MIN);
        self.watermark = self.watermark.max(newest.plus(-self.lateness_us - self.hold_us));
        self.watermark
    }

    /// Takes out what lies below `limit`, in event order.
    pub fn release(&mut self, limit: Micros) -> Vec<Waiting> {
        let mut released = Vec::new();
        self.release_into(limit, &mut released);
        released
    }

    /// The same, into memory that is used again: what was there goes.
    pub fn release_into(&mut self, limit: Micros, released: &mut Vec<Waiting>) {
        self.sort();
        let count = self.waiting.partition_point(|w| w.at() < limit);
        released.clear();
        released.extend(self.waiting.drain(..count));
        self.sorted = self.waiting.len();
    }

    /// Brings what waits into event order; of equals, which are events of one record, the one that came first stays first.
    fn sort(&mut self) {
        let Order { waiting, sorted, places, moved, .. } = self;
        let (old, new) = waiting.split_at_checked(*sorted).unwrap_or((&[], waiting));
        let Some(first) = new.iter().map(Waiting::at).min() else { return };
        // What lies before the first of the new ones stays where it is.
        let from = old.partition_point(|waiting| waiting.at() < first);
        let moving = waiting.get(from..).unwrap_or_default();
        // Times are rarely the same, so it is times and places that move about, a small part of what is sorted. These are nearly sorted runs:
        // the merge sort of the standard library takes linear time on them.
        places.clear();
        places.extend(moving.iter().map(Waiting::at).zip(0..));
        let rank = |place: usize| moving.get(place).map(Waiting::rank);
        places.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| rank(one.1).cmp(&rank(other.1))));
        moved.extend(places.iter().filter_map(|(_, place)| moving.get(*place).copied()));
        waiting.truncate(from);
        waiting.append(moved);
        *sorted = waiting.len();
    }

    /// What waits behind the events that were released last, in event order.
    pub fn coming(&self) -> &[Waiting] {
        self.waiting.get(..self.sorted).unwrap_or_default()
    }

    /// Number of events that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Where each partition goes on if this is the end.
    pub fn resume_points(&mut self) -> BTreeMap<PartitionId, ResumePoint> {
        let mut points: BTreeMap<PartitionId, ResumePoint> = self
            .partitions
            .iter()
            .map(|(id, p)| {
                let (resume, read_to, progress) = (p.position, p.read_to, p.progress);
                (*id, ResumePoint { resume, read_to, progress, decided: Decided::default() })
            })
            .collect();
        for waiting in &self.waiting {
            if let Some(point) = points.get_mut(&waiting.partition)
                && waiting.offset <= point.resume
            {
                // Of several events of one record the first one knows the progress before the record.
                let progress = if waiting.offset == point.resume {
                    point.progress.min(waiting.progress_before)
                } else {
                    waiting.progress_before
                };
                point.resume = waiting.offset;
                point.progress = progress;
            }
        }
        for (id, point) in &mut points {
            if let Some(partition) = self.partitions.get_mut(id) {
                partition.decided.forget_before(point.resume);
                point.decided = partition.decided.clone();
            }
        }
        points
    }
}

impl Partition {
    fn new(progress: Micros, read_to: u64) -> Partition {
        Partition {
            progress,
            read_to,
            position: read_to,
            ended: false,
            idle: false,
            moved_ms: 0,
            at_end_ms: None,
            decided: Decided::default(),
        }
    }
}

#[cfg(test)]
mod tests;
