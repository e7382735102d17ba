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

    /// Appends the indices of keys; `learn` finds that of a text that is met for the first time. `None` if a key has no text.
    pub fn append(&mut self, keys: &[i32], out: &mut Vec<u32>, mut learn: impl FnMut(&[u8]) -> u32) -> Option<()> {
        let new = out.len();
        let known = |key: &i32| self.indices.get(*key as u32 as usize).copied().unwrap_or(UNKNOWN);
        out.extend(keys.iter().map(known));
        let new = out.get_mut(new..)?;
        // One branch for all: nearly always all are known, and no index is as large.
        if new.iter().fold(0, |all, index| all | index) <= UNKNOWN / 2 {
            return Some(());
        }
        let values = self.values.as_ref()?;
        for (index, key) in new.iter_mut().zip(keys).filter(|(index, _)| **index == UNKNOWN) {
            let known = self.indices.get_mut(usize::try_from(*key).ok()?)?;
            if *known == UNKNOWN {
                *known = learn(values.value(*key as usize).as_bytes());
            }
            *index = *known;
        }
        Some(())
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
