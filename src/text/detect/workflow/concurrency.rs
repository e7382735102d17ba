//! Concurrency: keys whose order is of no matter, because both orders are normal.
//!
//! Two keys are concurrent when training sessions have them side by side in both orders, each in at least [`LEAST_SHARE`] of the
//! cases. A session is brought into one order (the least key first that may stand there), so that an automaton needs one way for
//! all its interleavings.

use super::super::vocabulary::Token;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Least share of either order.
pub const LEAST_SHARE: f64 = 0.05;

/// How far ahead a key may be brought forward.
const REACH: usize = 32;

/// Pairs of concurrent keys, the lower one first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Concurrent {
    pairs: BTreeSet<(Token, Token)>,
}

impl Concurrent {
    /// The concurrent pairs of sessions, each with how often it occurred.
    pub fn of<'a>(sessions: impl IntoIterator<Item = (&'a [Token], u64)>) -> Concurrent {
        let mut pairs: BTreeMap<(Token, Token), (u64, u64)> = BTreeMap::new();
        for (session, times) in sessions {
            for (a, b) in session.iter().zip(session.iter().skip(1)) {
                match a.cmp(b) {
                    std::cmp::Ordering::Less => pairs.entry((*a, *b)).or_default().0 += times,
                    std::cmp::Ordering::Greater => pairs.entry((*b, *a)).or_default().1 += times,
                    std::cmp::Ordering::Equal => {}
                }
            }
        }
        pairs.retain(|_, (up, down)| (*up).min(*down) as f64 >= LEAST_SHARE * (*up + *down) as f64);
        Concurrent { pairs: pairs.into_keys().collect() }
    }

    /// The pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (Token, Token)> + '_ {
        self.pairs.iter().copied()
    }

    fn contains(&self, a: Token, b: Token) -> bool {
        self.pairs.contains(&(a.min(b), a.max(b)))
    }

    /// The order that stands for all orders of a session, as indices of its keys.
    pub fn order(&self, session: &[Token]) -> Vec<usize> {
        let mut left: Vec<(usize, Token)> = session.iter().copied().enumerate().collect();
        let mut order = Vec::with_capacity(session.len());
        while !left.is_empty() {
            let mut best: Option<(Token, usize)> = None;
            let mut before: BTreeSet<Token> = BTreeSet::new();
            for (place, (_, key)) in left.iter().enumerate().take(REACH) {
                let free = before.iter().all(|other| self.contains(*other, *key));
                if free && best.is_none_or(|(least, _)| *key < least) {
                    best = Some((*key, place));
                }
                before.insert(*key);
            }
            let (index, _) = left.remove(best.map_or(0, |(_, place)| place));
            order.push(index);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(keys: &[u32]) -> Vec<Token> {
        keys.iter().copied().map(Token).collect()
    }

    #[test]
    fn both_orders_make_a_pair() {
        let sessions = [tokens(&[3, 4, 5, 6]), tokens(&[3, 5, 4, 6])];
        let concurrent = Concurrent::of(sessions.iter().map(|s| (s.as_slice(), 10)));
        assert_eq!(concurrent.pairs().collect::<Vec<_>>(), [(Token(4), Token(5))]);
        for session in &sessions {
            let ordered: Vec<Token> = concurrent.order(session).into_iter().map(|i| session[i]).collect();
            assert_eq!(ordered, tokens(&[3, 4, 5, 6]));
        }
        let rare = [(&sessions[0][..], 100), (&sessions[1][..], 2)];
        assert_eq!(Concurrent::of(rare).pairs().count(), 0);
    }

    proptest! {
        #[test]
        fn an_order_keeps_every_key_and_what_is_not_concurrent(keys in prop::collection::vec(3u32..7, 0..30)) {
            let session = tokens(&keys);
            let concurrent = Concurrent::of([(session.as_slice(), 1)]);
            let order = concurrent.order(&session);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..session.len()).collect::<Vec<_>>());
            for (place, later) in order.iter().enumerate() {
                for earlier in &order[place..] {
                    // Whatever came before and now comes after may be swapped with it.
                    prop_assert!(earlier >= later || concurrent.contains(session[*earlier], session[*later]));
                }
            }
        }
    }
}
