//! Operator: blocks of bytes to lines whose fields are found, on whichever worker has the block. It keeps nothing.

use crate::flow::epoch::Flow;
use crate::source::files::Item;
use crate::source::{Offset, PartitionId};
use crate::text::line::{LineReader, OddLine};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use timely::dataflow::operators::vec::Map;

/// What the feed gives: its number in the order of the log, and what the source gave.
pub type Work = (u64, Piece);

/// A part of a file, in a form that can be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Piece {
    /// Whole lines.
    Lines(PartitionId, Offset, Vec<u8>),
    /// Messages of a topic, a line each: offset and end of each in the bytes, and the offset behind the last one.
    Messages(PartitionId, Vec<(u64, usize)>, Offset, Vec<u8>),
    /// A line that is too long, or the place where an archive is broken: its offset, where reading goes on, why, its first bytes.
    Unread(PartitionId, Offset, Offset, String, Vec<u8>),
}

/// Lines of one block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prepared {
    /// Place in the order of the log.
    pub number: u64,
    /// The worker to which its rows go.
    pub home: usize,
    /// The file.
    pub partition: PartitionId,
    /// Offset of the first byte.
    pub offset: Offset,
    /// Where reading goes on.
    pub end: Offset,
    /// The bytes that the lines are ranges of.
    pub bytes: Vec<u8>,
    /// The lines, blank ones left out.
    pub lines: Vec<PreparedLine>,
    /// Lines that are blank, and lines in all.
    pub blank: u64,
    /// For a piece that could not be read: the reason's code and words.
    pub unread: Option<String>,
}

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreparedLine {
    /// Its number in the block, from 1.
    pub number: u64,
    /// Its place in the source.
    pub offset: Offset,
    /// Its bytes, without the line end.
    pub range: Range<usize>,
    /// What it holds.
    pub found: Result<Found, OddLine>,
}

/// The fields that are used, as ranges of the block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// What is parsed.
    pub content: Range<usize>,
    /// What the time is read from.
    pub time: Vec<Range<usize>>,
}

impl Piece {
    /// What of a source's item is to be read.
    pub fn of(item: Item) -> Option<Piece> {
        let end = item.end()?;
        match item {
            Item::Block(block) => Some(Piece::Lines(block.partition, block.offset, block.bytes)),
            Item::Oversize { partition, offset, head, .. } => {
                Some(Piece::Unread(partition, offset, end, OddLine::TooLong.name().to_owned(), head))
            }
            Item::Corrupt { partition, offset, head, message } => {
                tracing::warn!("byte {}: {message}", offset.0);
                Some(Piece::Unread(partition, offset, end, "corrupt".to_owned(), head))
            }
            Item::Shrunk { .. } | Item::End(_) => None,
        }
    }
}

/// The operator.
pub fn prepare_blocks<'s>(
    work: Flow<'s, Work>,
    home: usize,
    mut lines: LineReader,
    time_fields: Vec<usize>,
) -> Flow<'s, Prepared> {
    work.map(move |(number, piece)| match piece {
        Piece::Lines(partition, offset, bytes) => {
            let mut places = Vec::new();
            let mut at = 0;
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                places.push((offset.0 + at as u64, at + line.len()));
                at += line.len();
            }
            let end = Offset(offset.0 + bytes.len() as u64);
            prepare(&mut lines, &time_fields, &places, Prepared::new((number, home), partition, (offset, end), bytes))
        }
        Piece::Messages(partition, places, end, bytes) => {
            let offset = Offset(places.first().map_or(end.0, |(offset, _)| *offset));
            prepare(&mut lines, &time_fields, &places, Prepared::new((number, home), partition, (offset, end), bytes))
        }
        Piece::Unread(partition, offset, end, reason, bytes) => {
            let prepared = Prepared::new((number, home), partition, (offset, end), bytes);
            Prepared { unread: Some(reason), ..prepared }
        }
    })
}

impl Prepared {
    /// A block without lines.
    fn new(
        (number, home): (u64, usize),
        partition: PartitionId,
        (offset, end): (Offset, Offset),
        bytes: Vec<u8>,
    ) -> Prepared {
        Prepared { number, home, partition, offset, end, bytes, lines: Vec::new(), blank: 0, unread: None }
    }
}

/// Finds the fields of each line; `places` has the offset of each and where it ends in the bytes.
fn prepare(lines: &mut LineReader, time_fields: &[usize], places: &[(u64, usize)], mut prepared: Prepared) -> Prepared {
    let mut at = 0;
    for (number, (offset, end)) in (1..).zip(places) {
        let line = prepared.bytes.get(at..*end).unwrap_or_default();
        let text = crate::text::line::without_line_end(line);
        if text.trim_ascii().is_empty() {
            prepared.blank += 1;
        } else {
            let found = lines.read(line).map(|_| {
                let place = |part: Range<usize>| at + part.start..at + part.end;
                Found {
                    content: place(lines.content_range()),
                    time: time_fields.iter().map(|field| place(lines.field_range(*field))).collect(),
                }
            });
            prepared.lines.push(PreparedLine { number, offset: Offset(*offset), range: at..at + text.len(), found });
        }
        at = *end;
    }
    prepared
}
