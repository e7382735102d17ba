//! A table file that is open for reading, wherever it lies.

use super::blocks::Blocks;
use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// An open table file.
#[derive(Debug)]
pub enum TableFile {
    /// On this machine.
    Local(File),
    /// In an object store.
    Remote(Arc<Blocks>),
}

impl Length for TableFile {
    fn len(&self) -> u64 {
        match self {
            TableFile::Local(file) => Length::len(file),
            TableFile::Remote(blocks) => blocks.len(),
        }
    }
}

impl ChunkReader for TableFile {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(match self {
            TableFile::Local(file) => Box::new(file.get_read(start)?),
            TableFile::Remote(blocks) => Box::new(Blocks::reader(Arc::clone(blocks), start)),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            TableFile::Local(file) => file.get_bytes(start, length),
            TableFile::Remote(blocks) => Ok(blocks.get(start, length)?),
        }
    }
}
