//! A column chunk in several pieces, which the file reads as one.

use bytes::{Buf, Bytes};
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use std::io::{self, Read};
use std::vec::IntoIter;

/// The pieces, in order. To put them into one buffer would copy them once more, and more than once while it grows.
#[derive(Debug, Default)]
pub struct Parts(Vec<Bytes>);

impl Parts {
    pub fn push(&mut self, part: Bytes) {
        self.0.push(part);
    }

    pub fn push_front(&mut self, part: Bytes) {
        self.0.insert(0, part);
    }

    pub fn bytes(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }
}

impl Length for Parts {
    fn len(&self) -> u64 {
        self.bytes() as u64
    }
}

impl ChunkReader for Parts {
    type T = PartsReader;

    fn get_read(&self, start: u64) -> Result<PartsReader> {
        let mut reader = PartsReader { part: Bytes::new(), rest: self.0.clone().into_iter() };
        io::copy(&mut reader.by_ref().take(start), &mut io::sink())?;
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}

/// Reads the pieces one behind the other.
#[derive(Debug)]
pub struct PartsReader {
    part: Bytes,
    rest: IntoIter<Bytes>,
}

impl Read for PartsReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            let Some(part) = self.rest.next() else { return Ok(0) };
            self.part = part;
        }
        let bytes = buffer.len().min(self.part.len());
        if let Some(buffer) = buffer.get_mut(..bytes) {
            self.part.copy_to_slice(buffer);
        }
        Ok(bytes)
    }
}
