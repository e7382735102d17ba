//! Many files as one flow of blocks in the order of their time.
//!
//! ```text
//!  file 0 ▐████████▌                 read first, then closed
//!  file 1     ▐███████████▌          opened when the flow reaches its first event: from here on two blocks are held,
//!  file 2                 ▐███▌      and the one that begins earlier goes next
//! ───────────────────────────────▶ time
//! ```
//!
//! Rotated logs so go one after the other, and the logs of several API servers side by side. A file without any
//! time is read first, in the order of the list; a block without one where its file has it. Invariant: no byte that is still to come begins before
//! [`FileSource::floor`], apart from the disorder within a block.

use super::blocks::{BlockReader, Piece};
use super::event_time::first_event_time;
use super::identity::{FileKey, distinct};
use super::open::{Input, Meter};
use super::probe::Probe;
use super::{Framing, InputFile, InputKind, Records, Settings, SourceError};
use crate::audit::time::Micros;
use crate::source::buffers::Buffers;
use crate::source::{Block, Offset, PartitionId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the files give next.
#[derive(Debug)]
pub enum Item {
    /// Whole lines.
    Block(Block),
    /// A record longer than [`Settings::max_record_bytes`] was skipped: one reject.
    Oversize {
        /// The file.
        partition: PartitionId,
        /// Offset of its first byte.
        offset: Offset,
        /// Its bytes, with its newline.
        len: u64,
        /// The first of them.
        head: Vec<u8>,
    },
    /// The archive is broken from here on: one reject. Every record that could be decoded whole came before.
    Corrupt {
        /// The file.
        partition: PartitionId,
        /// Offset of the first record that could not be decoded whole.
        offset: Offset,
        /// The first bytes of that record; none where the damage is between records.
        head: Vec<u8>,
        /// What the archive says of it.
        message: String,
    },
    /// The file is shorter than what an earlier run read of it: it was cut, and nothing of it is read. A warning.
    Shrunk {
        /// The file.
        partition: PartitionId,
        /// Bytes the file has.
        len: u64,
        /// Where reading should have resumed.
        resume: Offset,
    },
    /// The file is read to its end. Each file gives this once, last.
    End(PartitionId),
}

impl Item {
    /// The file it comes from.
    pub fn partition(&self) -> PartitionId {
        match self {
            Item::Block(block) => block.partition,
            Item::Oversize { partition, .. }
            | Item::Corrupt { partition, .. }
            | Item::Shrunk { partition, .. }
            | Item::End(partition) => *partition,
        }
    }

    /// Where reading resumes once this item is done; `None` where that does not change. A broken place counts as one
    /// byte, so that it is told once.
    pub fn end(&self) -> Option<Offset> {
        match self {
            Item::Block(block) => Some(block.end()),
            Item::Oversize { offset, len, .. } => Some(Offset(offset.0.saturating_add(*len))),
            Item::Corrupt { offset, .. } => Some(Offset(offset.0.saturating_add(1))),
            Item::Shrunk { .. } | Item::End(_) => None,
        }
    }

    /// Bytes of input it stands for.
    pub fn bytes(&self) -> u64 {
        match self {
            Item::Block(block) => block.bytes.len() as u64,
            Item::Oversize { len, .. } => *len,
            Item::Corrupt { .. } => 1,
            Item::Shrunk { .. } | Item::End(_) => 0,
        }
    }
}

/// One file of the source. Its [`PartitionId`] is its place in [`FileSource::partitions`].
#[derive(Clone, Debug)]
pub struct Partition {
    /// What the file is known by when reading resumes.
    pub key: FileKey,
    /// The file.
    pub file: InputFile,
    /// How it is cut into records.
    pub framing: Framing,
    /// Where reading began.
    pub resume: Offset,
}

/// How far the reading has come, in bytes on disk.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes passed over, since an earlier run has read them.
    pub passed_bytes: u64,
    /// Bytes of all files; `None` when one of them is a pipe.
    pub total_bytes: Option<u64>,
}

/// Reads files in the order of their time. It starts no threads and reads no further than the next block of each open
/// file.
pub struct FileSource {
    partitions: Vec<Partition>,
    lanes: Vec<Lane>,
    /// The files not at their end, by the time of what they give next; ties by place.
    next: BinaryHeap<Reverse<(Micros, usize)>>,
    /// Read, to be given before anything else.
    pending: VecDeque<Item>,
    failed: Option<SourceError>,
    settings: Settings,
    buffers: Buffers,
}

/// The state of one file.
struct Lane {
    meter: Arc<Meter>,
    state: State,
}

enum State {
    /// Not open; the time of its first event, if that is known, and the open file if it opens only once.
    Waiting { first_time: Option<Micros>, input: Option<Input> },
    /// Open, with what it gives next.
    Open { reader: Box<BlockReader>, next: Piece },
    /// Read to its end.
    Done,
}

impl FileSource {
    /// Looks into `files` and gets ready to read each from its offset in `resume`, or else from its start. Copies are
    /// left out.
    ///
    /// # Errors
    /// [`SourceError`] when a file cannot be opened or read.
    pub fn new(
        files: Vec<InputFile>,
        resume: &BTreeMap<FileKey, Offset>,
        settings: Settings,
    ) -> Result<FileSource, SourceError> {
        let probes = files.into_iter().map(|file| Probe::of(file, &settings)).collect::<Result<Vec<_>, _>>()?;
        let mut probes = distinct(probes)?;
        // Until it is opened, a file of unknown time may begin anywhere: it comes first, and holds the floor down.
        let begins = |probe: &Probe| probe.first_time.unwrap_or(Micros::MIN);
        probes.sort_by_key(begins);
        let mut source = FileSource {
            partitions: Vec::new(),
            lanes: Vec::new(),
            next: BinaryHeap::new(),
            pending: VecDeque::new(),
            failed: None,
            settings: settings.checked(),
            buffers: Buffers::default(),
        };
        for (at, probe) in probes.into_iter().enumerate() {
            let resume = resume.get(&probe.key).copied().unwrap_or_default();
            source.next.push(Reverse((begins(&probe), at)));
            source.lanes.push(Lane {
                meter: probe.meter,
                state: State::Waiting { first_time: probe.first_time, input: probe.input },
            });
            source.partitions.push(Partition { key: probe.key, file: probe.file, framing: probe.framing, resume });
        }
        Ok(source)
    }

