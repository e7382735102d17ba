//! Opening a file: what compresses it is read from its first bytes, never from its name.

use super::patient::{Patient, was_stopped};
use super::{InputFile, InputKind, SourceError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes asked of a decompressor at a time: what it had decoded within a call that meets damage is lost.
const STEP_BYTES: usize = 32 << 10;
/// Buffer between disk and decompressor.
const DISK_BUFFER_BYTES: usize = 256 << 10;
/// Memory that a .xz file may ask for: `xz -9` needs 65 MiB.
const XZ_MEMORY_BYTES: u64 = 256 << 20;

/// What compresses a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
    Xz,
}

impl Compression {
    fn of(magic: &[u8]) -> Compression {
        match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A skippable frame may come before the first one of data.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            _ => Compression::None,
        }
    }
}

/// What the disk gave so far; shared with whoever shows progress.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Bytes read from the disk, before decompression.
    pub(super) disk_bytes: AtomicU64,
    /// Bytes before them that an earlier run has read.
    pub(super) passed_bytes: AtomicU64,
    /// Set when the disk itself failed, which tells a broken disk from a broken archive.
    failed: AtomicBool,
}

/// Counts what goes through.
struct Metered<R> {
    inner: R,
    meter: Arc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buf);
        match &result {
            Ok(bytes) => {
                self.meter.disk_bytes.fetch_add(*bytes as u64, Ordering::Relaxed);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.meter.failed.store(true, Ordering::Relaxed),
        }
        result
    }
}

/// Why bytes stopped coming before the end.
pub(super) enum Broken {
    /// The archive is truncated or damaged: what it says.
    Archive(String),
    /// The disk failed.
    Disk(SourceError),
    /// Told to stop while a pipe was silent.
    Stopped,
}

/// The decompressed bytes of one file.
pub(super) struct Input {
    /// Bytes that were looked at before they are read.
    head: Vec<u8>,
    head_read: usize,
    /// What stopped the look ahead: told when the reader comes to that place.
    head_error: Option<io::Error>,
    reader: Box<dyn Read + Send>,
    /// Offset of the first byte that [`Input::read`] gives.
    pub(super) start: u64,
    path: PathBuf,
    meter: Arc<Meter>,
}

impl Input {
    /// Opens `file` at its first byte; or, when `resume` is the offset of a line in a plain regular file, there.
    /// [`Input::start`] says which it was. A pipe is left when `stop` is set.
    pub(super) fn open(
        file: &InputFile,
        meter: Arc<Meter>,
        resume: u64,
        stop: &Arc<AtomicBool>,
    ) -> Result<Input, SourceError> {
        let fail = |source| match was_stopped(&source) {
            true => SourceError::Stopped,
            false => SourceError::Open { path: file.path.clone(), source },
        };
        meter.disk_bytes.store(0, Ordering::Relaxed);
        meter.passed_bytes.store(0, Ordering::Relaxed);
        let mut start = 0;
        let mut raw: Box<dyn Read + Send> = match file.kind {
            InputKind::Stdin => Box::new(Patient::new(io::stdin(), Arc::clone(stop)).map_err(fail)?),
            InputKind::Pipe => {
                let pipe = File::open(&file.path).map_err(fail)?;
                Box::new(Patient::new(pipe, Arc::clone(stop)).map_err(fail)?)
            }
            InputKind::Regular => {
                let mut plain = File::open(&file.path).map_err(fail)?;
                let mut magic = Vec::new();
                plain.by_ref().take(6).read_to_end(&mut magic).map_err(fail)?;
                if resume > 0
                    && Compression::of(&magic) == Compression::None
                    && line_starts_at(&mut plain, resume).map_err(fail)?
                {
                    start = resume;
                }
                plain.seek(SeekFrom::Start(start)).map_err(fail)?;
                Box::new(plain)
            }
        };
        if start > 0 {
            meter.passed_bytes.store(start, Ordering::Relaxed);
            let raw = Metered { inner: raw, meter: Arc::clone(&meter) };
            return Ok(Input::new(Box::new(raw), start, file, meter));
        }
        let mut magic = Vec::new();
        raw.by_ref().take(6).read_to_end(&mut magic).map_err(fail)?;
        let compression = Compression::of(&magic);
        let raw = Metered { inner: Cursor::new(magic).chain(raw), meter: Arc::clone(&meter) };
        Ok(Input::new(decompressed(raw, compression).map_err(fail)?, 0, file, meter))
    }

