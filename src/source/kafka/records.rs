//! What a partition of a topic gives: messages with their offsets, and word of where it stands.

use crate::source::PartitionId;

/// Messages of one partition, in order. Offsets may have gaps: control records and compaction leave some.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The partition.
    pub partition: PartitionId,
    /// The values, one behind the other.
    bytes: Vec<u8>,
    /// Offset of each message, and where its value ends in `bytes`.
    ends: Vec<(u64, usize)>,
    /// Offset behind the last message.
    pub next: u64,
}

impl Records {
    /// None yet.
    pub fn new(partition: PartitionId, next: u64) -> Records {
        Records { partition, next, ..Records::default() }
    }

    /// Adds a message; a tombstone has an empty value.
    pub fn push(&mut self, offset: u64, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push((offset, self.bytes.len()));
        self.next = offset.saturating_add(1);
    }

    /// Offset of the first message.
    pub fn first(&self) -> u64 {
        self.ends.first().map_or(self.next, |(offset, _)| *offset)
    }

    /// Number of messages.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All values.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each message: offset and value.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, (offset, end))| (*offset, self.bytes.get(start..*end).unwrap_or_default()))
    }
}

/// Word of a partition, in the order of its messages.
#[derive(Copy, Clone, Debug)]
pub struct Notice {
    /// The partition.
    pub partition: PartitionId,
    /// Where it is read from next.
    pub position: u64,
    /// What is said.
    pub says: Says,
}

/// What is said of a partition.
#[derive(Copy, Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Says {
    /// It is going to be read: until it gives something, it holds the watermark.
    Begins,
    /// Its broker answers, and there is nothing more to read at the moment.
    AtEnd,
    /// It is read up to where it was to be read.
    Ended,
}

/// What a Kafka source gives.
#[derive(Debug)]
pub enum Arrival {
    /// Messages.
    Records(Records),
    /// Word of a partition.
    Notice(Notice),
    /// Every partition that was there at the start has been said to begin.
    Begun,
    /// Something that the manifest is to tell.
    Note(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_offsets_over_gaps() {
        let mut records = Records::new(PartitionId(3), 5);
        assert_eq!((records.first(), records.next, records.is_empty()), (5, 5, true));
        records.push(5, b"one");
        records.push(9, b"");
        records.push(10, b"three");
        let all: Vec<(u64, &[u8])> = records.iter().collect();
        assert_eq!(all, [(5, &b"one"[..]), (9, b""), (10, b"three")]);
        assert_eq!((records.first(), records.next, records.count(), records.bytes().len()), (5, 11, 3, 8));
    }
}
