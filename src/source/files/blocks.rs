//! One file as blocks of whole lines.
//!
//! ```text
//!          ┌─ start ───────────────┬─ resume
//! bytes ───┤ read, framed, dropped │ blocks …
//! ```
//!
//! Invariants: pieces follow each other in the file; their cut depends on the bytes and the settings only, never on how
//! reads happen to return; a record of `max_record_bytes` is whole, one byte more is [`Piece::Oversize`]. At most two
//! blocks (or two longest records) are held.

use super::framing::Document;
use super::nesting::is_whole;
use super::open::{Broken, Input};
use super::{Framing, Settings, SourceError};
use crate::source::Offset;
use crate::source::buffers::Buffers;
use memchr::{memchr, memrchr};

/// Bytes kept of a record that is too long.
const HEAD_KEPT_BYTES: usize = 4 << 10;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Whole lines, each with its newline; only the last line of the file may lack one.
    Lines {
        /// Offset of the first byte.
        offset: Offset,
        /// The lines.
        bytes: Vec<u8>,
    },
    /// A record too long to be held was skipped.
    Oversize {
        /// Offset of its first byte.
        offset: Offset,
        /// Its bytes, with its newline.
        len: u64,
        /// The first of them.
        head: Vec<u8>,
    },
    /// The archive is broken here; nothing follows. Every record that could be decoded whole was given before.
    Corrupt {
        /// Offset of the first record that could not be decoded whole.
        offset: Offset,
        /// The first bytes of that record; none where the damage is between records.
        head: Vec<u8>,
        /// What the archive says of it.
        message: String,
    },
    /// The file ends before the offset at which reading should have resumed: it was cut. Nothing follows.
    Shrunk {
        /// Bytes the file has.
        len: u64,
    },
}

/// Reads one file from its start or from a resume offset.
pub struct BlockReader {
    input: Input,
    document: Option<Document>,
    settings: Settings,
    /// Its first `held` bytes are read, framed and not yet given; what lies behind them is of no meaning.
    buffer: Vec<u8>,
    held: usize,
    buffers: Buffers,
    /// Where the first byte of the buffer stands in the file.
    offset: u64,
    /// Offset before which everything was given to an earlier run.
    resume: u64,
    end: Option<End>,
}

/// Why no more bytes come.
enum End {
    Clean,
    Corrupt(String),
    /// Told already, or the disk failed.
    Told,
    /// Told to stop: more may come another time.
    Stopped,
}

impl BlockReader {
    /// Reads `input`, which is framed so, from `resume` on, into memory from `buffers`.
    pub(super) fn new(
        input: Input,
        framing: Framing,
        settings: Settings,
        resume: Offset,
        buffers: Buffers,
    ) -> BlockReader {
        let (offset, document) = (input.start, Document::new(framing));
        BlockReader {
            input,
            document,
            settings: settings.checked(),
            buffer: buffers.take(),
            held: 0,
            buffers,
            offset,
            resume: resume.0,
            end: None,
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`SourceError::Read`] when the disk fails: nothing can be said of the rest. [`SourceError::Stopped`].
    pub fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        loop {
            let Some(piece) = self.any_piece()? else { return Ok(None) };
            if let Some(piece) = self.behind_resume(piece) {
                return Ok(Some(piece));
            }
        }
    }

