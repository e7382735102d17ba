//! From the keys of a batch's dictionary to the indices of a chunk's dictionary.
//!
//! Builders keep their dictionaries from batch to batch and append to them, so what was learnt of a key goes on to hold
//! until a batch comes whose dictionary is another one.

use arrow_array::{Array, StringArray};

/// A key that no cell had so far.
const UNKNOWN: u32 = u32::MAX;

/// The map.
#[derive(Debug, Default)]
pub struct KeyMap {
    /// The values behind the keys.
    values: Option<StringArray>,
    /// By key.
    indices: Vec<u32>,
}

impl KeyMap {
    /// Goes on with the keys of a batch with these values.
    pub fn follow(&mut self, values: &StringArray) {
        if !self.values.as_ref().is_some_and(|known| begins_with(values, known)) {
            self.indices.clear();
        }
        self.indices.resize(values.len(), UNKNOWN);
        self.values = Some(values.clone());
    }

    /// The index of a key; `learn` finds it for a text that is met for the first time.
    #[inline]
    pub fn index(&mut self, key: i32, learn: impl FnOnce(&[u8]) -> u32) -> Option<u32> {
        let known = self.indices.get_mut(usize::try_from(key).ok()?)?;
        if *known == UNKNOWN {
            *known = learn(self.values.as_ref()?.value(key as usize).as_bytes());
        }
        Some(*known)
    }

    pub fn memory_size(&self) -> usize {
        self.indices.len() * size_of::<u32>()
    }
}

/// Whether the first values are those of `known`.
fn begins_with(values: &StringArray, known: &StringArray) -> bool {
    let (ends, known_ends) = (values.value_offsets(), known.value_offsets());
    if ends.as_ptr() == known_ends.as_ptr() && ends.len() == known_ends.len() && values.values().ptr_eq(known.values())
    {
        return true;
    }
    let (Some(from), Some(to)) = (known_ends.first(), known_ends.last()) else { return false };
    let span = *from as usize..*to as usize;
    ends.starts_with(known_ends) && values.value_data().get(span.clone()) == known.value_data().get(span)
}
