//! Which pod a kubelet's request for a token is for, where no body tells: kubelets ask for one token a pod, in the order in
//! which the pods came.
//!
//! ```text
//!   pods that came to a kubelet, in one namespace:   1  2  3  4 ◀── count, at the first request for a pod
//!   tokens that it asked for:                           ▲ served
//! ```
//! Both counts are notes, each pod's request is kept as the writer of a key made of the place and its number. A pod that
//! needs no token is passed over once it is older than the horizon of arrivals.

use super::super::keys;
use super::super::kind::{Aspect, Kind};
use super::super::model::Fact;
use super::super::tables::Tables;
use super::super::undo::{Change, Journal};
use super::Memory;
use crate::audit::time::Micros;

/// Most pods that wait for a token at once.
const MOST_WAITING: u64 = 64;

impl Memory {
    /// The key that a React fact asks for: its own, or the one that was noted or whose turn it is.
    #[inline]
    pub fn resolve(&self, fact: &Fact, at: Micros, tables: &Tables, journal: &mut Journal) -> Option<u64> {
        if fact.code == Kind::NotedOwnerWritten.code() {
            self.note(fact.key, at, tables, journal)
        } else if fact.code == Kind::PodStarting.code() {
            self.next_arrival(fact.key, at, tables, journal).map(|number| numbered(fact.key, number))
        } else {
            Some(fact.key)
        }
    }

    /// A kubelet asks for a pod: the key of its number, if it is the first time.
    pub(super) fn arrived(
        &mut self,
        pod: u64,
        place: u64,
        at: Micros,
        tables: &Tables,
        journal: &mut Journal,
    ) -> Option<u64> {
        if self.note(pod, at, tables, journal).is_some() {
            return None;
        }
        let number = self.note(place, at, tables, journal).unwrap_or(0) + 1;
        self.set_note(pod, 0, at, journal);
        self.set_note(place, number, at, journal);
        Some(numbered(place, number))
    }

    /// A kubelet asks for a token: nothing to point to, but the next one is for the next pod.
    pub(super) fn served(&mut self, place: u64, at: Micros, tables: &Tables, journal: &mut Journal) -> Option<u64> {
        let number = self.next_arrival(place, at, tables, journal)?;
        self.set_note(served_of(place), number, at, journal);
        None
    }

    /// Number of the pod that has waited longest.
    fn next_arrival(&self, place: u64, at: Micros, tables: &Tables, journal: &mut Journal) -> Option<u64> {
        let count = self.note(place, at, tables, journal)?;
        let served = self.note(served_of(place), at, tables, journal).filter(|served| *served <= count);
        let from = served.unwrap_or(0).max(count.saturating_sub(MOST_WAITING)) + 1;
        (from..=count).find(|&number| self.latest(numbered(place, number), None, at, tables).is_some())
    }

    /// What is noted of `key` and not too old.
    fn note(&self, key: u64, at: Micros, tables: &Tables, journal: &mut Journal) -> Option<u64> {
        journal.pass(|| self.noted(key).map(|(_, at)| at));
        let (value, noted_at) = self.noted(key)?;
        (at.since(noted_at) <= tables.horizon_us(Aspect::Owner.code())).then_some(value)
    }

    pub(super) fn set_note(&mut self, key: u64, value: u64, at: Micros, journal: &mut Journal) {
        let before = self.notes.insert(key, (value, at));
        journal.pass(|| before.map(|(_, at)| at));
        journal.note(|| Change::Note((key, before)));
    }
}

fn numbered(place: u64, number: u64) -> u64 {
    keys::combine(place, [number, 0, 0, 0])
}

fn served_of(place: u64) -> u64 {
    keys::combine(place, [0, 1, 0, 0])
}
