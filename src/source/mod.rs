//! Where records come from, as blocks of whole lines with positions.

pub mod buffers;
pub mod catalog;
pub mod files;
pub mod kafka;
pub mod stream;

use serde::{Deserialize, Serialize};

/// Index of a partition within one run: a file, or a partition of a topic. Which one it is stands in the source's list.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionId(pub u32);

/// Place of a record within its partition: the byte offset of its line (in the decompressed file), or a Kafka offset.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset(pub u64);

/// Whole lines of one partition, in order.
#[derive(Debug)]
pub struct Block {
    /// The partition.
    pub partition: PartitionId,
    /// Offset of the first byte.
    pub offset: Offset,
    /// Lines, each with its newline; only the last line of a partition may lack one.
    pub bytes: Vec<u8>,
}

impl Block {
    /// Offset just behind the last byte: where reading resumes once everything of this block is done.
    pub fn end(&self) -> Offset {
        Offset(self.offset.0.saturating_add(self.bytes.len() as u64))
    }
}
