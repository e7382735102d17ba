//! Who wrote what last: for each key the latest producer, and the latest by another user.
//!
//! Two are kept so that a controller never reacts to its own write of an object. Producers lie in a slab that the keys
//! count into, since one event writes several keys: a producer goes with the last key that names it. A key older than
//! its aspect's horizon is never found; [`Memory::forget`] frees it later, at a cost that the inserts have paid for.

use super::kind::Aspect;
use super::model::{AuditId, Fact};
use super::tables::Tables;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are hashes already.
pub(super) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// Hasher that passes a 64-bit hash through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An event that wrote something, with the context it belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Producer {
    pub at: Micros,
    pub id: Id,
    pub audit_id: AuditId,
    pub user: u64,
    pub context: Id,
    /// The context is background.
    pub background: bool,
    /// The event is part of a run of its own actor, which no other event set off.
    pub own_run: bool,
}

/// Slab index of no producer.
const NONE: u32 = u32::MAX;
/// Fewest inserts between two sweeps.
const SWEEP_AFTER: usize = 4096;

#[derive(Copy, Clone, Debug)]
struct Slot {
    latest: u32,
    other: u32,
    aspect: u8,
}

#[derive(Copy, Clone, Debug)]
struct Entry {
    producer: Producer,
    /// Keys that name it.
    count: u32,
}

/// The latest writers of all keys of one stream.
#[derive(Debug, Default)]
pub(super) struct Memory {
    slots: ByHash<Slot>,
    producers: Vec<Entry>,
    free: Vec<u32>,
    inserted: usize,
}

/// One key in saved state; indexes into the saved producers.
pub(super) type SavedSlot = (u64, u8, u32, Option<u32>);

impl Memory {
    /// The latest producer of `key` at or before `at` and within the horizon, with its age; by another user than `not_by`
    /// if that is given.
    #[inline]
    pub fn latest(&self, key: u64, not_by: Option<u64>, at: Micros, tables: &Tables) -> Option<(&Producer, i64)> {
        let slot = self.slots.get(&key)?;
        let mut producer = self.producer(slot.latest)?;
        if not_by == Some(producer.user) || producer.at > at {
            producer = self.producer(slot.other).filter(|one| not_by != Some(one.user) && one.at <= at)?;
        }
        let age_us = at.since(producer.at);
        (age_us <= tables.horizon_us(slot.aspect)).then_some((producer, age_us))
    }

    #[inline]
    fn producer(&self, index: u32) -> Option<&Producer> {
        self.producers.get(index as usize).map(|entry| &entry.producer)
    }

    /// Makes `producer` the latest writer of the keys of all Produce facts among `facts`.
    pub fn write(&mut self, facts: &[Fact], producer: Producer) {
        let mut index = NONE;
        for fact in facts.iter().filter(|fact| fact.produce) {
            if index == NONE {
                index = self.insert(producer);
            }
            self.point(fact, index, producer.user);
        }
        self.release(index);
    }

    fn insert(&mut self, producer: Producer) -> u32 {
        let entry = Entry { producer, count: 1 }; // the count is ours until all keys point to it
        match self.free.pop() {
            Some(index) => {
                if let Some(slot) = self.producers.get_mut(index as usize) {
                    *slot = entry;
                }
                index
            }
            None => {
                self.producers.push(entry);
                u32::try_from(self.producers.len() - 1).unwrap_or(NONE)
            }
        }
    }

    fn point(&mut self, fact: &Fact, index: u32, user: u64) {
        let slot = self.slots.entry(fact.key).or_insert(Slot { latest: NONE, other: NONE, aspect: fact.code });
        let before = *slot;
        if before.latest == index {
            return;
        }
        let same_user = self.producers.get(before.latest as usize).is_some_and(|one| one.producer.user == user);
        slot.latest = index;
        let dropped = if same_user {
            before.latest
        } else {
            slot.other = before.latest;
            before.other
        };
        self.inserted += 1;
        self.retain(index);
        self.release(dropped);
    }

    fn retain(&mut self, index: u32) {
        if let Some(entry) = self.producers.get_mut(index as usize) {
            entry.count += 1;
        }
    }

    fn release(&mut self, index: u32) {
        if let Some(entry) = self.producers.get_mut(index as usize) {
            entry.count -= 1;
            if entry.count == 0 {
                self.free.push(index);
            }
        }
    }

    /// Frees the keys that no event at or after `watermark` can find, once enough were inserted to pay for looking at all.
    pub fn forget(&mut self, watermark: Micros, tables: &Tables) {
        if self.inserted >= SWEEP_AFTER.max(self.slots.len() / 2) {
            self.sweep(watermark, tables);
        }
    }

    fn sweep(&mut self, watermark: Micros, tables: &Tables) {
        self.inserted = 0;
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(|_, slot| {
            let horizon_us = tables.horizon_us(slot.aspect);
            let live = |one: &Producer| watermark.since(one.at) <= horizon_us;
            if !self.producer(slot.other).is_some_and(live) {
                self.release(slot.other);
                slot.other = NONE;
            }
            let keep = self.producer(slot.latest).is_some_and(live);
            if !keep {
                self.release(slot.latest);
                self.release(slot.other);
            }
            keep
        });
        self.slots = slots;
    }

    /// What stands in saved state: keys in order, and the producers that they name in order of first use.
    pub fn save(&self) -> (Vec<SavedSlot>, Vec<Producer>) {
        let mut keys: Vec<(&u64, &Slot)> = self.slots.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        let mut producers = Vec::new();
        let mut places = vec![None; self.producers.len()];
        let mut place = |index: u32| -> Option<u32> {
            let producer = self.producer(index)?;
            let slot = places.get_mut(index as usize)?;
            if slot.is_none() {
                *slot = u32::try_from(producers.len()).ok();
                producers.push(*producer);
            }
            *slot
        };
        let slots = keys
            .into_iter()
            .filter_map(|(&key, slot)| Some((key, slot.aspect, place(slot.latest)?, place(slot.other))))
            .collect();
        (slots, producers)
    }

    /// The memory that was saved; `None` when an index points nowhere or an aspect is unknown.
    pub fn load(slots: &[SavedSlot], producers: Vec<Producer>) -> Option<Memory> {
        let producers = producers.into_iter().map(|producer| Entry { producer, count: 0 }).collect();
        let mut memory = Memory { producers, inserted: slots.len(), ..Memory::default() };
        for &(key, aspect, latest, other) in slots {
            Aspect::from_code(aspect)?;
            let other = other.unwrap_or(NONE);
            for index in [latest, other].into_iter().filter(|&index| index != NONE) {
                memory.producers.get_mut(index as usize)?.count += 1;
            }
            memory.slots.insert(key, Slot { latest, other, aspect });
        }
        let unused = memory.producers.iter().enumerate().filter(|(_, entry)| entry.count == 0);
        memory.free = unused.filter_map(|(index, _)| u32::try_from(index).ok()).collect();
        Some(memory)
    }

    /// Number of keys and of producers that are held.
    pub fn len(&self) -> (usize, usize) {
        (self.slots.len(), self.producers.len() - self.free.len())
    }
}
