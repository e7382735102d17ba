//! An event that comes late in event order, put between those that are applied.
//!
//! It is applied to the state as it stands behind them. That is right if no later event wrote what it reads or read what it writes
//! ([`super::super::undo`]); else it is taken back. What is known of clocks is the one thing that all writes change, so it is followed
//! from event to event until it is as it was: with clocks that agree, a tenth of a second of event time.

use super::fetch::Ahead;
use super::{Engine, in_run};
use crate::audit::time::Micros;
use crate::context::clock::Clock;
use crate::context::kind::Kind;
use crate::context::model::{Attribution, Fact, Head, Input, flags};
use crate::context::undo::{Change, Changes, Looked};
use smallvec::SmallVec;

/// Most writes behind the event that clocks are followed through.
const MOST_FOLLOWED: usize = 256;

/// What is known of clocks at and behind an event, if it tells anything of them.
#[derive(Default)]
pub(in super::super) struct Clocks(Option<Followed>);

struct Followed {
    /// Before the event.
    as_of: Clock,
    /// What each later write finds now, the nearest first, as far as it is another than before.
    found: Vec<Clock>,
    /// At the end.
    now: Clock,
}

/// What a write found, if the event is one.
fn clock_before(changes: &Changes) -> Option<&Clock> {
    changes.iter().find_map(|change| if let Change::Clock(before) = change { Some(&**before) } else { None })
}

impl Clocks {
    /// Tells the later events what they find now.
    pub(in super::super) fn tell<'c>(self, later: impl Iterator<Item = &'c mut Changes>) {
        let told = later.flat_map(|changes| changes.iter_mut()).filter_map(|change| match change {
            Change::Clock(before) => Some(before),
            _ => None,
        });
        let found = self.0.map(|followed| followed.found).unwrap_or_default();
        found.into_iter().zip(told).for_each(|(found, before)| **before = found);
    }
}

impl Engine {
    /// What is known of clocks when `head` stands before the `later` events; `None` where that would be worth another look at those.
    pub(in super::super) fn clocks<'c>(
        &self,
        head: &Head,
        later: impl Iterator<Item = (&'c Head, &'c Changes)>,
    ) -> Option<Clocks> {
        let mut writes = later.filter_map(|(head, changes)| Some((head, clock_before(changes)?))).peekable();
        let as_of = writes.peek().map_or(&self.clock, |(_, before)| before);
        if head.flags & flags::VERSIONED == 0 {
            return (as_of.skew_us() == self.clock.skew_us()).then_some(Clocks(None));
        }
        let (mut found, mut now) = (Vec::new(), as_of.clone());
        let as_of = as_of.clone();
        now.see(head);
        for (later, before) in writes {
            if *before == now {
                return Some(Clocks(Some(Followed { as_of, found, now: self.clock.clone() })));
            }
            if before.skew_us() != now.skew_us() || found.len() >= MOST_FOLLOWED {
                return None;
            }
            found.push(now.clone());
            now.see(later);
        }
        let same = now.skew_us() == self.clock.skew_us();
        same.then_some(Clocks(Some(Followed { as_of, found, now })))
    }

    /// Attributes an event that stands before the `later` ones, which are applied already; `None`, and nothing is changed, if one of
    /// them would have to be applied again.
    pub(in super::super) fn insert<'c>(
        &mut self,
        event: Input<'_>,
        ahead: &dyn Ahead,
        clocks: &Clocks,
        later: impl Iterator<Item = Input<'c>>,
    ) -> Option<(Attribution, Changes, Looked)> {
        let followed = clocks.0.as_ref();
        let before = followed.map(|followed| std::mem::replace(&mut self.clock, followed.as_of.clone()));
        self.journal.insert(true);
        let said = self.apply_before(event.head, event.facts, event.client, ahead);
        let (changes, looked) = self.changes();
        let clashed = self.journal.has_clashed() || self.is_read(&changes, later);
        self.journal.insert(false);
        let after = if clashed { before } else { followed.map(|followed| followed.now.clone()) };
        let said = if clashed {
            self.undo(changes);
            None
        } else {
            Some((said, changes, looked))
        };
        if let Some(clock) = after {
            self.clock = clock;
        }
        said
    }

    /// Whether one of the `later` events looks at what was changed.
    fn is_read<'c>(&self, changes: &Changes, mut later: impl Iterator<Item = Input<'c>>) -> bool {
        let mut keys: SmallVec<[u64; 16]> = SmallVec::new();
        for change in changes {
            match change {
                Change::Slot(before) => keys.push(before.key()),
                Change::Note(_) => return true, // who looks at it is not in the facts
                Change::Beat(_) | Change::Client(_) | Change::Clock(_) | Change::Early(..) => {}
            }
        }
        // A note that was written since may have named another key before.
        let by_note = |(key, at): (u64, Micros)| at > self.journal.at() || keys.contains(&key);
        let notes = |fact: &Fact| fact.code == Kind::NotedOwnerWritten.code();
        let reads = |fact: &Fact| {
            let read = || keys.contains(&fact.key) || notes(fact) && self.memory.noted(fact.key).is_some_and(by_note);
            !fact.produce && read()
        };
        !keys.is_empty() && later.any(|event| event.head.background.is_none() && event.facts.iter().any(reads))
    }

    /// Whether an event with this fact may look ahead for who writes its key.
    pub(in super::super) fn looks_for(&self, fact: &Fact) -> bool {
        !fact.produce && !in_run(fact.code) && self.tables.names_object(fact.code)
    }
}
