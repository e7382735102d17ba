//! Builders of text columns: with a dictionary, and plain. Cells equal to the one before need no look-up.
//!
//! Offsets are 32 bits: whoever fills these builders keeps a batch below [`MAX_BATCH_TEXT`] bytes.

use super::terms::{NULL, Terms};
use arrow_array::ArrayRef;
use arrow_array::builder::{ArrayBuilder, StringBuilder};
use arrow_schema::ArrowError;
use std::sync::Arc;

/// Most bytes of text in a batch.
pub(super) const MAX_BATCH_TEXT: usize = 1 << 30;

/// Most bytes that a plain column makes room for before it has any: bodies may have been unusually long once. The URIs of a
/// batch are five million bytes.
const MOST_KEPT_BYTES: usize = 8 << 20;

/// Room for a batch that is about as long as the last one. Memory that grows is copied, and one cell more would double it.
pub(super) fn room_for(last: usize) -> usize {
    last + last / 8
}

/// The values, leaving room for the next batch's.
pub(super) fn emptied<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(room_for(values.len()));
    std::mem::replace(values, next)
}

/// Builds `Dictionary<Int32, Utf8>` columns.
#[derive(Debug)]
pub(super) struct DictColumn {
    terms: Terms,
    keys: Vec<i32>,
    last: i32,
}

impl Default for DictColumn {
    fn default() -> Self {
        DictColumn { terms: Terms::default(), keys: Vec::new(), last: NULL }
    }
}

impl DictColumn {
    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        if self.terms.text(self.last) != Some(text.as_bytes()) {
            self.last = self.terms.key(text);
        }
        self.keys.push(self.last);
    }

    /// Adds a value so many times.
    pub(super) fn push_times(&mut self, text: &str, times: usize) {
        let key = self.terms.key(text);
        self.keys.extend(std::iter::repeat_n(key, times));
    }

    /// Adds a value, or null where it is empty.
    #[inline]
    pub(super) fn push_some(&mut self, text: &str) {
        if text.is_empty() { self.keys.push(NULL) } else { self.push(text) }
    }

    /// The column, leaving the builder empty but for its dictionary.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let column = self.terms.column(emptied(&mut self.keys));
        if self.terms.is_full() {
            *self = DictColumn::default();
        }
        column
    }
}

/// Builds `Utf8` columns.
#[derive(Debug, Default)]
pub(super) struct TextColumn {
    cells: StringBuilder,
    /// Nulls behind the cells: many columns have hardly anything else.
    nulls: usize,
}

impl TextColumn {
    /// An empty column with room for so many cells of so many bytes each.
    pub(super) fn with_room(cells: usize, bytes: usize) -> TextColumn {
        TextColumn { cells: StringBuilder::with_capacity(cells, cells * bytes), nulls: 0 }
    }

    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.append_nulls();
        self.cells.append_value(text);
    }

    /// Adds a value, or null where it is empty.
    #[inline]
    pub(super) fn push_some(&mut self, text: &str) {
        if text.is_empty() { self.push_null() } else { self.push(text) }
    }

    /// Adds null.
    #[inline]
    pub(super) fn push_null(&mut self) {
        self.nulls += 1;
    }

    #[inline]
    fn append_nulls(&mut self) {
        if self.nulls > 0 {
            self.cells.append_nulls(std::mem::take(&mut self.nulls));
        }
    }

    /// The column, leaving the builder empty, with room for another one like it.
    pub(super) fn finish(&mut self) -> ArrayRef {
        self.append_nulls();
        let bytes = room_for(self.cells.values_slice().len()).min(MOST_KEPT_BYTES);
        let next = StringBuilder::with_capacity(room_for(self.cells.len()), bytes);
        Arc::new(std::mem::replace(&mut self.cells, next).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::terms::MAX_VALUES;
    use super::*;
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;
    use proptest::prelude::*;

    fn texts(column: &ArrayRef) -> Vec<Option<String>> {
        let dict = column.as_dictionary::<Int32Type>();
        let values = dict.downcast_dict::<StringArray>().unwrap();
        values.into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(batches in prop::collection::vec(prop::collection::vec("[ab]{0,3}", 0..20), 1..5)) {
            let mut column = DictColumn::default();
            for batch in &batches {
                batch.iter().for_each(|text| column.push_some(text));
                let expected: Vec<_> = batch.iter().map(|t| (!t.is_empty()).then(|| t.clone())).collect();
                prop_assert_eq!(texts(&column.finish().unwrap()), expected);
            }
        }

        /// Nulls at the start, in between, at the end and all through; a text may be empty, too.
        #[test]
        fn so_it_does_without_a_dictionary(
            batches in prop::collection::vec(prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..20), 1..5),
        ) {
            let mut column = TextColumn::default();
            for batch in &batches {
                for text in batch {
                    match text {
                        Some(text) => column.push(text),
                        None => column.push_null(),
                    }
                }
                let found = column.finish();
                prop_assert_eq!(found.as_string::<i32>(), &batch.iter().collect::<StringArray>());
            }
        }
    }

    #[test]
    fn known_values_are_shared_between_batches() {
        let mut column = DictColumn::default();
        column.push("a");
        let first = column.finish().unwrap();
        column.push("a");
        let second = column.finish().unwrap();
        let values = |array: &ArrayRef| Arc::clone(array.as_dictionary::<Int32Type>().values());
        assert!(Arc::ptr_eq(&values(&first), &values(&second)));
    }

    #[test]
    fn a_large_dictionary_starts_anew() {
        let mut column = DictColumn::default();
        (0..=MAX_VALUES).for_each(|n| column.push(&n.to_string()));
        column.finish().unwrap();
        column.push("x");
        assert_eq!(column.finish().unwrap().as_dictionary::<Int32Type>().values().len(), 1);
    }
}
