//! What a worker is given to decode.

use crate::audit::redact::Unusable;
use crate::audit::reject::{Reject, RejectReason};
use crate::source::files::Item;
use crate::source::kafka::{Notice, Records};
use crate::source::{Block, Offset, PartitionId};
use std::sync::Arc;

/// What a worker is given.
#[derive(Clone, Debug)]
pub enum Work {
    /// Lines to decode.
    Lines(PartitionId, u64, Arc<Vec<u8>>),
    /// A record that could not be read.
    Unread(Unread),
    /// Messages to decode.
    Messages(Arc<Records>),
    /// Word of a partition.
    Notice(Notice),
}

/// A record that could not be read.
#[derive(Clone, Debug)]
pub struct Unread {
    /// Its partition.
    pub partition: PartitionId,
    /// Offset of its first byte.
    pub offset: u64,
    /// Where reading goes on.
    pub end: u64,
    /// What is written of it.
    pub reject: Reject,
}

impl Work {
    /// Bytes of input.
    pub fn len(&self) -> u64 {
        match self {
            Work::Lines(_, _, bytes) => bytes.len() as u64,
            Work::Unread(unread) => unread.end.saturating_sub(unread.offset),
            Work::Messages(records) => records.bytes().len() as u64,
            Work::Notice(_) => 0,
        }
    }

    /// The partition it is of.
    pub fn partition(&self) -> PartitionId {
        match self {
            Work::Lines(partition, ..) => *partition,
            Work::Unread(unread) => unread.partition,
            Work::Messages(records) => records.partition,
            Work::Notice(notice) => notice.partition,
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a source item gives a worker to do; `None` for an item that only tells of the source.
    pub fn of(item: Item) -> Option<Work> {
        let end = item.end().unwrap_or_default().0;
        match item {
            Item::Block(Block { partition, offset, bytes }) => Some(Work::Lines(partition, offset.0, Arc::new(bytes))),
            Item::Oversize { partition, offset: Offset(offset), len, head } => {
                let message = format!("the record has {len} bytes; raise files.max_record_bytes to read it");
                let reject = Reject::new(RejectReason::TooLong, "", message, Unusable::Bytes(&head));
                Some(Work::Unread(Unread { partition, offset, end, reject }))
            }
            Item::Corrupt { partition, offset: Offset(offset), message, head } => {
                let message = format!("{message}; nothing behind this place could be read");
                let reject = Reject::new(RejectReason::Corrupt, "", message, Unusable::Bytes(&head));
                Some(Work::Unread(Unread { partition, offset, end, reject }))
            }
            Item::Shrunk { .. } | Item::End(_) => None,
        }
    }
}
