//! Memory of blocks, used again: fresh memory has to be cleared by the kernel page by page, which for blocks of megabytes
//! takes longer than reading a file that stands in memory (measured: 8 to 15 % of a conversion).

use std::sync::{Arc, Mutex, PoisonError};

/// Most buffers that wait for use.
const MOST: usize = 32;
/// A larger one, made for a single long record, is not kept.
const LARGEST_BYTES: usize = 8 << 20;

/// Buffers that are through with one block and wait for the next; shared by the reader and those who decode.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// A buffer, of any length and with anything in it.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST && buffer.capacity() <= LARGEST_BYTES {
            waiting.push(buffer);
        }
    }
}
