//! An event that comes far behind its place in event order is put there alone, where that is right.
//!
//! ```text
//!   applied:  ── x ── x ── x ──▲── y ── y ── y ──      the x may have looked ahead for it, as far as one looks
//!                              │                       the y may have looked at what it writes, or written what it looks at
//!                              e                       neither: e is applied here, and nothing else again
//! ```
//! What an event looks at and writes is known once it is applied, so it is tried and taken back where it clashes.

use super::{Behind, Kept, Key, Live, LiveChange, Open};
use crate::context::engine::{Clocks, LOOK_AHEAD_US, MOST_AHEAD, NothingAhead};
use crate::context::model::{Attribution, Input, flags};
use crate::context::undo::{Changes, Looked};

/// Fewer open events than these are moved rather than passed over, to make room for one.
const FEW: usize = 256;

/// What came and has no place yet, in event order.
pub(super) struct Fresh<P> {
    /// Changes nothing, and no other event looks at it: attributed already.
    pub idle: Vec<Open<P>>,
    /// To be applied in its place.
    pub behind: Vec<Open<P>>,
}

impl<P: Kept> Live<P> {
    /// Puts those of `fresh`, which are in event order, into their places that can stand there at once. Returns the others.
    pub(super) fn insert<'a>(
        &mut self,
        fresh: Vec<Open<P>>,
        find: &impl Fn(P) -> Option<Input<'a>>,
        out: &mut Vec<LiveChange>,
    ) -> Fresh<P> {
        self.engine.record(true);
        let (mut idle, mut behind) = (Vec::new(), Vec::new());
        // The latest first: an event looks at those behind it, and they have their places by then.
        for mut event in fresh.into_iter().rev() {
            let Some(input) = find(event.place) else { continue };
            let place = self.place_of(event.key);
            let is_idle = input.head.background.is_some() && input.head.flags & flags::VERSIONED == 0;
            let sees = |next: &Open<P>| next.key.0.since(event.key.0) <= LOOK_AHEAD_US;
            let put = if place > self.applied {
                None
            } else if is_idle {
                self.engine.insert(input, &NothingAhead, &Clocks::default(), std::iter::empty())
            } else if behind.last().is_some_and(sees) {
                None
            } else {
                self.try_at(place, event.key, input, find)
            };
            let Some((said, changes, looked)) = put else {
                behind.push(event);
                continue;
            };
            self.applications += 1;
            (event.changes, event.looked) = (changes, looked);
            event.show(said, out);
            if is_idle && self.open.len() - place < FEW {
                idle.push(event);
            } else {
                self.open.insert(place, event);
                self.applied += 1;
            }
        }
        idle.reverse();
        behind.reverse();
        Fresh { idle, behind }
    }

    /// Applies an event at `place`, if all stand as they stood.
    fn try_at<'a>(
        &mut self,
        place: usize,
        key: Key,
        input: Input<'a>,
        find: &impl Fn(P) -> Option<Input<'a>>,
    ) -> Option<(Attribution, Changes, Looked)> {
        // What was touched behind it is known by time: at the same time it is not.
        self.open.get(place).filter(|next| next.key.0 > key.0)?;
        if self.applied < self.open.len() || self.first_moved(place, key, input, find) < place {
            return None;
        }
        let later = || self.open.range(place..).filter_map(|later| Some((find(later.place)?, &later.changes)));
        let clocks = self.engine.clocks(input.head, later().map(|(later, changes)| (later.head, changes)))?;
        let ahead = Behind { open: &self.open, from: place, find: &|place| find(place) };
        let put = self.engine.insert(input, &ahead, &clocks, later().map(|(later, _)| later))?;
        clocks.tell(self.open.range_mut(place..).map(|later| &mut later.changes));
        Some(put)
    }

    /// The first open event that what comes `behind` its place is of importance to; its length if there is none.
    pub(super) fn moved_by<'a>(&self, behind: &[Open<P>], find: &impl Fn(P) -> Option<Input<'a>>) -> usize {
        let moved = behind
            .iter()
            .filter_map(|event| Some(self.first_moved(self.place_of(event.key), event.key, find(event.place)?, find)));
        moved.min().unwrap_or(self.open.len())
    }

    /// The first open event before the one at `place` that looked ahead and would find it; `place` if there is none.
    fn first_moved<'a>(
        &self,
        place: usize,
        key: Key,
        input: Input<'_>,
        find: &impl Fn(P) -> Option<Input<'a>>,
    ) -> usize {
        if input.head.background.is_some() {
            return place;
        }
        let from = self.open.partition_point(|event| event.key.0 < key.0.plus(-LOOK_AHEAD_US));
        let to = self.open.partition_point(|event| event.key.0 <= key.0.plus(LOOK_AHEAD_US));
        // Of so many it is one more, and who looked ahead sees one less of the others.
        let crowded = to - from >= MOST_AHEAD;
        let finds = |event: &Open<P>, by_user: bool| {
            let Some(before) = find(event.place) else { return false };
            let reacts = |key| before.facts.iter().any(|fact| fact.key == key && self.engine.looks_for(fact));
            by_user && before.head.user == input.head.user
                || input.facts.iter().any(|fact| fact.produce && reacts(fact.key))
        };
        let is_moved = |event: &Open<P>| match event.looked {
            Looked { for_cause: false, for_user: false, .. } => false,
            _ if crowded => true,
            // What it took may have looked ahead too, as far as itself.
            Looked { took: true, for_user, .. } => {
                let near = |other: &&Open<P>| other.key.0.since(event.key.0) <= LOOK_AHEAD_US;
                let mut chain = self.open.range(self.place_of(event.key)..).take_while(near);
                input.client.is_some() || chain.any(|one| finds(one, for_user))
            }
            Looked { for_user, .. } => finds(event, for_user),
        };
        self.open.range(from..place).position(is_moved).map_or(place, |index| from + index)
    }
}
