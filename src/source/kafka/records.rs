//! What a partition of a topic gives: messages with their offsets, and word of where it stands.

use crate::source::PartitionId;
use crate::source::stream::StreamName;

/// Messages of one partition, in order. Offsets may have gaps: control records and compaction leave some.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The partition.
    pub partition: PartitionId,
    /// The values, one behind the other.
    bytes: Vec<u8>,
    ends: Vec<End>,
    /// The streams that messages name.
    streams: Vec<StreamName>,
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
    /// Index of the stream that it names.
    stream: Option<usize>,
}

/// A message of a batch.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: u64,
    /// Its value.
    pub value: &'a [u8],
    /// The stream that its header names.
    pub stream: Option<&'a StreamName>,
}

impl Records {
    /// None yet.
    pub fn new(partition: PartitionId, next: u64) -> Records {
        Records { partition, next, ..Records::default() }
    }

    /// Adds a message; a tombstone has an empty value. `stream`: the name that its header says, if any.
    pub fn push(&mut self, offset: u64, value: &[u8], stream: Option<&str>) {
        self.bytes.extend_from_slice(value);
        let stream = stream.map(|name| {
            self.streams.iter().rposition(|known| known.as_str() == name).unwrap_or_else(|| {
                self.streams.push(name.into());
                self.streams.len() - 1
            })
        });
        self.ends.push(End { offset, end: self.bytes.len(), stream });
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
        starts.zip(&self.ends).map(|(start, End { offset, end, stream })| {
            let value = self.bytes.get(start..*end).unwrap_or_default();
            Record { offset: *offset, value, stream: stream.and_then(|stream| self.streams.get(stream)) }
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
        records.push(5, b"one", None);
        records.push(9, b"", Some("a"));
        records.push(10, b"three", Some("b"));
        records.push(11, b"four", Some("a"));
        let all: Vec<_> = records.iter().map(|r| (r.offset, r.value, r.stream.map(StreamName::as_str))).collect();
        let expected: [(u64, &[u8], Option<&str>); 4] =
            [(5, b"one", None), (9, b"", Some("a")), (10, b"three", Some("b")), (11, b"four", Some("a"))];
        assert_eq!(all, expected);
        assert_eq!((records.first(), records.next, records.count(), records.bytes().len()), (5, 12, 4, 12));
    }
}
