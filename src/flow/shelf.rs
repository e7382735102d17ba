//! Where the rows of undecided events wait: Arrow batches never leave the worker that decoded them.

use super::epoch::IdMap;
use crate::context::detail::Detail;
use crate::source::stream::StreamName;
use arrow_array::RecordBatch;
use std::cell::RefCell;
use std::rc::Rc;

/// Number of a batch on its worker.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct BatchId(pub u64);

/// A batch of rows of one block, and what is still to be told of them.
#[derive(Debug)]
pub struct Shelved {
    /// Their stream.
    pub stream: StreamName,
    /// The rows without their notes.
    pub rows: RecordBatch,
    /// What bodies said that a summary may tell: (row, detail), by row.
    pub details: Vec<(u32, Detail)>,
    /// Rows without a note.
    pub open: usize,
}

/// The shelf of one worker, shared by the operators that put on and take off.
#[derive(Clone, Default)]
pub struct Shelf(Rc<RefCell<IdMap<BatchId, Shelved>>>);

impl Shelf {
    /// Puts a batch on the shelf.
    pub fn put(&self, id: BatchId, shelved: Shelved) {
        self.0.borrow_mut().insert(id, shelved);
    }

    /// Looks at a batch when `count` more of its rows have their notes; takes it off when no row is left without one.
    pub fn note<T>(&self, id: BatchId, count: usize, look: impl FnOnce(&Shelved) -> T) -> Option<T> {
        let mut shelf = self.0.borrow_mut();
        let shelved = shelf.get_mut(&id)?;
        shelved.open = shelved.open.saturating_sub(count);
        let seen = look(shelved);
        if shelved.open == 0 {
            shelf.remove(&id);
        }
        Some(seen)
    }
}
