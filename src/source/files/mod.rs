//! Archived logs: from names on the command line to blocks of whole lines in the order of their time.
//!
//! ```text
//! inputs ─ discover ─ files ─ open ─ bytes ─ framing ─ blocks ─ BlockReader ─┐
//!                                (plain, gzip,  (lines or                   ├─ FileSource ─ Item
//!                                 zstd, xz)      documents)    BlockReader ─┘   (by time)
//! ```
//!
//! What holds:
//! - An offset counts bytes of the *decompressed* file, so it survives compression and rotation.
//! - A file is known by its first record ([`FileKey`]), not by its name.
//! - The same bytes give the same records at the same offsets, however they are compressed and whatever the block size.
//! - Nothing is short in silence: a broken archive ends in [`Item::Corrupt`], a giant record in [`Item::Oversize`].
//! - Memory is bounded by the files open at one time × a block, and by the longest record allowed.
//! - Bytes are passed on as they are: a byte order mark, `\r\n` and blank lines are the decoder's to skip.

mod blocks;
mod discover;
mod error;
mod event_time;
mod framing;
mod identity;
mod merge;
mod nesting;
mod open;
mod patient;
mod probe;

pub use discover::{InputFile, InputKind, discover};
pub use error::SourceError;
pub(in crate::source) use event_time::first_event_time;
pub use framing::Framing;
pub use identity::FileKey;
pub use merge::{FileSource, Item, Partition, Progress};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the files hold.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// Audit events: documents of many lines are taken apart, and files are ordered by the time of their first event.
    #[default]
    Audit,
    /// Lines of text, whatever stands in them; files are read one after the other in the order given.
    Lines,
}

/// Sizes that bound what the reader holds in memory, and what it reads.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the files hold.
    pub records: Records,
    /// Bytes of a block. A record longer than this has a block of its own.
    pub block_bytes: usize,
    /// Bytes of the longest record, its newline not counted. A longer one is skipped and reported.
    pub max_record_bytes: usize,
    /// Set when reading is to stop: a pipe that is silent is then left. Who reads asks for it between items too.
    pub stop: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { records: Records::Audit, block_bytes: 1 << 20, max_record_bytes: 64 << 20, stop: Arc::default() }
    }
}

impl Settings {
    /// The same with every size usable: at least one byte, and no block longer than the longest record.
    fn checked(self) -> Settings {
        let max_record_bytes = self.max_record_bytes.clamp(1, isize::MAX as usize / 4);
        Settings { block_bytes: self.block_bytes.clamp(1, max_record_bytes), max_record_bytes, ..self }
    }
}

#[cfg(test)]
mod tests;
