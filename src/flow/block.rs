//! A decoded block, as those need it who put the events of a stream in order: facts and features, but no rows.

use super::order::Order;
use super::shelf::BatchId;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::context::model::{FactBatch, Head};
use crate::source::PartitionId;
use crate::source::kafka::Says;
use crate::source::stream::StreamName;
use serde::{Deserialize, Serialize};

/// Bit of [`Head::flags`](crate::context::model::Head::flags): the event was settled before a restart; it only moves its partition's progress.
pub const SETTLED: u8 = 128;

/// Bit of [`Head::flags`](crate::context::model::Head::flags): a stage that has a row only where all stages have. It is told by the event of the same request that
/// comes next, since it says nothing of its own.
pub const BESIDE: u8 = 64;

/// The events of one block, as the owner of the streams needs them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DecodedBlock {
    /// Worker that has the rows.
    pub worker: u32,
    /// The stream of what names none; of all where the block is not shared.
    pub stream: StreamName,
    /// Its partition is one that streams share.
    pub shared: bool,
    /// Partition of the block.
    pub partition: PartitionId,
    /// Offset of its first byte.
    pub offset: u64,
    /// Offset behind its last byte.
    pub end: u64,
    /// Newest stage time in the block, where there are no heads to tell it.
    pub newest: Option<Micros>,
    /// Records counted for the first time: events and rejects.
    pub records: u64,
    /// Empty lines skipped for the first time.
    pub empty_lines: u64,
    /// What it holds of each stream.
    pub shares: Vec<Share>,
    /// Where it is shared: all events that are to be put in order, of whatever stream, as they arrived.
    pub pulses: Vec<Pulse>,
    /// Records that were rejected since their time lies ahead of our clock.
    pub ahead: Vec<u64>,
    /// No block, but word of its partition.
    pub says: Option<Says>,
}

/// What a block holds of one stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Share {
    /// The stream.
    pub stream: StreamName,
    /// Its rows, on the worker that decoded them.
    pub batch: BatchId,
    /// Its events that are to be put in order.
    pub facts: FactBatch,
    /// What a label model sees of them.
    pub features: Features,
}

/// An event, as those know it who do not have it: it says how far its partition is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// Offset of its record.
    pub offset: u64,
    /// Index of the event in it.
    pub item: u32,
    /// Its stage time.
    pub stage_at: Micros,
}

/// An event of a block, as a stream sees it.
#[derive(Copy, Clone, Debug)]
pub enum Seen<'a> {
    /// Its own, by index in its share.
    Own(u32, &'a Head),
    /// Of another stream.
    Other(Pulse),
}

/// What the model sees of the events of a block, before they are in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Features {
    /// Index of the event's head in the block, ascending.
    pub heads: Vec<u32>,
    /// Its numbers.
    pub rows: Vec<Vec<u16>>,
    /// Its proposed label, and the one that it has as a part of the control plane's routine.
    pub labels: Vec<(Label, Label)>,
}

impl DecodedBlock {
    /// The events as the stream of `share` sees them, as they arrived.
    pub fn seen<'a>(&'a self, share: Option<&'a Share>) -> impl Iterator<Item = Seen<'a>> {
        let heads = share.map_or(&[][..], |share| &share.facts.heads);
        let mut own = (0..).zip(heads).peekable();
        let mut pulses = self.pulses.iter();
        std::iter::from_fn(move || {
            let Some(pulse) = pulses.next().filter(|_| self.shared) else {
                return own.next().map(|(index, head)| Seen::Own(index, head));
            };
            let here = own.next_if(|(_, head)| (head.offset, head.item) == (pulse.offset, pulse.item));
            Some(here.map_or(Seen::Other(*pulse), |(index, head)| Seen::Own(index, head)))
        })
    }

    /// What a block tells of its partition, beside its events.
    pub fn tell(&self, order: &mut Order) {
        if self.says == Some(Says::Begins) {
            order.begin(self.partition, self.offset);
        }
        order.read(self.partition, self.end);
        match self.says {
            Some(Says::AtEnd) => order.at_end(self.partition),
            Some(Says::Ended) => order.end(self.partition),
            Some(Says::Begins) | None => {}
        }
        if let Some(newest) = self.newest {
            order.progress(self.partition, newest);
        }
    }
}
