//! The columns that are known only once events are in order: how long ago the previous event was, and what the event follows.
//!
//! ```text
//! event ─▶ links: keys of what it wrote, keys of what may have caused it      memory: key ▸ origin of whoever wrote it last
//!            link.origin    own label of the event at the start of the chain of writes that leads here
//!            link.age       how long ago the last write of the chain was
//!            client.origin  the same for the previous request of this client, while it goes on without a pause
//!            client.gap     how long ago that was
//! ```
//! K8NTEXT's columns hold no names, so two actions of one kind at the same time look alike to a network. These columns say which
//! of the actions around an event its object has to do with, without a name going into the network. They are a hint, not an
//! answer: of each key only the latest write is remembered, and of all keys the one that weighs most is believed.
//!
//! Invariant: what [`Sequence::save`] gives for event `n` is the memory as it was before event `n`, whatever came since.

use super::vocabulary::FIRST;
use super::{ABSENT, FeatureSet, gap_bucket};
use crate::audit::time::Micros;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long a write is remembered.
const HORIZON_US: i64 = 300_000_000;
/// The pause after which a client's next request is the start of something new.
const PAUSE_US: i64 = 1_000_000;

/// Names of these columns, in order; the last four are there for linked features only.
pub const SEQUENCE_COLUMNS: [&str; 5] = ["gap", "link.origin", "link.age", "client.origin", "client.gap"];

/// A key that an event shares with others.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Hash of what it stands for.
    pub key: u64,
    /// The event wrote it; otherwise it may follow from an earlier write of it.
    pub written: bool,
    /// Only another user's write counts.
    pub by_others: bool,
    /// Kind of evidence, which says what a write of this age weighs.
    pub kind: u8,
}

/// What order-dependent columns need of an event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Touch {
    /// Hash of the client: user, user agent, address.
    pub client: u64,
    /// Hash of the user.
    pub user: u64,
    /// The actor is a person: what they do follows from nothing.
    pub person: bool,
    /// It changes something.
    pub write: bool,
    /// It starts something of its own, whatever it follows from.
    pub own_root: bool,
    /// Its keys.
    pub links: SmallVec<[Link; 6]>,
}

/// What is remembered of a key or client.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    origin: u16,
    user: u64,
    at: Micros,
    wrote: bool,
}

/// The memory as it was at some event, for a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSequence {
    number: u64,
    last_at: Option<Micros>,
    keys: Vec<(u64, Entry)>,
    clients: Vec<(u64, Entry)>,
}

/// What an event changed, as it was before.
#[derive(Clone, Debug)]
enum Was {
    Last(Option<Micros>),
    Key(u64, Option<Entry>),
    Client(u64, Option<Entry>),
}

/// What evidence weighs: for each kind the tiers (largest age in microseconds, weight), ages ascending. Part of what the columns mean.
#[derive(Clone, Debug, Default)]
pub struct Weights(pub Arc<[Vec<(i64, u8)>]>);

impl Weights {
    /// Weight of a write that is `age_us` old; `None` when it is too old.
    fn of(&self, kind: u8, age_us: i64) -> Option<u8> {
        self.0.get(usize::from(kind))?.iter().find(|(within_us, _)| age_us <= *within_us).map(|(_, weight)| *weight)
    }
}

/// Fills in the order-dependent columns, event by event.
#[derive(Clone, Debug)]
pub struct Sequence {
    set: FeatureSet,
    weights: Weights,
    number: u64,
    last_at: Option<Micros>,
    keys: HashMap<u64, Entry>,
    clients: HashMap<u64, Entry>,
    undo: VecDeque<(u64, Was)>,
}

impl Sequence {
    /// A memory of nothing, before event 0.
    pub fn new(set: FeatureSet, weights: Weights) -> Sequence {
        Sequence::resume(set, weights, SavedSequence::default())
    }

    /// Goes on where a memory was saved.
    pub fn resume(set: FeatureSet, weights: Weights, saved: SavedSequence) -> Sequence {
        let SavedSequence { number, last_at, keys, clients } = saved;
        let (keys, clients) = (keys.into_iter().collect(), clients.into_iter().collect());
        Sequence { set, weights, number, last_at, keys, clients, undo: VecDeque::new() }
    }

