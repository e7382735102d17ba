//! Seed 004's automaton with the keys that its tokens stand for: what is learnt from sessions, and how well sessions follow it.
//!
//! ```text
//! sessions ─▶ vocabulary, automaton ─▶ workflows.json (file) ─▶ scores: who can be followed, where the others stop
//! ```
//! Invariant: there is a name for every node; the first one is [`ROOT`].

use super::super::super::error::DetectError;
use super::super::super::sequence::KeySequence;
use super::super::super::vocabulary::{Token, Vocabulary};
use super::super::automaton::{Automaton, NodeId};
use super::{Options, build};
use serde::Serialize;
use std::collections::BTreeSet;

/// Name of the node where sessions begin.
pub const ROOT: &str = "root";

/// The automaton, its keys, and the names of its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainerWorkflow {
    /// The automaton; without counts where it was read from a file.
    pub automaton: Automaton,
    /// Its keys.
    pub vocabulary: Vocabulary,
    /// Names by number of the node.
    names: Vec<String>,
}

/// What was learnt, in numbers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Sequences learnt from.
    pub sequences: usize,
    /// Distinct ones among them.
    pub distinct: usize,
    /// Nodes, the root among them.
    pub nodes: usize,
    /// Nodes where sessions end.
    pub ends: usize,
    /// Ways back, see [`Automaton::loops`].
    pub loops: usize,
}

/// How many sessions can be followed; one that stops before an end counts as correct, as in the original.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Sessions.
    pub n_items: usize,
    /// Those of which every key has a way.
    pub n_correct: usize,
    /// Their share; 0 without sessions.
    pub accuracy: f64,
    /// The others.
    pub not_followed: Vec<NotFollowed>,
}

/// Where a session leaves every way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotFollowed {
    /// Its name.
    pub session: String,
    /// Index of the first key without a way, from 0.
    pub position: usize,
    /// That key.
    pub seen: String,
    /// The deepest node reached.
    pub node: String,
    /// The keys that have a way from there.
    pub expected: Vec<String>,
    /// Least number of keys from there to an end; none where there is none.
    pub keys_to_end: Option<usize>,
}

impl TrainerWorkflow {
    /// From parts: a name for each node. Missing names are made up.
    pub fn new(automaton: Automaton, vocabulary: Vocabulary, mut names: Vec<String>) -> TrainerWorkflow {
        let further = |number| if number == 0 { ROOT.to_owned() } else { format!("node-{number}") };
        names.extend((names.len()..automaton.nodes().count()).map(further));
        TrainerWorkflow { automaton, vocabulary, names }
    }

    /// Learns from sessions. Those that are labelled abnormal are left out, and those without a key.
    ///
    /// # Errors
    /// When no session is left.
    pub fn learn(sessions: &[KeySequence], options: Options) -> Result<(TrainerWorkflow, Facts), DetectError> {
        let normal = |session: &&KeySequence| session.abnormal != Some(true) && !session.keys.is_empty();
        let normal: Vec<&KeySequence> = sessions.iter().filter(normal).collect();
        if normal.is_empty() {
            return Err(DetectError::TooLittle("no normal session with a key; give one or more".to_owned()));
        }
        let vocabulary = Vocabulary::of(normal.iter().copied());
        let encoded: Vec<Vec<Token>> = normal.iter().map(|session| vocabulary.encode(session)).collect();
        let automaton = build(&encoded, options);
        let facts = Facts {
            sequences: encoded.len(),
            distinct: encoded.iter().collect::<BTreeSet<_>>().len(),
            nodes: automaton.nodes().count(),
            ends: automaton.nodes().filter(|(_, node)| node.is_end).count(),
            loops: automaton.loops(),
        };
        Ok((TrainerWorkflow::new(automaton, vocabulary, Vec::new()), facts))
    }

    /// Name of a node.
    pub fn name(&self, id: NodeId) -> &str {
        self.names.get(id.index()).map_or("", String::as_str)
    }

    /// How many of these sessions can be followed, and where the others stop. Labels are not looked at.
    pub fn score(&self, sessions: &[KeySequence]) -> Scores {
        let not_followed: Vec<NotFollowed> = sessions.iter().filter_map(|session| self.diagnose(session)).collect();
        let (n_items, n_correct) = (sessions.len(), sessions.len() - not_followed.len());
        Scores { n_items, n_correct, accuracy: n_correct as f64 / n_items.max(1) as f64, not_followed }
    }

    /// Where a session stops; none where it can be followed to its last key.
    fn diagnose(&self, session: &KeySequence) -> Option<NotFollowed> {
        let found = self.automaton.diagnose(&self.vocabulary.encode(session));
        let seen = session.keys.get(found.position)?;
        Some(NotFollowed {
            session: session.id.clone(),
            position: found.position,
            seen: seen.to_string(),
            node: self.name(found.node).to_owned(),
            expected: found.allowed.iter().map(|key| self.vocabulary.key(*key).to_owned()).collect(),
            keys_to_end: found.to_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_leaves_every_way_is_diagnosed() {
        let sessions = [KeySequence::new("1", ["a", "b", "c"]), KeySequence::new("2", ["a", "d"])];
        let odd = KeySequence { abnormal: Some(true), ..KeySequence::new("3", ["x"]) };
        let all = [&sessions[..], &[sessions[0].clone(), odd.clone()]].concat();
        let (model, facts) = TrainerWorkflow::learn(&all, Options::default()).unwrap();
        assert_eq!(facts, Facts { sequences: 3, distinct: 2, nodes: 5, ends: 2, loops: 0 });
        let scores = model.score(&[sessions[0].clone(), KeySequence::new("4", ["a", "x", "c"])]);
        assert_eq!((scores.n_items, scores.n_correct, scores.accuracy), (2, 1, 0.5));
        let [stopped] = &scores.not_followed[..] else { panic!("{scores:?}") };
        assert_eq!((stopped.position, stopped.seen.as_str(), stopped.node.as_str()), (1, "x", "node-1"));
        assert_eq!((&stopped.expected, stopped.keys_to_end), (&vec!["b".to_owned(), "d".to_owned()], Some(1)));
        assert_eq!(model.score(&[]).accuracy, 0.0);
        assert!(TrainerWorkflow::learn(&[odd], Options::default()).is_err());
    }
}
