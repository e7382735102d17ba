//! Operator: answers of the model into one vote an event, for the events that have all their windows.

use super::epoch::{Flow, Tick, by_epoch};
use super::infer::Answer;
use super::windows::Cut;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::model::vote::{Ballot, Vote};
use std::collections::VecDeque;
use timely::dataflow::channels::pact::Exchange;

/// How an epoch ends at the stream's owner.
#[derive(Clone, Debug)]
pub struct Turn {
    /// As the feed says.
    pub tick: Tick,
    /// Events from this time on are not settled, whatever the watermark.
    pub settled_to: Micros,
    /// Votes on the events before it that have any, in their order.
    pub votes: Vec<(Id, Vote)>,
}

impl Turn {
    /// The end of an epoch where there is no model.
    pub fn without_model(tick: Tick) -> Turn {
        Turn { tick, settled_to: Micros::MAX, votes: Vec::new() }
    }
}

/// The ballots of a stream.
#[derive(Debug)]
pub struct Votes {
    window: usize,
    /// Events that are not settled; the first has number `first`.
    open: VecDeque<(Id, Ballot)>,
    first: u64,
}

impl Votes {
    /// Votes by windows of this length, from event number `first` on.
    pub fn new(window: usize, first: u64) -> Votes {
        Votes { window, open: VecDeque::new(), first }
    }

    /// One epoch.
    pub fn epoch(&mut self, mut answers: Vec<Answer>, cut: Cut) -> Turn {
        self.open.extend(cut.ids.into_iter().map(|id| (id, Ballot::default())));
        // The order of windows decides ties, so it must not depend on which answer came first.
        answers.sort_unstable_by_key(|answer| answer.start);
        for answer in &answers {
            for (position, word) in answer.words.iter().enumerate() {
                let place = (answer.start + position as u64).checked_sub(self.first);
                let place = place.and_then(|place| usize::try_from(place).ok());
                if let Some((_, ballot)) = place.and_then(|place| self.open.get_mut(place)) {
                    ballot.add(*word, position, self.window);
                }
            }
        }
        let done = usize::try_from(cut.settled.saturating_sub(self.first)).unwrap_or(0).min(self.open.len());
        self.first += done as u64;
        let votes = self.open.drain(..done).filter_map(|(id, ballot)| Some((id, ballot.result()?))).collect();
        Turn { tick: cut.tick, settled_to: cut.settled_to, votes }
    }
}

/// The operator, on the owner of the stream.
pub fn vote_labels<'s>(answers: Flow<'s, Answer>, cuts: Flow<'s, Cut>, mut votes: Option<Votes>) -> Flow<'s, Turn> {
    by_epoch(answers, cuts, Exchange::new(|_: &Answer| 0), "Vote", move |_, answers, cut, out| {
        if let Some(votes) = &mut votes {
            out.push(votes.epoch(answers, cut));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::vote::{CERTAIN, Word};

    fn cut(settled: u64, ids: &[u64]) -> Cut {
        let tick = Tick::committing(None);
        Cut { tick, settled_to: Micros::MAX, settled, ids: ids.iter().copied().map(Id).collect() }
    }

    fn answer(start: u64, class: u16) -> Answer {
        Answer { start, words: vec![Word { class, probability: CERTAIN }; 4] }
    }

    #[test]
    fn votes_come_when_events_have_all_their_windows() {
        let mut votes = Votes::new(4, 0);
        let first = votes.epoch(vec![answer(0, 7)], cut(2, &[10, 11, 12, 13]));
        assert_eq!(first.votes.iter().map(|(id, vote)| (id.0, vote.class)).collect::<Vec<_>>(), [(10, 7), (11, 7)]);
        let second = votes.epoch(vec![answer(2, 9)], cut(4, &[14, 15]));
        // event 13 is at the end of the first window and in the middle of the second
        assert_eq!(second.votes.iter().map(|(id, vote)| (id.0, vote.class)).collect::<Vec<_>>(), [(12, 7), (13, 9)]);
    }

    #[test]
    fn the_order_of_answers_does_not_show() {
        let run = |answers: Vec<Answer>| Votes::new(4, 0).epoch(answers, cut(6, &[1, 2, 3, 4, 5, 6])).votes;
        let words = |votes: Vec<(Id, Vote)>| votes.iter().map(|(_, v)| (v.class, v.undecided)).collect::<Vec<_>>();
        let one = words(run(vec![answer(0, 7), answer(1, 9), answer(2, 9)]));
        assert_eq!(one, words(run(vec![answer(2, 9), answer(1, 9), answer(0, 7)])));
        assert_eq!(one.first(), Some(&(7, false)));
    }

    #[test]
    fn an_event_without_an_answer_has_no_vote() {
        let mut votes = Votes::new(4, 0);
        assert_eq!(votes.epoch(Vec::new(), cut(1, &[1])).votes, []);
    }
}
