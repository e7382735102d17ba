//! A decoded block, as those need it who put the events of a stream in order: facts and features, but no rows.

use super::order::Order;
use super::shelf::BatchId;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::context::model::FactBatch;
use crate::source::PartitionId;
use crate::source::kafka::Says;
use serde::{Deserialize, Serialize};

/// Bit of [`Head::flags`](crate::context::model::Head::flags): the event was settled before a restart; it only moves its partition's progress.
pub const SETTLED: u8 = 128;

/// Bit of [`Head::flags`](crate::context::model::Head::flags): a stage that has a row only where all stages have. It is told by the event of the same request that
/// comes next, since it says nothing of its own.
pub const BESIDE: u8 = 64;

/// The events of one block, as its stream's owner needs them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecodedBlock {
    /// Worker that has the rows.
    pub worker: u32,
    /// The rows there.
    pub batch: BatchId,
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
    /// The events that are to be put in order.
    pub facts: FactBatch,
    /// Records that were rejected since their time lies ahead of our clock.
    pub ahead: Vec<u64>,
    /// No block, but word of its partition.
    pub says: Option<Says>,
    /// What a label model sees of them.
    pub features: Features,
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