    /// The files, in the order of their first event.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Where the memory of blocks goes when they are done with, to be used again.
    pub fn buffers(&self) -> Buffers {
        self.buffers.clone()
    }

    /// The next item; `None` when every file is read.
    ///
    /// # Errors
    /// [`SourceError`] when a file cannot be opened or the disk fails. Nothing may then be taken as complete.
    pub fn next_item(&mut self) -> Result<Option<Item>, SourceError> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Ok(Some(item));
            }
            if let Some(e) = self.failed.take() {
                return Err(e);
            }
            let Some(Reverse((time, at))) = self.next.pop() else { return Ok(None) };
            if let Err(e) = self.advance(at, time) {
                if self.pending.is_empty() {
                    return Err(e);
                }
                self.failed = Some(e);
            }
        }
    }

    /// A lower bound of the times at which unread blocks begin; `None` when nothing is unread. [`Micros::MIN`] while a file
    /// is unread whose first time is not known. Events within a block may be earlier by the disorder of one log.
    pub fn floor(&self) -> Option<Micros> {
        self.next.peek().map(|Reverse((time, _))| *time)
    }

    /// Bytes read and to read.
    pub fn progress(&self) -> Progress {
        let regular = self.partitions.iter().all(|p| p.file.kind == InputKind::Regular);
        let mut progress = Progress { read_bytes: 0, passed_bytes: 0, total_bytes: regular.then_some(0) };
        for (partition, lane) in self.partitions.iter().zip(&self.lanes) {
            let passed = lane.meter.passed_bytes.load(Ordering::Relaxed);
            let read = lane.meter.disk_bytes.load(Ordering::Relaxed);
            let size = partition.file.disk_bytes;
            let done = matches!(lane.state, State::Done);
            progress.passed_bytes += passed;
            progress.read_bytes += if regular && done { size.saturating_sub(passed) } else { read };
            progress.total_bytes = progress.total_bytes.map(|total| total + size.max(passed + read));
        }
        progress
    }

    /// Takes a step with the file whose turn it is: opens it, or gives its next piece.
    fn advance(&mut self, at: usize, time: Micros) -> Result<(), SourceError> {
        let (Some(lane), Some(partition)) = (self.lanes.get_mut(at), self.partitions.get(at)) else { return Ok(()) };
        match std::mem::replace(&mut lane.state, State::Done) {
            State::Done => {}
            State::Waiting { first_time, input } => {
                let once = input.is_some();
                let input = match input {
                    Some(input) => input,
                    None => {
                        let seek = if partition.framing == Framing::Lines { partition.resume.0 } else { 0 };
                        Input::open(&partition.file, Arc::clone(&lane.meter), seek, &self.settings.stop)?
                    }
                };
                let mut reader = Box::new(BlockReader::new(
                    input,
                    partition.framing,
                    self.settings.clone(),
                    partition.resume,
                    self.buffers.clone(),
                ));
                let Some(next) = reader.next_piece()? else {
                    self.pending.push_back(Item::End(place(at)));
                    return Ok(());
                };
                let begins = time_of(&next, self.settings.records).unwrap_or(time);
                let others_first = self.next.peek().is_some_and(|Reverse((other, _))| *other < begins);
                let is_too_early = first_time.is_none() && others_first && !once && partition.resume.0 == 0;
                lane.state = if is_too_early {
                    // Opened only to learn its time: closed until that comes, or all such files were open at once.
                    lane.meter.disk_bytes.store(0, Ordering::Relaxed);
                    State::Waiting { first_time: Some(begins), input: None }
                } else {
                    State::Open { reader, next }
                };
                self.next.push(Reverse((begins, at)));
            }
            State::Open { mut reader, next } => {
                self.pending.push_back(item(place(at), partition.resume, next));
                match reader.next_piece()? {
                    None => self.pending.push_back(Item::End(place(at))),
                    Some(next) => {
                        self.next.push(Reverse((time_of(&next, self.settings.records).unwrap_or(time), at)));
                        lane.state = State::Open { reader, next };
                    }
                }
            }
        }
        Ok(())
    }
}

fn place(at: usize) -> PartitionId {
    PartitionId(u32::try_from(at).unwrap_or(u32::MAX))
}

fn time_of(piece: &Piece, records: Records) -> Option<Micros> {
    match piece {
        Piece::Lines { .. } if records == Records::Lines => None,
        Piece::Lines { bytes, .. } => first_event_time(bytes),
        Piece::Oversize { .. } | Piece::Corrupt { .. } | Piece::Shrunk { .. } => None,
    }
}

fn item(partition: PartitionId, resume: Offset, piece: Piece) -> Item {
    match piece {
        Piece::Lines { offset, bytes } => Item::Block(Block { partition, offset, bytes }),
        Piece::Oversize { offset, len, head } => Item::Oversize { partition, offset, len, head },
        Piece::Corrupt { offset, head, message } => Item::Corrupt { partition, offset, head, message },
        Piece::Shrunk { len } => Item::Shrunk { partition, len, resume },
    }
}
