//! Operator: answers of the model into one vote an event, for the events that have all their windows.

use super::epoch::{Flow, Tick, by_epoch};
use super::infer::Answer;
use super::windows::{Cut, StreamCut};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::model::vote::{Ballot, Vote};
use crate::source::stream::StreamName;
use std::collections::{BTreeMap, VecDeque};
use timely::dataflow::channels::pact::Exchange;

/// How an epoch ends at the owner of the streams.
#[derive(Clone, Debug)]
pub struct Turn {
    /// As the feed says.
    pub tick: Tick,
    /// What the model says of each stream.
    pub ballots: BTreeMap<StreamName, Ballots>,
}

/// What the model says of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Ballots {
    /// Events from this time on are not settled, whatever the watermark.
    pub settled_to: Micros,
    /// Votes on the events before it that have any, in their order.
    pub votes: Vec<(Id, Vote)>,
}

impl Default for Ballots {
    /// What is said where no model has to be waited for.
    fn default() -> Self {
        Ballots { settled_to: Micros::MAX, votes: Vec::new() }
    }
}

impl Turn {
    /// The end of an epoch where there is no model.
    pub fn without_model(tick: Tick) -> Turn {
        Turn { tick, ballots: BTreeMap::new() }
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
    pub fn epoch(&mut self, mut answers: Vec<Answer>, cut: StreamCut) -> Ballots {
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
        Ballots { settled_to: cut.settled_to, votes }
    }
}

/// The operator, on the owner of the streams: `window` is the length of a window, `streams` what each goes on from.
pub fn vote_labels<'s>(
    answers: Flow<'s, Answer>,
    cuts: Flow<'s, Cut>,
    window: usize,
    mut streams: BTreeMap<StreamName, Votes>,
) -> Flow<'s, Turn> {
    by_epoch(answers, cuts, Exchange::new(|_: &Answer| 0), "Vote", move |_, answers, cut: Cut, out| {
        let mut arrived: BTreeMap<StreamName, Vec<Answer>> = BTreeMap::new();
        for answer in answers {
            arrived.entry(answer.stream.clone()).or_default().push(answer);
        }
        let ballots = cut.streams.into_iter().map(|(stream, cut)| {
            let votes = streams.entry(stream.clone()).or_insert_with(|| Votes::new(window, 0));
            let ballots = votes.epoch(arrived.remove(&stream).unwrap_or_default(), cut);
            (stream, ballots)
        });
        out.push(Turn { ballots: ballots.collect(), tick: cut.tick });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::vote::{CERTAIN, Word};

    fn cut(settled: u64, ids: &[u64]) -> StreamCut {
        StreamCut { settled_to: Micros::MAX, settled, ids: ids.iter().copied().map(Id).collect() }
    }

    fn answer(start: u64, class: u16) -> Answer {
        Answer { stream: StreamName::default(), start, words: vec![Word { class, probability: CERTAIN }; 4] }
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
