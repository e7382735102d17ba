//! Builders of text columns: with a dictionary that is kept from batch to batch, and plain.
//!
//! The dictionary outlives the batch because the same few users, verbs and resources come again: once they are known, a
//! batch costs one look-up a cell and shares the values of the batch before. Cells equal to the one before skip the look-up.
//!
//! Offsets are 32 bits: whoever fills these builders keeps a batch below [`MAX_BATCH_TEXT`] bytes.

use arrow_array::builder::{ArrayBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::{NullBufferBuilder, ScalarBuffer};
use arrow_schema::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Most bytes of text in a batch.
pub(super) const MAX_BATCH_TEXT: usize = 1 << 30;

/// A dictionary with more values starts anew at the next batch: its memory is bounded, and so is the copying.
const MAX_VALUES: usize = 4096;
/// The same for its bytes.
const MAX_BYTES: usize = 1 << 20;

/// Most bytes that a plain column makes room for before it has any: bodies may have been unusually long once.
const MOST_KEPT_BYTES: usize = 1 << 20;

/// Builds `Dictionary<Int32, Utf8>` columns.
#[derive(Debug)]
pub(super) struct DictColumn {
    keys: Vec<i32>,
    nulls: NullBufferBuilder,
    values: StringBuilder,
    index: HashTable<i32>,
    hasher: DefaultHashBuilder,
    last: i32,
    /// Counts the dictionaries, from one.
    generation: u32,
    /// The values as an array, as long as no value was added since it was made.
    shared: Option<Arc<StringArray>>,
}

impl DictColumn {
    pub(super) fn new() -> DictColumn {
        DictColumn {
            keys: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            values: StringBuilder::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: -1,
            generation: 1,
            shared: None,
        }
    }

    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        if value(&self.values, self.last) != Some(text.as_bytes()) {
            self.last = self.key_of(text);
        }
        self.keys.push(self.last);
        self.nulls.append_non_null();
    }

    /// Adds a value, or null where it is empty.
    #[inline]
    pub(super) fn push_some(&mut self, text: &str) {
        if text.is_empty() { self.push_null() } else { self.push(text) }
    }

    /// Adds a value whose key `known` keeps from the last time. It must be the same value and column each time.
    #[inline]
    pub(super) fn push_known(&mut self, known: &mut Known, text: &str) {
        if known.generation != self.generation {
            *known = Known { generation: self.generation, key: self.key_of(text) };
        }
        self.keys.push(known.key);
        self.nulls.append_non_null();
    }

    /// The same, or null where it is empty.
    #[inline]
    pub(super) fn push_some_known(&mut self, known: &mut Known, text: &str) {
        if text.is_empty() { self.push_null() } else { self.push_known(known, text) }
    }

    /// Adds null.
    pub(super) fn push_null(&mut self) {
        self.keys.push(0);
        self.nulls.append_null();
    }

    fn key_of(&mut self, text: &str) -> i32 {
        let (values, hasher) = (&self.values, &self.hasher);
        let hash = hasher.hash_one(text.as_bytes());
        if let Some(key) = self.index.find(hash, |key| value(values, *key) == Some(text.as_bytes())) {
            return *key;
        }
        let key = self.index.len() as i32;
        self.index.insert_unique(hash, key, |key| hasher.hash_one(value(values, *key).unwrap_or_default()));
        self.values.append_value(text);
        self.shared = None;
        key
    }

    /// The column, leaving the builder empty but for its dictionary.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        if self.index.is_empty() && !self.keys.is_empty() {
            // Keys of an all-null column still have to point at a value.
            self.key_of("");
        }
        let shared = Arc::clone(self.shared.get_or_insert_with(|| Arc::new(self.values.finish_cloned())));
        // The next batch is about as long.
        let next = Vec::with_capacity(self.keys.len());
        let keys = Int32Array::new(ScalarBuffer::from(std::mem::replace(&mut self.keys, next)), self.nulls.finish());
        if shared.len() > MAX_VALUES || shared.value_data().len() > MAX_BYTES {
            *self = DictColumn { generation: self.generation.wrapping_add(1).max(1), ..DictColumn::new() };
        }
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, shared)?))
    }
}

/// Where a value that comes again and again stands in a column's dictionary; of another dictionary it is of no use.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Known {
    generation: u32,
    key: i32,
}

/// The text behind a key, as bytes.
#[inline]
fn value(values: &StringBuilder, key: i32) -> Option<&[u8]> {
    let key = usize::try_from(key).ok()?;
    let offsets = values.offsets_slice();
    let (from, to) = (*offsets.get(key)?, *offsets.get(key + 1)?);
    values.values_slice().get(from as usize..to as usize)
}

/// Builds `Utf8` columns.
#[derive(Debug, Default)]
pub(super) struct TextColumn(StringBuilder);

impl TextColumn {
    /// Adds a value.
    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        self.0.append_value(text);
    }

    /// Adds a value, or null where it is empty.
    #[inline]
    pub(super) fn push_some(&mut self, text: &str) {
        if text.is_empty() { self.0.append_null() } else { self.0.append_value(text) }
    }

    /// Adds null.
    pub(super) fn push_null(&mut self) {
        self.0.append_null();
    }

    /// The column, leaving the builder empty, with room for another one like it.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let next = StringBuilder::with_capacity(self.0.len(), self.0.values_slice().len().min(MOST_KEPT_BYTES));
        Arc::new(std::mem::replace(&mut self.0, next).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

    fn texts(column: &ArrayRef) -> Vec<Option<String>> {
        let dict = column.as_dictionary::<Int32Type>();
        let values = dict.downcast_dict::<StringArray>().unwrap();
        values.into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(batches in prop::collection::vec(prop::collection::vec("[ab]{0,3}", 0..20), 1..5)) {
            let mut column = DictColumn::new();
            for batch in &batches {
                batch.iter().for_each(|text| column.push_some(text));
                let expected: Vec<_> = batch.iter().map(|t| (!t.is_empty()).then(|| t.clone())).collect();
                prop_assert_eq!(texts(&column.finish().unwrap()), expected);
            }
        }
    }

    #[test]
    fn known_values_are_shared_between_batches() {
        let mut column = DictColumn::new();
        column.push("a");
        let first = column.finish().unwrap();
        column.push("a");
        let second = column.finish().unwrap();
        let values = |array: &ArrayRef| Arc::clone(array.as_dictionary::<Int32Type>().values());
        assert!(Arc::ptr_eq(&values(&first), &values(&second)));
    }

    #[test]
    fn a_large_dictionary_starts_anew() {
        let (mut column, mut known) = (DictColumn::new(), Known::default());
        (0..=MAX_VALUES).for_each(|n| column.push(&n.to_string()));
        column.push_known(&mut known, "x");
        column.finish().unwrap();
        column.push_known(&mut known, "x");
        column.push("x");
        assert_eq!(column.finish().unwrap().as_dictionary::<Int32Type>().values().len(), 1);
    }
}
