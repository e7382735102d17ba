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
    work.flat_map(move |(number, piece)| {
        let mut prepared = match piece {
            Piece::Lines(partition, offset, bytes) => {
                let end = Offset(offset.0 + bytes.len() as u64);
                Prepared { number, home, partition, offset, end, bytes, lines: Vec::new(), blank: 0, unread: None }
            }
            Piece::Unread(partition, offset, end, reason, bytes) => {
                let unread = Some(reason);
                return Some(Prepared {
                    number,
                    home,
                    partition,
                    offset,
                    end,
                    bytes,
                    lines: Vec::new(),
                    blank: 0,
                    unread,
                });
            }
        };
        let (mut at, mut count) = (0, 0);
        while at < prepared.bytes.len() {
            let rest = prepared.bytes.get(at..).unwrap_or_default();
            let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let line = rest.get(..len).unwrap_or_default();
            count += 1;
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
                prepared.lines.push(PreparedLine { number: count, range: at..at + text.len(), found });
            }
            at += len;
        }
        Some(prepared)
    })
}