    /// Fills in the columns of the next event. Its own label stands in column 0.
    pub fn fill(&mut self, row: &mut [u16], at: Micros, touch: &Touch) {
        let columns = self.set.sequence_columns().len();
        let own = row.first().copied().unwrap_or(ABSENT);
        let from = row.len().saturating_sub(columns);
        let place = row.get_mut(from..).unwrap_or_default();
        let gap = self.last_at.map_or(0, |last| at.since(last));
        self.undo.push_back((self.number, Was::Last(self.last_at.replace(at))));
        if columns == SEQUENCE_COLUMNS.len() {
            let (link, client) = (self.link(at, touch), self.client(at, touch));
            let origin = match (link, client) {
                _ if touch.own_root => own,
                (Some(link), _) if !touch.person => link.origin,
                (_, Some(client)) if touch.person && (client.wrote || !touch.write) => client.origin,
                _ => own,
            };
            self.remember(origin, at, touch, client);
            let pair = |entry: Option<Entry>| entry.map_or([ABSENT; 2], |e| [e.origin, number_of(at.since(e.at))]);
            let ([link_origin, link_age], [client_origin, client_gap]) = (pair(link), pair(client));
            place.copy_from_slice(&[number_of(gap), link_origin, link_age, client_origin, client_gap]);
        } else if let Some(place) = place.first_mut() {
            *place = number_of(gap);
        }
        self.number += 1;
    }

    /// The write that weighs most of all that the event may follow from, the latest of equals.
    fn link(&self, at: Micros, touch: &Touch) -> Option<Entry> {
        let mut best: Option<(u8, Entry)> = None;
        for link in touch.links.iter().filter(|link| !link.written) {
            let Some(entry) = self.keys.get(&link.key) else { continue };
            let age_us = at.since(entry.at);
            if age_us >= HORIZON_US || link.by_others && entry.user == touch.user {
                continue;
            }
            let Some(weight) = self.weights.of(link.kind, age_us) else { continue };
            if best.is_none_or(|(known, other)| (weight, entry.at) > (known, other.at)) {
                best = Some((weight, *entry));
            }
        }
        best.map(|(_, entry)| entry)
    }

    /// The client's previous request, unless it paused.
    fn client(&self, at: Micros, touch: &Touch) -> Option<Entry> {
        self.clients.get(&touch.client).copied().filter(|entry| at.since(entry.at) < PAUSE_US)
    }

    fn remember(&mut self, origin: u16, at: Micros, touch: &Touch, client: Option<Entry>) {
        let entry = Entry { origin, user: touch.user, at, wrote: touch.write };
        for link in touch.links.iter().filter(|link| link.written) {
            self.undo.push_back((self.number, Was::Key(link.key, self.keys.insert(link.key, entry))));
        }
        let wrote = touch.write || client.is_some_and(|client| client.wrote);
        let was = self.clients.insert(touch.client, Entry { wrote, ..entry });
        self.undo.push_back((self.number, Was::Client(touch.client, was)));
    }

    /// The memory before event `number`; it must not have been forgotten.
    pub fn save(&self, number: u64) -> SavedSequence {
        let mut last_at = self.last_at;
        let (mut keys, mut clients) = (self.keys.clone(), self.clients.clone());
        for (_, was) in self.undo.iter().rev().take_while(|(changed, _)| *changed >= number) {
            match was {
                Was::Last(was) => last_at = *was,
                Was::Key(key, was) => put_back(&mut keys, *key, *was),
                Was::Client(client, was) => put_back(&mut clients, *client, *was),
            }
        }
        let sorted = |map: HashMap<u64, Entry>, keep_us: i64| {
            let recent = |entry: &Entry| last_at.is_some_and(|last| last.since(entry.at) < keep_us);
            let mut all: Vec<(u64, Entry)> = map.into_iter().filter(|(_, entry)| recent(entry)).collect();
            all.sort_unstable_by_key(|(key, _)| *key);
            all
        };
        let (keys, clients) = (sorted(keys, HORIZON_US), sorted(clients, PAUSE_US));
        SavedSequence { number: number.min(self.number), last_at, keys, clients }
    }