    /// The next piece, wherever it stands.
    fn any_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        let longest = self.settings.max_record_bytes + 1; // with its newline
        let mut want = self.settings.block_bytes;
        let mut searched = 0;
        loop {
            self.fill(want)?;
            let unsearched = self.held().get(searched..).unwrap_or_default();
            if let Some(at) = memrchr(b'\n', unsearched) {
                return Ok(Some(Piece::Lines { offset: Offset(self.offset), bytes: self.take(searched + at + 1) }));
            }
            if self.held >= longest {
                return self.skip_record().map(Some);
            }
            if matches!(self.end, Some(End::Stopped)) {
                return Err(SourceError::Stopped);
            }
            if self.end.is_some() {
                return Ok(if self.is_over() {
                    self.last_piece()
                } else {
                    Some(Piece::Lines { offset: Offset(self.offset), bytes: self.take(self.held) })
                });
            }
            searched = self.held;
            want = want.max(searched).saturating_mul(2).min(longest);
        }
    }

    /// The bytes read and not yet given.
    fn held(&self) -> &[u8] {
        self.buffer.get(..self.held).unwrap_or(&self.buffer)
    }

    /// Gives the first `len` of the bytes held, and goes on with the rest in another buffer.
    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut next = self.buffers.take();
        let rest = self.held().get(len..).unwrap_or_default();
        match next.get_mut(..rest.len()) {
            Some(start) => start.copy_from_slice(rest),
            None => rest.clone_into(&mut next),
        }
        self.held = rest.len();
        self.offset += len as u64;
        let mut given = std::mem::replace(&mut self.buffer, next);
        given.truncate(len);
        given
    }

    /// Whether no record is left: the last one may lack its newline, but must not be cut by damage.
    fn is_over(&self) -> bool {
        match self.end {
            Some(End::Corrupt(_)) => !is_whole(self.held()),
            _ => self.held == 0,
        }
    }

    fn last_piece(&mut self) -> Option<Piece> {
        let cut = head_of(self.held());
        self.held = 0;
        match self.end.replace(End::Told) {
            Some(End::Corrupt(message)) => Some(Piece::Corrupt { offset: Offset(self.offset), head: cut, message }),
            // A broken archive's end counts as a byte (see `behind_resume`): mended, it may be that byte shorter.
            Some(End::Clean) if self.offset.saturating_add(1) < self.resume => Some(Piece::Shrunk { len: self.offset }),
            _ => None,
        }
    }

    /// Skips a record whose first bytes fill the buffer, in constant memory.
    fn skip_record(&mut self) -> Result<Piece, SourceError> {
        let (head, offset) = (head_of(self.held()), self.offset);
        loop {
            let newline = memchr(b'\n', self.held());
            let skipped = self.take(newline.map_or(self.held, |at| at + 1));
            self.buffers.give(skipped);
            if newline.is_none() && matches!(self.end, Some(End::Stopped)) {
                return Err(SourceError::Stopped);
            }
            if newline.is_some() || self.end.is_some() {
                break;
            }
            self.fill(self.settings.block_bytes)?;
        }
        Ok(Piece::Oversize { offset: Offset(offset), len: self.offset - offset, head })
    }

    /// Reads until the buffer holds `want` bytes or the file ends.
    fn fill(&mut self, want: usize) -> Result<(), SourceError> {
        let held = self.held;
        if self.end.is_some() || held >= want {
            return Ok(());
        }
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
        let (bytes, broken) = self.input.read(self.buffer.get_mut(held..want).unwrap_or_default());
        self.held += bytes;
        if let Some(document) = &mut self.document {
            document.rewrite(self.buffer.get_mut(held..held + bytes).unwrap_or_default());
        }
        match broken {
            Some(Broken::Disk(e)) => {
                self.held = 0;
                self.end = Some(End::Told);
                return Err(e);
            }
            Some(Broken::Stopped) => self.end = Some(End::Stopped),
            Some(Broken::Archive(message)) => self.end = Some(End::Corrupt(message)),
            None if bytes < want - held => self.end = Some(End::Clean),
            None => {}
        }
        Ok(())
    }

    /// What of `piece` an earlier run has not had.
    ///
    /// The resume offset is the start of a line, save where the file ended without a newline and has grown since: a line
    /// that got only its newline is done; one that got more is given again as a whole.
    fn behind_resume(&self, piece: Piece) -> Option<Piece> {
        match piece {
            Piece::Lines { offset, mut bytes } if offset.0 < self.resume => {
                let done = usize::try_from(self.resume - offset.0).ok().filter(|done| *done < bytes.len())?;
                let (before, behind) = bytes.split_at(done);
                let line_start = memrchr(b'\n', before).map_or(0, |at| at + 1);
                let line_rest = memchr(b'\n', behind).map_or(behind.len(), |at| at + 1);
                let is_done = line_start == done || behind.get(..line_rest).unwrap_or_default().trim_ascii().is_empty();
                let keep_from = match is_done {
                    true if line_start == done => done,
                    true => done + line_rest,
                    false => line_start,
                };
                let bytes = bytes.split_off(keep_from);
                let offset = Offset(offset.0 + keep_from as u64);
                (!bytes.is_empty()).then_some(Piece::Lines { offset, bytes })
            }
            Piece::Oversize { offset, len, .. } if offset.0.saturating_add(len) <= self.resume => None,
            // Told by the run that came this far: it counted the broken place as a byte of its own.
            Piece::Corrupt { offset, .. } if offset.0 < self.resume => None,
            piece => Some(piece),
        }
    }
}

fn head_of(record: &[u8]) -> Vec<u8> {
    record.get(..HEAD_KEPT_BYTES).unwrap_or(record).to_vec()
}
