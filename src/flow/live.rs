//! The live engine in the dataflow, and its rows as a differential collection.
//!
//! ```text
//! decoded blocks ─▶ attribute [ order ─▶ LiveCauses ] ── changes of an epoch ─▶ live_rows: (LiveRow, epoch, ±1)
//! ```
//! Invariants: after each epoch the collection holds one row for each event that was accepted so far (late ones and further
//! stages of a request have none), as the sequential engine would say it of exactly these; a settled row is never retracted.
//! The operator is one sequential fold on the stream's owner, so the worker count can not show.

use super::epoch::{Epoch, Flow};
use super::order::Place;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::engine::Engine;
use crate::context::live::{Input, Kept, Live, LiveChange, LiveRow, LiveSize};
use crate::context::model::{Attribution, Head};
use crate::source::PartitionId;
use differential_dataflow::{AsCollection, VecCollection};
use std::collections::VecDeque;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

/// Where an event is kept that has arrived.
#[derive(Copy, Clone, Debug)]
struct Arrived {
    partition: PartitionId,
    place: Place,
}

impl Kept for Arrived {
    fn partition(self) -> PartitionId {
        self.partition
    }
}

/// The live engine of a stream, with what it said of the events that settle in this epoch.
#[derive(Debug)]
pub struct LiveCauses {
    live: Live<Arrived>,
    arrived: Vec<Arrived>,
    settled: VecDeque<(Id, Attribution)>,
}

impl LiveCauses {
    /// Goes on from an engine that holds the settled events.
    pub fn new(engine: Engine) -> LiveCauses {
        LiveCauses { live: Live::new(engine), arrived: Vec::new(), settled: VecDeque::new() }
    }

    /// An event of this partition has arrived and waits for the watermark.
    pub fn arrive(&mut self, partition: PartitionId, place: Place) {
        self.arrived.push(Arrived { partition, place });
    }

    /// The changes of an epoch, in which the events before `limit` settle.
    pub fn epoch<'a>(&mut self, limit: Micros, find: impl Fn(Place) -> Option<Input<'a>>) -> Vec<LiveChange> {
        let mut changes = Vec::with_capacity(2 * self.arrived.len());
        self.live.epoch(&self.arrived, limit, |arrived: Arrived| find(arrived.place), &mut changes);
        self.arrived.clear();
        let settled = changes.iter().map(|(row, _)| row).filter(|row| row.settled);
        self.settled.extend(settled.map(|row| (row.id, row.attribution)));
        changes
    }

    /// What is said of the next event that settles; to be asked in event order.
    pub fn settled(&mut self, head: &Head) -> Attribution {
        let next = self.settled.pop_front();
        debug_assert_eq!(next.map(|(id, _)| id), Some(head.id), "events settle in event order");
        next.map_or_else(super::note::unattributed, |(_, attribution)| attribution)
    }

    /// See [`Live::apply_late`].
    pub fn apply_late(&mut self, event: Input<'_>) -> Attribution {
        self.live.apply_late(event)
    }

    /// See [`Live::retire`].
    pub fn retire(&mut self, watermark: Micros) {
        self.live.retire(watermark);
    }

    /// See [`Live::save`].
    pub fn save(&mut self) -> Vec<u8> {
        self.live.save()
    }

    /// How much is held.
    pub fn size(&self) -> LiveSize {
        self.live.size()
    }
}

/// The changes as a collection.
pub fn live_rows<'s>(changes: Flow<'s, Vec<LiveChange>>) -> VecCollection<'s, Epoch, LiveRow, isize> {
    let updates = changes.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "LiveRows", |_, _| {
        move |input, output| {
            input.for_each(|time, epochs| {
                let epoch = *time.time();
                let updates = epochs.drain(..).flatten().map(|(row, diff)| (row, epoch, diff));
                output.session(&time).give_iterator(updates);
            });
        }
    });
    updates.as_collection()
}
