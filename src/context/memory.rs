//! Who wrote what last: for each key the latest producer, and the latest by another user.
//!
//! Two are kept so that a controller never reacts to its own write of an object. Producers lie in a slab that the keys
//! count into, since one event writes several keys: a producer goes with the last key that names it. A key older than
//! its aspect's horizon is never found; [`Memory::forget`] frees it later, at a cost that the inserts have paid for, so it
//! never shows when that is done. While changes are recorded, a producer that a key no longer names is held by the change.

use super::kind::Aspect;
use super::model::{AuditId, Fact, Head};
use super::tables::Tables;
use super::undo::{Change, Journal};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasherDefault, Hasher};

mod arrivals;
mod saved;
mod slot;
pub(super) use saved::{SavedMemory, Saving};
use slot::{NONE, Slot};

/// A map whose keys are hashes already.
pub(super) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// A set of hashes.
pub(super) type Hashes = HashSet<u64, BuildHasherDefault<Identity>>;

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
    /// Audit id in two halves: as one number it would be aligned to 16 bytes.
    audit_id: (u64, u64),
    pub user: u64,
    pub context: Id,
    /// The context is background.
    pub background: bool,
    /// The event is part of a run of its own actor, which no other event set off.
    pub own_run: bool,
}

impl Producer {
    /// What `head` writes, as part of `context`.
    pub fn new(head: &Head, context: Id, background: bool, own_run: bool) -> Producer {
        let audit_id = ((head.audit_id.0 >> 64) as u64, head.audit_id.0 as u64);
        Producer { at: head.at, id: head.id, audit_id, user: head.user, context, background, own_run }
    }

    /// The request.
    pub fn audit_id(&self) -> AuditId {
        AuditId((u128::from(self.audit_id.0) << 64) | u128::from(self.audit_id.1))
    }
}

/// A producer, and how many keys name it: one line of the processor's cache, since each look at a key is a wait for memory.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Held {
    producer: Producer,
    keys: u32,
}

const _: () = assert!(size_of::<Held>() == 64);

/// Fewest inserts between two sweeps.
const SWEEP_AFTER: usize = 4096;

/// The latest writers of all keys of one stream.
#[derive(Debug, Default)]
pub(super) struct Memory {
    slots: ByHash<Slot>,
    producers: Vec<Held>,
    free: Vec<u32>,
    inserted: usize,
    /// By an object's owner or keeper key: the child key of its owner, the wake key of its keeper; and when that was seen.
    notes: ByHash<(u64, Micros)>,
}

fn is_note(aspect: u8) -> bool {
    [Aspect::Owner, Aspect::Keeper, Aspect::Origin].iter().any(|one| one.code() == aspect)
}

/// Whether the key that follows is but what is noted: a keeper's wake key is its own, only others wake it; a child's writer
/// did not write the owner.
fn is_value(note: &Fact) -> bool {
    note.produce && !note.own && [Aspect::Keeper, Aspect::Origin].iter().any(|one| one.code() == note.code)
}

/// A key as it was; its `latest` is [`NONE`] when it was not known.
#[derive(Copy, Clone, Debug)]
pub(super) struct SlotBefore {
    key: u64,
    slot: Slot,
    /// The producer that the key no longer names, held until the change is for good.
    dropped: u32,
}

impl SlotBefore {
    /// The key.
    pub fn key(&self) -> u64 {
        self.key
    }
}

/// A note as it was; `None` when there was none.
pub(super) type NoteBefore = (u64, Option<(u64, Micros)>);

impl Memory {
    /// The latest producer of `key` at or before `at` and within the horizon, with its age; by another user than `not_by`
    /// if that is given.
    #[inline]
    pub fn latest(&self, key: u64, not_by: Option<u64>, at: Micros, tables: &Tables) -> Option<(&Producer, i64)> {
        let slot = self.slots.get(&key)?;
        let mut producer = self.producer(slot.latest())?;
        if not_by == Some(producer.user) || producer.at > at {
            producer = self.producer(slot.other).filter(|one| not_by != Some(one.user) && one.at <= at)?;
        }
        let age_us = at.since(producer.at);
        (age_us <= tables.horizon_us(slot.aspect())).then_some((producer, age_us))
    }

    /// What is noted of `key`, and since when.
    pub fn noted(&self, key: u64) -> Option<(u64, Micros)> {
        self.notes.get(&key).copied()
    }

    /// When `key` was written last.
    pub fn written(&self, key: u64) -> Option<Micros> {
        self.producer(self.slots.get(&key)?.latest()).map(|one| one.at)
    }

    #[inline]
    fn producer(&self, index: u32) -> Option<&Producer> {
        self.producers.get(index as usize).map(|held| &held.producer)
    }

    /// Makes `producer` the latest writer of the keys of all Produce facts among `facts`.
    pub fn write(&mut self, facts: &[Fact], producer: Producer, tables: &Tables, journal: &mut Journal) {
        let mut index = NONE;
        for (place, fact) in facts.iter().enumerate().filter(|(_, fact)| fact.produce) {
            let mut fact = *fact;
            let before = place.checked_sub(1).and_then(|one| facts.get(one));
            if is_note(fact.code) {
                match self.follow(fact, facts.get(place + 1), producer.at, tables, journal) {
                    Some(resolved) => fact = resolved,
                    None => continue,
                }
            } else if fact.code == Aspect::Arrival.code() {
                let numbered = match before.filter(|one| one.code == fact.code && one.produce && !fact.own) {
                    Some(pod) => self.arrived(pod.key, fact.key, producer.at, tables, journal),
                    None if fact.own => self.served(fact.key, producer.at, tables, journal),
                    None => None, // the pod: what follows is where it came to
                };
                let Some(numbered) = numbered else { continue };
                if index == NONE {
                    index = self.insert(producer);
                }
                self.point(&Fact { key: numbered, ..fact }, index, producer.user, journal);
            } else if before.is_some_and(is_value) {
                continue;
            }
            if index == NONE {
                index = self.insert(producer);
            }
            self.point(&fact, index, producer.user, journal);
        }
        self.release(index);
    }