    /// Nothing before event `number` will be saved; what is too old to matter goes.
    pub fn forget(&mut self, number: u64) {
        while self.undo.front().is_some_and(|(changed, _)| *changed < number) {
            self.undo.pop_front();
        }
        if let Some(last) = self.undo.front().and_then(|(_, was)| if let Was::Last(at) = was { *at } else { None }) {
            self.keys.retain(|_, entry| last.since(entry.at) < HORIZON_US);
            self.clients.retain(|_, entry| last.since(entry.at) < PAUSE_US);
        }
    }
}

fn number_of(gap_us: i64) -> u16 {
    FIRST as u16 + gap_bucket(gap_us)
}

fn put_back(map: &mut HashMap<u64, Entry>, key: u64, was: Option<Entry>) {
    match was {
        Some(entry) => _ = map.insert(key, entry),
        None => _ = map.remove(&key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINKED: FeatureSet = FeatureSet::Linked;

    fn weights() -> Weights {
        Weights([vec![(HORIZON_US, 1)]].into())
    }

    fn row(own: u16) -> Vec<u16> {
        let mut row = vec![ABSENT; LINKED.width()];
        row[0] = own;
        row
    }

    fn touch(user: u64, person: bool, write: bool, links: &[(u64, bool)]) -> Touch {
        let link = |&(key, written)| Link { key, written, by_others: false, kind: 0 };
        Touch { client: user, user, person, write, own_root: false, links: links.iter().map(link).collect() }
    }

    /// Runs events at 1 s intervals and gives `link.origin` of each.
    fn origins(sequence: &mut Sequence, events: &[(u16, Touch)]) -> Vec<u16> {
        let fill = |(index, (own, touch)): (usize, &(u16, Touch))| {
            let mut row = row(*own);
            sequence.fill(&mut row, Micros(index as i64 * 2_000_000), touch);
            row[row.len() - 4]
        };
        events.iter().enumerate().map(fill).collect()
    }

    #[test]
    fn an_effect_knows_what_started_its_chain() {
        let events = [
            (10, touch(1, true, true, &[(100, true)])),
            (20, touch(2, false, true, &[(100, false), (200, true)])),
            (30, touch(3, false, true, &[(200, false)])),
            (40, touch(4, false, true, &[(300, false)])),
        ];
        assert_eq!(origins(&mut Sequence::new(LINKED, weights()), &events), [ABSENT, 10, 10, ABSENT]);
    }

    fn any_touch() -> impl Strategy<Value = (u16, Touch)> {
        let links = proptest::collection::vec((0u64..6, any::<bool>()), 0..4);
        (2u16..9, 0u64..3, any::<bool>(), any::<bool>(), links)
            .prop_map(|(own, user, person, write, links)| (own, touch(user, person, write, &links)))
    }

    proptest! {
        #[test]
        fn what_is_saved_goes_on_the_same(events in proptest::collection::vec(any_touch(), 1..40), at in 0usize..40, ahead in 0usize..20) {
            let fill = |sequence: &mut Sequence, index: usize| {
                let (own, touch) = &events[index];
                let mut row = row(*own);
                sequence.fill(&mut row, Micros(index as i64 * 700_000), touch);
                row
            };
            let at = at.min(events.len());
            let mut whole = Sequence::new(LINKED, weights());
            let wanted: Vec<Vec<u16>> = (0..events.len()).map(|index| fill(&mut whole, index)).collect();
            let mut before = Sequence::new(LINKED, weights());
            for index in 0..(at + ahead).min(events.len()) {
                fill(&mut before, index);
            }
            before.forget(at as u64);
            let mut after = Sequence::resume(LINKED, weights(), before.save(at as u64));
            let again: Vec<Vec<u16>> = (at..events.len()).map(|index| fill(&mut after, index)).collect();
            prop_assert_eq!(&again[..], &wanted[at..]);
        }
    }
}
