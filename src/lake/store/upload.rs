//! An object that is being written: one request where it is small, parts side by side where it is not.
//!
//! Until [`StoreWriter::finish`] returns nothing is visible. The name is this writer's alone, so a request whose answer was lost
//! may be sent again, and an object of the right size under the name is ours.

use super::StoreWriter;
use super::runtime::Client;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use std::io::{self, Write};
use std::sync::Arc;

/// Size of a part. Object stores want at least 5 MiB, and take at most 10,000 parts.
const PART_BYTES: usize = 8 << 20;

/// Parts under way at once; with the one that is filled they bound the memory of a file.
const PARTS_AHEAD: usize = 2;

/// The writer of one object.
pub struct Upload {
    client: Client,
    path: Path,
    /// What is not sent yet, less than a part.
    buffer: Vec<u8>,
    /// Begun with the first full part.
    parts: Option<WriteMultipart>,
    written: u64,
}

impl Upload {
    /// Begins the object at `path`.
    pub fn new(client: Client, path: Path) -> Upload {
        Upload { client, path, buffer: Vec::new(), parts: None, written: 0 }
    }

    /// Sends a full buffer as a part.
    fn send_part(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.buffer);
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => {
                let upload = self.client.run("begin", async move { store.put_multipart(&path).await })?;
                WriteMultipart::new_with_chunk_size(upload, PART_BYTES)
            }
        };
        {
            let _entered = self.client.handle().enter();
            parts.put(part.into());
        }
        self.client.run("write", parts.wait_for_capacity(PARTS_AHEAD))?;
        self.parts = Some(parts);
        Ok(())
    }

    /// Whether the object is there as it was written, although no answer said so.
    fn arrived(&self) -> bool {
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        let found = self.client.run("look", async move { store.head(&path).await });
        found.is_ok_and(|meta| meta.size == self.written)
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART_BYTES.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        self.written += taken.len() as u64;
        if self.buffer.len() >= PART_BYTES {
            self.send_part()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StoreWriter for Upload {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        let last = std::mem::take(&mut self.buffer);
        let (store, path) = (Arc::clone(&self.client.store), self.path.clone());
        let finished = match self.parts.take() {
            None => self.client.run("write", async move { store.put(&path, last.into()).await }),
            Some(mut parts) => self.client.run("write", async move {
                parts.put(last.into());
                parts.finish().await
            }),
        };
        match finished {
            Err(error) if !self.arrived() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
