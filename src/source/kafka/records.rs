//! What a partition of a topic gives: messages with their offsets, and word of where it stands.

use crate::source::PartitionId;

/// Messages of one partition, in order. Offsets may have gaps: control records and compaction leave some.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The partition.
    pub partition: PartitionId,
    /// The values, one behind the other.
    bytes: Vec<u8>,
    ends: Vec<End>,
    /// Offset behind the last message.
    pub next: u64,
}

/// Where a message ends.
#[derive(Copy, Clone, Debug)]
struct End {
    /// Its offset.
    offset: u64,
    /// Where its value ends in the bytes.
    end: usize,
    /// It is of another cluster.
    foreign: bool,
}

/// A message of a batch.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: u64,
    /// Its value.
    pub value: &'a [u8],
    /// Its header says that it is of another cluster.
    pub foreign: bool,
}

impl Records {
    /// None yet.
    pub fn new(partition: PartitionId, next: u64) -> Records {
        Records { partition, next, ..Records::default() }
    }

    /// Adds a message; a tombstone has an empty value. `foreign`: it is of another cluster.
    pub fn push(&mut self, offset: u64, value: &[u8], foreign: bool) {
        self.bytes.extend_from_slice(value);
        self.ends.push(End { offset, end: self.bytes.len(), foreign });
        self.next = offset.saturating_add(1);
    }

    /// Offset of the first message.
    pub fn first(&self) -> u64 {
        self.ends.first().map_or(self.next, |first| first.offset)
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

    /// Each message.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|last| last.end));
        starts.zip(&self.ends).map(|(start, End { offset, end, foreign })| {
            let value = self.bytes.get(start..*end).unwrap_or_default();
            Record { offset: *offset, value, foreign: *foreign }
        })
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
        records.push(5, b"one", false);
        records.push(9, b"", true);
        records.push(10, b"three", false);
        let all: Vec<(u64, &[u8], bool)> = records.iter().map(|r| (r.offset, r.value, r.foreign)).collect();
        assert_eq!(all, [(5, &b"one"[..], false), (9, b"", true), (10, b"three", false)]);
        assert_eq!((records.first(), records.next, records.count(), records.bytes().len()), (5, 11, 3, 8));
    }
}
