//! Causes that come a moment after their effect: clocks of several API servers disagree by milliseconds.
//!
//! ```text
//!   time ──▶     effect ····· cause            the effect has only old evidence, the cause writes one of its keys
//!                  ▲  └─ fetch ─┘              ⇒ the cause is attributed first, as if it had come with the effect;
//!                  └── its turn                  when its own turn comes it is not attributed again
//! ```
//! Only an event whose evidence is old looks ahead, so where clocks agree nothing changes: its cause has come already.
//! Two writes whose versions tell their order are never swapped. A cause may fetch its own cause in turn; an event that
//! waits is never fetched by what it waits for.

use super::{Engine, Link, in_run};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::kind::Kind;
use crate::context::model::{Attribution, Fact, Head, Input, flags};
use crate::context::undo::Change;
use smallvec::SmallVec;

/// How far a component's event looks ahead for its cause, microseconds.
pub const LOOK_AHEAD_US: i64 = 30_000;
/// Evidence older than this is looked past where clocks are known to disagree, microseconds.
const AGED_US: i64 = 300_000;
/// Most events that one event looks at.
pub const MOST_AHEAD: usize = 512;
/// Longest chain of causes fetched for one event.
const MOST_FETCHED: usize = 6;

/// The events that come after the one being attributed, in event order.
pub trait Ahead {
    /// The event `index` places after it; `None` when none is known.
    fn event(&self, index: usize) -> Option<Input<'_>>;

    /// The same at a glance: half of what comes is background, which is passed over, and little of the rest writes a key that is wanted.
    fn glance(&self, index: usize) -> Option<Glance> {
        self.event(index).map(|event| Glance::of(event.head))
    }
}

/// What tells whether an event ahead is worth a look.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Event time.
    pub at: Micros,
    /// It is background by itself.
    pub background: bool,
    /// Hash of its user's name.
    pub user: u64,
    /// The keys that it may write.
    pub writes: SomeOf,
}

impl Glance {
    /// Of this event, whatever it writes.
    pub fn of(head: &Head) -> Glance {
        Glance { at: head.at, background: head.background.is_some(), user: head.user, writes: SomeOf::ALL }
    }
}

/// A set of keys, a bit for the lowest seven bits of each: what is not in it is surely not in what it was made of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SomeOf(u128);

impl SomeOf {
    /// Every key.
    pub const ALL: SomeOf = SomeOf(u128::MAX);

    /// These keys.
    pub fn these(keys: impl Iterator<Item = u64>) -> SomeOf {
        SomeOf(keys.fold(0, |bits, key| bits | 1 << (key & 127)))
    }

    /// The keys that are written according to `facts`.
    pub fn written(facts: &[Fact]) -> SomeOf {
        SomeOf::these(facts.iter().filter(|fact| fact.produce).map(|fact| fact.key))
    }

    /// Whether a key may be in both.
    pub fn meets(self, other: SomeOf) -> bool {
        self.0 & other.0 != 0
    }
}

/// Nothing is known of what comes.
#[derive(Copy, Clone, Debug)]
pub struct NothingAhead;

impl Ahead for NothingAhead {
    fn event(&self, _: usize) -> Option<Input<'_>> {
        None
    }
}

/// What is being fetched.
pub(super) struct Fetch<'a> {
    ahead: &'a dyn Ahead,
    /// Time of the event for whose sake all is fetched: causes are moved to it.
    at: Micros,
    /// The events that wait for a cause.
    waiting: SmallVec<[Id; MOST_FETCHED]>,
}

/// A key that would be prompt evidence if it were written now.
#[derive(Copy, Clone)]
struct Wanted {
    key: u64,
    weight: u8,
    own: bool,
}

impl<'a> Fetch<'a> {
    /// For an event at `at`.
    pub(super) fn new(ahead: &'a dyn Ahead, at: Micros) -> Fetch<'a> {
        Fetch { ahead, at, waiting: SmallVec::new() }
    }
}

impl Engine {
    /// Attributes the cause of a component's event first, if `link` is no good one and a better one comes at once.
    pub(super) fn fetch_cause(
        &mut self,
        head: &Head,
        facts: &[Fact],
        link: Option<Link>,
        fetch: &mut Fetch<'_>,
    ) -> bool {
        if fetch.waiting.len() >= MOST_FETCHED {
            return false;
        }
        let wanted = self.wanted(head, facts, link);
        if wanted.is_empty() {
            return false;
        }
        self.journal.looked.for_cause = true;
        fetch.waiting.push(head.id);
        let found = self.find(head, &wanted, fetch);
        if let Some(index) = found {
            self.journal.looked.took = true;
            if self.journal.is_inserting() {
                self.journal.clash(); // it stands before others already
            } else {
                self.fetch(index, fetch);
            }
        }
        fetch.waiting.pop();
        found.is_some()
    }

