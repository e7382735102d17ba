//! The vote: several windows hold an event, each says what it takes it for, and the middle of a window knows most.
//!
//! A window's word weighs as much as the event is far from the window's nearer end (1 at the ends, half the window in the middle) times
//! the probability that the model gives. Confidence = winner's weight / weight of all windows; so it is low where windows differ
//! and where each of them is unsure. Where the unknown class wins, no label is given: confidence is then the rest, so that a low one
//! always says that the label does not tell what happened. Everything is counted in whole numbers: the result does not depend on the order of addition.
//!
//! Unlike the original (`k8ntext.md` section 6), the first position of a window counts and events near the ends of the log are
//! voted on with the windows that they have.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The class of kinds that training never saw.
pub const UNKNOWN_CLASS: u16 = 0;
/// Probability 1.
pub const CERTAIN: u8 = u8::MAX;

/// What one window says of one event.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The class.
    pub class: u16,
    /// Its probability, in 255ths.
    pub probability: u8,
}

/// The result.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    /// The class that won.
    pub class: u16,
    /// The winner's weight / that of all windows, 0 to 1; of the unknown class, what it leaves of 1.
    pub confidence: f32,
    /// The runner-up came close: the difference is less than a sixth of all weight (the original's 5 of 30).
    pub undecided: bool,
}

/// The words on one event so far.
#[derive(Clone, Debug, Default)]
pub struct Ballot {
    /// Class and weight, in the order in which classes were first named.
    words: SmallVec<[(u16, u32); 2]>,
    total: u32,
}

/// Weight of a position in a window.
pub fn weight(position: usize, window: usize) -> u32 {
    let last = window.saturating_sub(1);
    1 + position.min(last.saturating_sub(position)) as u32
}

impl Ballot {
    /// Adds the word of a window in which the event has this position. Windows come in the order of their starts: of two classes
    /// with the same weight, the one that was named first wins.
    pub fn add(&mut self, word: Word, position: usize, window: usize) {
        let weight = weight(position, window);
        let words = weight * u32::from(word.probability);
        match self.words.iter_mut().find(|(class, _)| *class == word.class) {
            Some((_, sum)) => *sum += words,
            None => self.words.push((word.class, words)),
        }
        self.total += weight * u32::from(CERTAIN);
    }

    /// Who won; `None` where no window said anything.
    pub fn result(&self) -> Option<Vote> {
        let mut words = self.words.iter().copied();
        let mut winner = words.next()?;
        let mut second = 0;
        for (class, sum) in words {
            if sum > winner.1 {
                (winner, second) = ((class, sum), winner.1);
            } else {
                second = second.max(sum);
            }
        }
        let (class, sum) = winner;
        let share = sum as f32 / self.total.max(1) as f32;
        let confidence = if class == UNKNOWN_CLASS { 1.0 - share } else { share };
        Some(Vote { class, confidence, undecided: (sum - second) * 6 < self.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SURE: Word = Word { class: 3, probability: CERTAIN };

    #[test]
    fn one_sure_window_decides() {
        let mut ballot = Ballot::default();
        ballot.add(SURE, 0, 60);
        assert_eq!(ballot.result(), Some(Vote { class: 3, confidence: 1.0, undecided: false }));
        assert_eq!(Ballot::default().result(), None);
    }

    #[test]
    fn the_middle_of_a_window_outweighs_its_ends() {
        assert_eq!([0, 29, 30, 59].map(|position| weight(position, 60)), [1, 30, 30, 1]);
        let mut ballot = Ballot::default();
        ballot.add(Word { class: 1, ..SURE }, 59, 60);
        ballot.add(SURE, 30, 60);
        ballot.add(Word { class: 1, ..SURE }, 0, 60);
        assert_eq!(ballot.result().map(|vote| (vote.class, vote.undecided)), Some((3, false)));
    }

    #[test]
    fn a_tie_goes_to_the_earliest_window_and_is_undecided() {
        let mut ballot = Ballot::default();
        ballot.add(Word { class: 9, ..SURE }, 45, 60);
        ballot.add(SURE, 14, 60);
        assert_eq!(ballot.result().map(|vote| (vote.class, vote.undecided)), Some((9, true)));
    }

    #[test]
    fn what_is_surely_unknown_has_no_confidence() {
        let mut ballot = Ballot::default();
        ballot.add(Word { class: UNKNOWN_CLASS, ..SURE }, 30, 60);
        assert_eq!(ballot.result(), Some(Vote { class: UNKNOWN_CLASS, confidence: 0.0, undecided: false }));
    }

    proptest! {
        #[test]
        fn confidence_is_a_share(words in proptest::collection::vec((0u16..4, any::<u8>(), 0usize..60), 1..70)) {
            let mut ballot = Ballot::default();
            for (class, probability, position) in &words {
                ballot.add(Word { class: *class, probability: *probability }, *position, 60);
            }
            let vote = ballot.result().expect("there are words");
            prop_assert!((0.0..=1.0).contains(&vote.confidence));
            prop_assert!(words.iter().any(|(class, ..)| *class == vote.class));
        }
    }
}
