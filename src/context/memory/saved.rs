//! The memory in saved state: keys in order, and the producers that they name in order of first use, so that equal memories
//! give equal bytes. It is written as it stands, since a copy of millions of keys would be as large as the memory itself.

use super::super::kind::Aspect;
use super::slot::{NONE, Slot};
use super::{Held, Memory, Producer};
use crate::audit::time::Micros;
use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};

/// One key: hash, aspect, places among the saved producers.
type SavedSlot = (u64, u8, u32, Option<u32>);

/// One note: key of the object, key of the other, when.
type SavedNote = (u64, u64, Micros);

/// What [`Saving`] writes, as it is read.
pub(in super::super) type SavedMemory = (Vec<Producer>, Vec<SavedSlot>, Vec<SavedNote>);

/// A memory on its way into saved state.
pub(in super::super) struct Saving<'m> {
    memory: &'m Memory,
    /// All keys, in order, and what is known of them: a look-up each would cost more than the room.
    slots: Vec<(u64, Slot)>,
    /// The producers that are saved.
    producers: Vec<&'m Producer>,
    /// For each place in the memory the one among the saved producers.
    places: Vec<u32>,
}

impl Memory {
    /// What stands in saved state.
    pub fn save(&self) -> Saving<'_> {
        let mut slots: Vec<(u64, Slot)> = self.slots.iter().map(|(key, slot)| (*key, *slot)).collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        let places = vec![NONE; self.producers.len()];
        let mut saving = Saving { memory: self, slots, producers: Vec::new(), places };
        for (_, slot) in &saving.slots {
            for index in [slot.latest(), slot.other] {
                if let Some(producer) = self.producer(index)
                    && let Some(place) = saving.places.get_mut(index as usize).filter(|place| **place == NONE)
                    && let Ok(next) = u32::try_from(saving.producers.len())
                {
                    *place = next;
                    saving.producers.push(producer);
                }
            }
        }
        saving
    }

    /// The memory that was saved; `None` when an index points nowhere or an aspect is unknown.
    pub fn load((producers, slots, notes): SavedMemory) -> Option<Memory> {
        let mut memory = Memory {
            producers: producers.into_iter().map(|producer| Held { producer, keys: 0 }).collect(),
            inserted: slots.len(),
            notes: notes.into_iter().map(|(key, child, at)| (key, (child, at))).collect(),
            ..Memory::default()
        };
        memory.slots.reserve(slots.len());
        for (key, aspect, latest, other) in slots {
            Aspect::from_code(aspect)?;
            let other = other.unwrap_or(NONE);
            for index in [latest, other].into_iter().filter(|&index| index != NONE) {
                memory.producers.get_mut(index as usize)?.keys += 1;
            }
            memory.slots.insert(key, Slot::new(aspect, latest, other));
        }
        let unused = memory.producers.iter().enumerate().filter(|(_, held)| held.keys == 0);
        memory.free = unused.filter_map(|(index, _)| u32::try_from(index).ok()).collect();
        Some(memory)
    }
}

impl Saving<'_> {
    /// About so many bytes.
    pub(in super::super) fn bytes(&self) -> usize {
        17 * self.slots.len() + 60 * self.producers.len() + 29 * self.memory.notes.len()
    }

    fn place(&self, index: u32) -> Option<u32> {
        self.places.get(index as usize).copied().filter(|place| *place != NONE)
    }

    fn notes(&self) -> Vec<SavedNote> {
        let mut all: Vec<SavedNote> = self.memory.notes.iter().map(|(&key, &(child, at))| (key, child, at)).collect();
        all.sort_unstable();
        all
    }
}

/// A list that is made while it is written.
struct Listed<F>(F);

impl<I: ExactSizeIterator<Item: Serialize>, F: Fn() -> I> Serialize for Listed<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl Serialize for Saving<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slot = |(key, slot): &(u64, Slot)| -> SavedSlot {
            (*key, slot.aspect(), self.place(slot.latest()).unwrap_or(NONE), self.place(slot.other))
        };
        let mut parts = serializer.serialize_tuple(3)?;
        parts.serialize_element(&self.producers)?;
        parts.serialize_element(&Listed(|| self.slots.iter().map(slot)))?;
        parts.serialize_element(&self.notes())?;
        parts.end()
    }
}
