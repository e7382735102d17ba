//! The dictionary of a column of texts, kept from batch to batch.
//!
//! The same few users, verbs and resources come again: once they are known, a batch costs one look-up a cell and shares the
//! values of the batch before.

use arrow_array::builder::{ArrayBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Key of a cell that is null.
pub(super) const NULL: i32 = -1;

/// A dictionary with more values starts anew at the next batch: its memory is bounded, and so is the copying.
pub(super) const MAX_VALUES: usize = 4096;
/// The same for its bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The dictionary.
#[derive(Debug, Default)]
pub(super) struct Terms {
    values: StringBuilder,
    index: HashTable<i32>,
    hasher: DefaultHashBuilder,
    /// The values as an array, as long as no value was added since it was made.
    shared: Option<Arc<StringArray>>,
}

impl Terms {
    /// The key of a text.
    pub(super) fn key(&mut self, text: &str) -> i32 {
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

    /// The text behind a key, as bytes.
    #[inline]
    pub(super) fn text(&self, key: i32) -> Option<&[u8]> {
        value(&self.values, key)
    }

    /// Whether it has to start anew before the next batch.
    pub(super) fn is_full(&self) -> bool {
        self.values.len() > MAX_VALUES || self.values.values_slice().len() > MAX_BYTES
    }

    /// The column with these keys.
    pub(super) fn column(&mut self, mut keys: Vec<i32>) -> Result<ArrayRef, ArrowError> {
        // All together are negative where one of them is.
        let any_null = keys.iter().fold(0, |all, key| all | key) < 0;
        let nulls = any_null.then(|| {
            let valid = BooleanBuffer::collect_bool(keys.len(), |row| keys.get(row).is_some_and(|key| *key >= 0));
            // The keys of nulls have to point at a value, too.
            keys.iter_mut().for_each(|key| *key = (*key).max(0));
            NullBuffer::new(valid)
        });
        if self.index.is_empty() && !keys.is_empty() {
            self.key("");
        }
        let values = Arc::clone(self.shared.get_or_insert_with(|| Arc::new(self.values.finish_cloned())));
        let keys = Int32Array::try_new(ScalarBuffer::from(keys), nulls)?;
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values)?))
    }
}

#[inline]
fn value(values: &StringBuilder, key: i32) -> Option<&[u8]> {
    let key = usize::try_from(key).ok()?;
    let offsets = values.offsets_slice();
    let (from, to) = (*offsets.get(key)?, *offsets.get(key + 1)?);
    values.values_slice().get(from as usize..to as usize)
}