    /// Notes what belongs to an object (`next` is the fact with that key), or resolves it.
    fn follow(
        &mut self,
        fact: Fact,
        next: Option<&Fact>,
        at: Micros,
        tables: &Tables,
        journal: &mut Journal,
    ) -> Option<Fact> {
        if fact.own {
            journal.pass(|| self.noted(fact.key).map(|(_, at)| at));
            let (key, noted_at) = *self.notes.get(&fact.key)?;
            if at.since(noted_at) > tables.horizon_us(Aspect::Owner.code()) {
                return None;
            }
            let aspect = if fact.code == Aspect::Owner.code() { Aspect::Child } else { Aspect::Wake };
            return Some(Fact { key, code: aspect.code(), produce: true, own: false });
        }
        self.set_note(fact.key, next?.key, at, journal);
        None
    }

    fn insert(&mut self, producer: Producer) -> u32 {
        let free = self.free.pop().or_else(|| {
            let next = u32::try_from(self.producers.len()).ok().filter(|next| *next < NONE)?;
            self.producers.push(Held { producer, keys: 0 });
            Some(next)
        });
        let Some(index) = free else { return NONE };
        if let Some(held) = self.producers.get_mut(index as usize) {
            *held = Held { producer, keys: 1 }; // ours until all keys point to it
        }
        index
    }

    fn point(&mut self, fact: &Fact, index: u32, user: u64, journal: &mut Journal) {
        if index == NONE {
            return; // more are open than places can tell apart
        }
        let slot = self.slots.entry(fact.key).or_insert(Slot::new(fact.code, NONE, NONE));
        let before = *slot;
        if before.latest() == index {
            return;
        }
        let writer = self.producers.get(before.latest() as usize).map(|held| &held.producer);
        let (written, same_user) = (writer.map(|one| one.at), writer.is_some_and(|one| one.user == user));
        let (other, dropped) =
            if same_user { (before.other, before.latest()) } else { (before.latest(), before.other) };
        *slot = Slot::new(before.aspect(), index, other);
        self.inserted += 1;
        self.retain(index);
        if journal.is_on() {
            journal.pass(|| written);
            journal.note(|| Change::Slot(SlotBefore { key: fact.key, slot: before, dropped }));
        } else {
            self.release(dropped);
        }
    }

    /// Takes a change of a key back.
    pub fn undo_slot(&mut self, SlotBefore { key, slot, .. }: SlotBefore) {
        let after = if slot.latest() == NONE { self.slots.remove(&key) } else { self.slots.insert(key, slot) };
        if let Some(after) = after {
            self.release(after.latest());
        }
    }

    /// A change of a key is for good.
    pub fn keep_slot(&mut self, change: SlotBefore) {
        self.release(change.dropped);
    }

    /// Takes a change of a note back.
    pub fn undo_note(&mut self, (key, before): NoteBefore) {
        match before {
            Some(note) => self.notes.insert(key, note),
            None => self.notes.remove(&key),
        };
    }

    fn retain(&mut self, index: u32) {
        if let Some(held) = self.producers.get_mut(index as usize) {
            held.keys += 1;
        }
    }

    fn release(&mut self, index: u32) {
        if let Some(held) = self.producers.get_mut(index as usize) {
            held.keys -= 1;
            if held.keys == 0 {
                self.free.push(index);
            }
        }
    }

    /// Frees the keys that no event at or after `watermark` can find, once enough were inserted to pay for looking at all. Three in four
    /// were known and take no room.
    pub fn forget(&mut self, watermark: Micros, tables: &Tables) {
        if self.inserted >= SWEEP_AFTER.max(self.slots.len()) {
            self.sweep(watermark, tables);
        }
    }

    fn sweep(&mut self, watermark: Micros, tables: &Tables) {
        self.inserted = 0;
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(|_, slot| {
            if self.producer(slot.latest()).is_some_and(|one| one.at >= watermark) {
                return true; // the undo journal may name what the key named before
            }
            let horizon_us = tables.horizon_us(slot.aspect());
            let live = |one: &Producer| watermark.since(one.at) <= horizon_us;
            if !self.producer(slot.other).is_some_and(live) {
                self.release(slot.other);
                slot.other = NONE;
            }
            let keep = self.producer(slot.latest()).is_some_and(live);
            if !keep {
                self.release(slot.latest());
                self.release(slot.other);
            }
            keep
        });
        self.slots = slots;
        let horizon_us = tables.horizon_us(Aspect::Owner.code());
        self.notes.retain(|_, (_, at)| watermark.since(*at) <= horizon_us);
    }

    /// Number of keys and of producers that are held.
    pub fn len(&self) -> (usize, usize) {
        (self.slots.len(), self.producers.len() - self.free.len())
    }
}

#[cfg(test)]
mod tests;
