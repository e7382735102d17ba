//! A pipe that can be left while it is silent: another thread waits for its bytes.
//!
//! ```text
//! pipe ─ read (thread of its own) ─▶ channel of a few chunks ─▶ Patient::read ─▶ …
//!                                                                  └─ looks for the word to stop ten times a second
//! ```
//! The thread ends with the pipe or, when reading was left, with the process: a read that waits cannot be called off.

use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of a chunk: what a pipe of Linux holds.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait.
const CHUNKS_AHEAD: usize = 16;
/// Time between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The error of a read that was told to stop.
#[derive(Debug, thiserror::Error)]
#[error("told to stop")]
struct Stopped;

/// Whether this is why no bytes come.
pub(super) fn was_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

/// The bytes of a pipe.
pub(super) struct Patient {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Cursor<Vec<u8>>,
    stop: Arc<AtomicBool>,
}

impl Patient {
    /// Reads `pipe` until its end, or until `stop` is set.
    pub(super) fn new(mut pipe: impl Read + Send + 'static, stop: Arc<AtomicBool>) -> io::Result<Patient> {
        let (sender, chunks) = crossbeam_channel::bounded(CHUNKS_AHEAD);
        std::thread::Builder::new().name("pipe".to_owned()).spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = match pipe.read(&mut chunk) {
                    Ok(0) => return,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let ends = read.is_err();
                let sent = sender.send(read.map(|bytes| {
                    chunk.truncate(bytes);
                    chunk
                }));
                if ends || sent.is_err() {
                    return;
                }
            }
        })?;
        Ok(Patient { chunks, chunk: Cursor::default(), stop })
    }
}

impl Read for Patient {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = self.chunk.read(buf)?;
            if bytes > 0 || buf.is_empty() {
                return Ok(bytes);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other(Stopped));
            }
            match self.chunks.recv_timeout(LOOK) {
                Ok(chunk) => self.chunk = Cursor::new(chunk?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}