    /// Whether an event that may follow from its actor's own earlier write is the only one for now: an operator's run does
    /// not end with its first request.
    pub(super) fn is_alone(&mut self, head: &Head, facts: &[Fact], fetch: &Fetch<'_>) -> bool {
        let again = facts.iter().any(|fact| !fact.produce && fact.code == Kind::WrittenAgain.code());
        self.journal.looked.for_user |= again;
        !again || !self.soon(fetch).any(|(_, later)| later.user == head.user)
    }

    /// The events ahead, as far as one looks, with their places. Background is passed over.
    fn soon<'a>(&self, fetch: &Fetch<'a>) -> impl Iterator<Item = (usize, Glance)> + use<'a> {
        let (ahead, at) = (fetch.ahead, fetch.at);
        let (mut next, mut left) = (0, MOST_AHEAD);
        std::iter::from_fn(move || {
            loop {
                let (index, later) = (next, ahead.glance(next)?);
                next += 1;
                if later.at.since(at) > LOOK_AHEAD_US || left == 0 {
                    return None;
                }
                if !later.background {
                    left -= 1;
                    return Some((index, later));
                }
            }
        })
    }

    /// The keys whose writer would be a better cause than the one that is known.
    fn wanted(&self, head: &Head, facts: &[Fact], link: Option<Link>) -> SmallVec<[Wanted; 16]> {
        let known = link.map_or(0, |link| link.weight);
        // Where clocks are known to disagree, even good evidence may be of the action before.
        let aged = link.is_some_and(|link| head.at.since(link.producer.at) > AGED_US) && self.clock.skew_us() > 0;
        if known >= self.tables.prompt_from && !aged {
            return SmallVec::new();
        }
        facts
            .iter()
            .filter(|fact| !fact.produce && !in_run(fact.code))
            .filter(|fact| self.tables.names_object(fact.code))
            .filter_map(|fact| Some(Wanted { key: fact.key, weight: self.tables.weight(fact.code, 0)?, own: fact.own }))
            .filter(|wanted| known == 0 || wanted.weight >= self.tables.prompt_from.max(known))
            .collect()
    }

    /// The place of the event ahead that writes the best of the wanted keys.
    fn find(&self, head: &Head, wanted: &[Wanted], fetch: &Fetch<'_>) -> Option<usize> {
        let mut best: Option<((bool, u8), usize)> = None;
        // Nearly all events write none of the wanted keys, and most are not even looked at for it.
        let keys = SomeOf::these(wanted.iter().map(|one| one.key));
        for (index, glance) in self.soon(fetch).filter(|(_, later)| later.writes.meets(keys)) {
            let Some(later) = fetch.ahead.event(index) else { break };
            let mut weight = None;
            let same_user = glance.user == head.user;
            for written in later.facts.iter().filter(|fact| fact.produce) {
                for one in wanted.iter().filter(|one| one.key == written.key && !(one.own && same_user)) {
                    weight = weight.max(Some(one.weight));
                }
            }
            // A person's request follows from no other: before it, what is fetched may be an effect.
            let Some(rank) = weight.map(|weight| (later.client.is_some(), weight)) else { continue };
            if best.is_none_or(|(other, _)| rank > other) && self.may_come_first(&later, head, fetch) {
                best = Some((rank, index));
            }
        }
        best.map(|(_, index)| index)
    }

    /// Whether nothing says that an event ahead came after `head`, and it has not been told of.
    fn may_come_first(&self, later: &Input<'_>, head: &Head, fetch: &Fetch<'_>) -> bool {
        let versioned = later.head.flags & head.flags & flags::VERSIONED != 0;
        !(versioned && later.head.version >= head.version
            || fetch.waiting.contains(&later.head.id)
            || self.early.contains_key(&later.head.id) && !self.journal.is_inserting())
    }

    /// Attributes the event `index` places ahead now; before a person's request those of the same session that come before it.
    fn fetch(&mut self, index: usize, fetch: &mut Fetch<'_>) {
        let ahead = fetch.ahead;
        let Some(cause) = ahead.event(index) else { return };
        if cause.client.is_some() {
            for earlier in (0..index).filter_map(|place| ahead.event(place)) {
                let same = earlier.client.is_some() && earlier.head.session == cause.head.session;
                if same && !self.early.contains_key(&earlier.head.id) {
                    self.settle_early(&earlier, fetch);
                }
            }
        }
        self.settle_early(&cause, fetch);
    }

    fn settle_early(&mut self, event: &Input<'_>, fetch: &mut Fetch<'_>) {
        let attribution = self.settle(&Head { at: fetch.at, ..*event.head }, event.facts, event.client, fetch);
        let id = event.head.id;
        self.journal.note(|| Change::Early(id, None));
        self.early.insert(id, attribution);
    }

    /// What was said of an event that was fetched before its turn.
    pub(super) fn take_early(&mut self, id: Id) -> Option<Attribution> {
        let said = self.early.remove(&id)?;
        self.journal.note(|| Change::Early(id, Some(said)));
        Some(said)
    }

    pub(super) fn undo_early(&mut self, id: Id, before: Option<Attribution>) {
        match before {
            Some(said) => self.early.insert(id, said),
            None => self.early.remove(&id),
        };
    }
}
