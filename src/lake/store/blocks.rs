//! An object read in blocks, each fetched once: a footer and a Bloom filter cost one request, not the whole file.

use super::runtime::Client;
use bytes::Bytes;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// Size of a block: large enough that the round trip is the smaller part of its time.
const BLOCK_BYTES: u64 = 2 << 20;

/// An object and the blocks of it that were fetched.
#[derive(Debug)]
pub struct Blocks {
    client: Client,
    path: Path,
    bytes: u64,
    fetched: Mutex<BTreeMap<u64, Bytes>>,
}

impl Blocks {
    /// The object at `path`, which has `bytes` bytes.
    pub fn new(client: Client, path: Path, bytes: u64) -> Blocks {
        Blocks { client, path, bytes, fetched: Mutex::default() }
    }

    /// Bytes of the object.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// The bytes from `start`, exactly `length`.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are not so many; errors of the storage.
    pub fn get(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.bytes);
        let end = end.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let (first, last) = (start / BLOCK_BYTES, (end - 1) / BLOCK_BYTES);
        self.fetch(first, last)?;
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let part = |block: u64| {
            let begin = block * BLOCK_BYTES;
            let from = usize::try_from(start.saturating_sub(begin)).unwrap_or(usize::MAX);
            let to = usize::try_from((end - begin).min(BLOCK_BYTES)).unwrap_or(usize::MAX);
            fetched.get(&block).filter(|bytes| to <= bytes.len()).map(|bytes| bytes.slice(from..to))
        };
        let eof = || io::Error::from(ErrorKind::UnexpectedEof);
        if first == last {
            return part(first).ok_or_else(eof);
        }
        let mut whole = Vec::with_capacity(length);
        for block in first..=last {
            whole.extend_from_slice(&part(block).ok_or_else(eof)?);
        }
        Ok(whole.into())
    }

    /// Makes sure that the blocks from `first` to `last` are there, with one request for what is missing.
    fn fetch(&self, first: u64, last: u64) -> io::Result<()> {
        let missing: Vec<u64> = {
            let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            (first..=last).filter(|block| !fetched.contains_key(block)).collect()
        };
        let (Some(from), Some(to)) = (missing.first(), missing.last()) else { return Ok(()) };
        let range = from * BLOCK_BYTES..((to + 1) * BLOCK_BYTES).min(self.bytes);
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        let bytes = self
            .client
            .run("read", async move { object_store::ObjectStoreExt::get_range(&*store, &path, range).await })?;
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        for (block, at) in (*from..=*to).zip((0..bytes.len()).step_by(BLOCK_BYTES as usize)) {
            fetched.insert(block, bytes.slice(at..bytes.len().min(at + BLOCK_BYTES as usize)));
        }
        Ok(())
    }

    /// Reads on from `start`.
    pub fn reader(blocks: Arc<Blocks>, start: u64) -> impl Read + Send {
        BlockReader { blocks, at: start }
    }
}

struct BlockReader {
    blocks: Arc<Blocks>,
    at: u64,
}

impl Read for BlockReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_block = BLOCK_BYTES - self.at % BLOCK_BYTES;
        let left = self.blocks.bytes.saturating_sub(self.at).min(in_block);
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = self.blocks.get(self.at, length)?;
        for (to, from) in buffer.iter_mut().zip(&bytes) {
            *to = *from;
        }
        self.at += length as u64;
        Ok(length)
    }
}