    fn new(reader: Box<dyn Read + Send>, start: u64, file: &InputFile, meter: Arc<Meter>) -> Input {
        Input { head: Vec::new(), head_read: 0, head_error: None, reader, start, path: file.path.clone(), meter }
    }

    /// The first bytes, up to `bytes` of them, left to be read. To be asked once, before anything is read.
    pub(super) fn peek(&mut self, bytes: usize) -> Result<&[u8], SourceError> {
        let mut head = Vec::new();
        let result = self.reader.by_ref().take(bytes as u64).read_to_end(&mut head);
        self.head = head;
        if let Err(e) = result {
            match self.broken(&e) {
                Broken::Disk(e) => return Err(e),
                Broken::Stopped => return Err(SourceError::Stopped),
                Broken::Archive(_) => {}
            }
            self.head_error = Some(e);
        }
        Ok(&self.head)
    }

    /// Fills `buf` as far as the file goes. Less than all means the end, for the reason given.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> (usize, Option<Broken>) {
        let mut filled = 0;
        while let Some(free) = buf.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.step(free) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return (filled, Some(self.broken(&e))),
            }
        }
        (filled, None)
    }

    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(mut ahead) = self.head.get(self.head_read..).filter(|ahead| !ahead.is_empty()) {
            let bytes = ahead.read(buf)?;
            self.head_read += bytes;
            return Ok(bytes);
        }
        self.head = Vec::new();
        match self.head_error.take() {
            Some(e) => Err(e),
            None => self.reader.read(buf),
        }
    }

    fn broken(&self, error: &io::Error) -> Broken {
        if was_stopped(error) {
            return Broken::Stopped;
        }
        if self.meter.failed.load(Ordering::Relaxed) {
            // io::Error cannot be cloned: its kind and words say the same.
            let source = io::Error::new(error.kind(), error.to_string());
            return Broken::Disk(SourceError::Read { path: self.path.clone(), source });
        }
        Broken::Archive(match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the archive is truncated ({error})"),
            _ => format!("the archive is damaged ({error})"),
        })
    }
}

/// Whether a line of a plain file begins at `offset`: the byte before it is a newline, or the file ends there.
fn line_starts_at(file: &mut File, offset: u64) -> io::Result<bool> {
    if file.metadata()?.len() == offset {
        return Ok(true);
    }
    let mut before = [0];
    file.seek(SeekFrom::Start(offset.saturating_sub(1)))?;
    Ok(file.read(&mut before)? == 1 && before == *b"\n")
}

fn decompressed(raw: impl Read + Send + 'static, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    if compression == Compression::None {
        return Ok(Box::new(raw));
    }
    let raw = BufReader::with_capacity(DISK_BUFFER_BYTES, raw);
    Ok(match compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(Stepped::new(flate2::bufread::MultiGzDecoder::new(raw))),
        Compression::Zstd => Box::new(Stepped::new(zstd::Decoder::with_buffer(raw)?)),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED)?;
            Box::new(Stepped::new(liblzma::bufread::XzDecoder::new_stream(raw, stream)))
        }
    })
}

/// Decodes in steps of [`STEP_BYTES`], however much is asked for: what damage costs does not depend on the reader.
struct Stepped<R>(BufReader<R>);

impl<R: Read> Stepped<R> {
    fn new(decoder: R) -> Stepped<R> {
        Stepped(BufReader::with_capacity(STEP_BYTES, decoder))
    }
}

impl<R: Read> Read for Stepped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.fill_buf()?.read(buf)?;
        self.0.consume(bytes);
        Ok(bytes)
    }
}
