//! Choosing how far the automaton generalises, on normal sessions that it was not learnt from.

use super::super::judge::Finding;
use super::super::vocabulary::Token;
use super::automaton::{Automaton, Diagnosis};
use super::concurrency::Concurrent;
use super::learn::{Options, learn};
use serde::{Deserialize, Serialize};

/// What is tried, from the most particular automaton to the most general one.
const TRIED: [Options; 8] = {
    const fn of(tail: usize, concurrency: bool) -> Options {
        Options { tail, concurrency }
    }
    [of(3, false), of(2, false), of(3, true), of(1, false), of(2, true), of(1, true), of(0, false), of(0, true)]
};

/// An automaton with what is needed to judge by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// How it was learnt.
    pub options: Options,
    /// The automaton.
    pub automaton: Automaton,
    /// Keys whose order is of no matter.
    pub concurrent: Concurrent,
    /// Held-out normal sessions that it found fault with.
    pub alarms: usize,
    /// Held-out normal sessions.
    pub held_out: usize,
}

/// Training sessions and held-out ones.
pub type Fold = (Vec<Vec<Token>>, Vec<Vec<Token>>);

/// Learns from all sessions, as particularly as the wanted share of false alarms on held-out sessions allows; where nothing
/// reaches it, with the fewest alarms.
pub fn choose(folds: &[Fold], all: &[Vec<Token>], false_alarms: f64) -> Workflow {
    let held_out: usize = folds.iter().map(|(_, held_out)| held_out.len()).sum();
    let expected = false_alarms * held_out as f64;
    let mut best: Option<(usize, Options)> = None;
    for options in TRIED {
        let alarms = folds.iter().map(|(train, held_out)| alarms(train, held_out, options)).sum();
        if best.is_none_or(|(fewest, _)| alarms < fewest) {
            best = Some((alarms, options));
        }
        if alarms as f64 <= expected + expected.sqrt() {
            break;
        }
    }
    let (alarms, options) = best.unwrap_or_default();
    let learnt = learn(all, options);
    Workflow { options, automaton: learnt.automaton, concurrent: learnt.concurrent, alarms, held_out }
}

fn alarms(train: &[Vec<Token>], held_out: &[Vec<Token>], options: Options) -> usize {
    let learnt = learn(train, options);
    let judge = |session: &&Vec<Token>| judge(&learnt.automaton, &learnt.concurrent, session, true).is_some();
    held_out.iter().filter(judge).count()
}

fn judge(automaton: &Automaton, concurrent: &Concurrent, session: &[Token], closed: bool) -> Option<Finding> {
    let order = concurrent.order(session);
    let ordered: Vec<Token> = order.iter().filter_map(|index| session.get(*index).copied()).collect();
    let finding = automaton.judge(&ordered, closed)?;
    // The finding stands at a line of the session as it came.
    let position = order.get(finding.position).copied().unwrap_or(finding.position);
    Some(Finding { position, ..finding })
}

impl Workflow {
    /// What is abnormal about a session. `closed` says that nothing more will come.
    pub fn judge(&self, session: &[Token], closed: bool) -> Option<Finding> {
        judge(&self.automaton, &self.concurrent, session, closed)
    }

    /// How far a session got; positions are those of its keys with concurrent ones in a fixed order.
    pub fn diagnose(&self, session: &[Token]) -> Diagnosis {
        let order = self.concurrent.order(session);
        self.automaton.diagnose(&order.iter().filter_map(|index| session.get(*index).copied()).collect::<Vec<Token>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(keys: &[u32]) -> Vec<Token> {
        keys.iter().copied().map(Token).collect()
    }

    #[test]
    fn the_most_particular_one_that_will_do() {
        let session = |turns: usize| tokens(&[&[3][..], &[4, 5].repeat(turns), &[6]].concat());
        let same: Vec<Vec<Token>> = (0..20).map(|n| session(1 + n % 2)).collect();
        let chosen = choose(&[(same.clone(), same.clone())], &same, 0.0);
        assert_eq!((chosen.options, chosen.alarms), (TRIED[0], 0));
        // Longer sessions than any in training: only an automaton with a loop accepts them.
        let longer: Vec<Vec<Token>> = (0..20).map(|n| session(4 + n % 3)).collect();
        let chosen = choose(&[(same.clone(), longer.clone())], &same, 0.0);
        assert!(chosen.options.tail < 3, "{:?}", chosen.options);
        assert!(longer.iter().all(|session| chosen.judge(session, true).is_none()));
    }

    #[test]
    fn a_finding_stands_at_its_own_line() {
        let sessions: Vec<Vec<Token>> =
            (0..20).map(|n| if n % 2 == 0 { tokens(&[3, 4, 5, 6]) } else { tokens(&[3, 5, 4, 6]) }).collect();
        let learnt = learn(&sessions, Options { tail: 3, concurrency: true });
        let found = judge(&learnt.automaton, &learnt.concurrent, &tokens(&[3, 5, 4, 9, 6]), true).unwrap();
        assert_eq!((found.position, found.seen), (3, Token(9)));
    }
}
