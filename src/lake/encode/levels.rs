//! Definition and repetition levels of a page: which cells have a value, and where the lists begin.
//!
//! All columns here have levels of one bit, so a batch's validity bits are the definition levels as they are.

use super::hybrid;
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};

/// Which levels a column has.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// None: every row has a value.
    Required,
    /// Definition: 1 where the row has a value.
    Optional,
    /// Definition: 0 for an empty list. Repetition: 0 for the first item of a list.
    List,
}

/// The levels of the page in the making.
#[derive(Debug)]
pub struct Levels {
    shape: Shape,
    defined: Bits,
    repeated: Bits,
}

impl Levels {
    pub fn new(shape: Shape) -> Levels {
        Levels { shape, defined: Bits::new(), repeated: Bits::new() }
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds rows that are no lists, all of which have a value unless `nulls` says otherwise.
    pub fn push_rows(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        match (self.shape, nulls) {
            (Shape::Required, _) => {}
            (_, None) => self.defined.push_ones(rows),
            (_, Some(nulls)) => self.defined.push_buffer(nulls),
        }
    }

    /// Adds a list of so many items.
    pub fn push_list(&mut self, items: usize) {
        match items {
            0 => self.defined.push_zero(),
            items => self.defined.push_ones(items),
        }
        self.repeated.push_zero();
        self.repeated.push_ones(items.saturating_sub(1));
    }

    /// Levels in the page: a row each, or an item or an empty list each; none where every row has a value.
    pub fn len(&self) -> usize {
        self.defined.len()
    }

    /// Levels without a value.
    pub fn nulls(&self) -> usize {
        self.len() - self.defined.ones
    }

    pub fn memory_size(&self) -> usize {
        (self.defined.len() + self.repeated.len()) / 8
    }

    /// Appends the levels to a page and begins the next one's.
    pub fn end_page(&mut self, out: &mut Vec<u8>) {
        if self.shape == Shape::List {
            self.repeated.put(out);
        }
        if self.shape != Shape::Required {
            self.defined.put(out);
        }
        (self.defined, self.repeated) = (Bits::new(), Bits::new());
    }
}

/// Levels, one bit each.
#[derive(Debug)]
struct Bits {
    bits: BooleanBufferBuilder,
    /// Ones behind them: pages often have nothing else.
    tail: usize,
    ones: usize,
}

impl Bits {
    fn new() -> Bits {
        Bits { bits: BooleanBufferBuilder::new(0), tail: 0, ones: 0 }
    }

    fn len(&self) -> usize {
        self.bits.len() + self.tail
    }

    fn push_ones(&mut self, times: usize) {
        self.tail += times;
        self.ones += times;
    }

    fn push_zero(&mut self) {
        self.append_tail();
        self.bits.append(false);
    }

    fn push_buffer(&mut self, nulls: &NullBuffer) {
        self.append_tail();
        self.bits.append_buffer(nulls.inner());
        self.ones += nulls.len() - nulls.null_count();
    }

    fn append_tail(&mut self) {
        self.bits.append_n(std::mem::take(&mut self.tail), true);
    }

    /// Appends their length in bytes, then the levels.
    fn put(&mut self, out: &mut Vec<u8>) {
        let (start, len) = (out.len(), self.len());
        out.extend_from_slice(&[0; 4]);
        match self.ones {
            0 => hybrid::put_run(len, 0, 1, out),
            ones if ones == len => hybrid::put_run(len, 1, 1, out),
            _ => {
                self.append_tail();
                hybrid::put_bits(self.bits.as_slice(), len, out);
            }
        }
        let bytes = (out.len() - start - 4) as u32;
        if let Some(length) = out.get_mut(start..start + 4) {
            length.copy_from_slice(&bytes.to_le_bytes());
        }
    }
}
