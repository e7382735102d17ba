//! Learning an automaton: prefix tree, then merging of nodes whose futures look alike.
//!
//! ```text
//! a ─ b ─ c ─ b ─ c ─ d        two nodes with one key and the same ways on for the next `tail` keys are one: the loop
//!                              b ⇄ c closes, and whatever differs below is merged too, so that one key leads one way
//! ```

use super::super::vocabulary::Token;
use super::automaton::{Automaton, Edge, Node, NodeId};
use super::concurrency::Concurrent;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How to learn.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Keys ahead in which two nodes must look alike to be one; 0 merges all nodes of a key.
    pub tail: usize,
    /// Whether concurrent keys are brought into one order first.
    pub concurrency: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { tail: 3, concurrency: false }
    }
}

/// An automaton with the concurrent pairs that it was learnt under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The automaton, over ordered sessions.
    pub automaton: Automaton,
    /// The pairs; none where they were not asked for.
    pub concurrent: Concurrent,
}

/// Learns from sessions.
pub fn learn(sessions: &[Vec<Token>], options: Options) -> Learnt {
    let mut distinct: BTreeMap<&[Token], u64> = BTreeMap::new();
    sessions.iter().for_each(|session| *distinct.entry(session).or_default() += 1);
    let all = || distinct.iter().map(|(session, times)| (*session, *times));
    let concurrent = if options.concurrency { Concurrent::of(all()) } else { Concurrent::default() };
    let mut ordered: BTreeMap<Vec<Token>, u64> = BTreeMap::new();
    for (session, times) in all() {
        let keys = concurrent.order(session).into_iter().filter_map(|index| session.get(index).copied()).collect();
        *ordered.entry(keys).or_default() += times;
    }
    let mut tree = Tree::of(ordered.keys().map(Vec::as_slice));
    tree.merge(options.tail);
    let mut automaton = tree.finish();
    automaton.count(ordered.iter().map(|(session, times)| (session.as_slice(), *times)));
    Learnt { automaton, concurrent }
}

/// A node of the prefix tree, then of the merged graph.
#[derive(Clone, Debug, Default)]
struct Grown {
    key: Option<Token>,
    is_end: bool,
    children: BTreeMap<Token, usize>,
}

/// Nodes; those that were merged lead on to the one that stands for them.
struct Tree {
    nodes: Vec<Grown>,
    merged_into: Vec<usize>,
}

impl Tree {
    /// The prefix tree.
    fn of<'a>(sessions: impl Iterator<Item = &'a [Token]>) -> Tree {
        let mut nodes = vec![Grown::default()];
        for session in sessions {
            let mut at = 0;
            for key in session {
                let next = nodes.len();
                let Some(node) = nodes.get_mut(at) else { break };
                at = *node.children.entry(*key).or_insert(next);
                if at == next {
                    nodes.push(Grown { key: Some(*key), ..Grown::default() });
                }
            }
            if let Some(node) = nodes.get_mut(at) {
                node.is_end |= !session.is_empty();
            }
        }
        Tree { merged_into: (0..nodes.len()).collect(), nodes }
    }

    /// Merges all nodes of one key that look alike for the next `tail` keys.
    fn merge(&mut self, tail: usize) {
        let looks = self.looks(tail);
        let mut first: HashMap<(Option<Token>, usize), usize> = HashMap::new();
        for (id, look) in looks.into_iter().enumerate().skip(1) {
            let key = self.nodes.get(id).and_then(|node| node.key);
            let kept = *first.entry((key, look)).or_insert(id);
            self.unite(kept, id);
        }
    }

    /// Number of each node's look: equal where the next `tail` keys, and the ends among them, are equal.
    fn looks(&self, tail: usize) -> Vec<usize> {
        let mut looks = vec![0; self.nodes.len()];
        for _ in 0..tail {
            let mut numbers: HashMap<(bool, Vec<(Token, usize)>), usize> = HashMap::new();
            let ahead = |node: &Grown| {
                let children =
                    node.children.iter().map(|(key, child)| (*key, looks.get(*child).copied().unwrap_or_default()));
                (node.is_end, children.collect())
            };
            let next = self.nodes.iter().map(|node| {
                let number = numbers.len();
                *numbers.entry(ahead(node)).or_insert(number)
            });
            looks = next.collect();
        }
        looks
    }

    fn resolve(&self, mut id: usize) -> usize {
        while let Some(next) = self.merged_into.get(id).copied().filter(|next| *next != id) {
            id = next;
        }
        id
    }

    /// Makes two nodes one, and so on downwards until no node has two children of one key.
    fn unite(&mut self, kept: usize, gone: usize) {
        let mut waiting = vec![(kept, gone)];
        while let Some((a, b)) = waiting.pop() {
            let (a, b) = (self.resolve(a), self.resolve(b));
            if a == b {
                continue;
            }
            let (kept, gone) = (a.min(b), a.max(b));
            let lost = self.nodes.get_mut(gone).map(std::mem::take).unwrap_or_default();
            if let Some(target) = self.merged_into.get_mut(gone) {
                *target = kept;
            }
            let Some(node) = self.nodes.get_mut(kept) else { continue };
            node.is_end |= lost.is_end;
            for (key, child) in lost.children {
                match node.children.get(&key) {
                    Some(mine) => waiting.push((*mine, child)),
                    None => {
                        node.children.insert(key, child);
                    }
                }
            }
        }
    }

    fn finish(self) -> Automaton {
        let kept: Vec<usize> = (0..self.nodes.len()).filter(|id| self.resolve(*id) == *id).collect();
        let numbers: BTreeMap<usize, NodeId> = kept.iter().copied().zip((0..).map(NodeId)).collect();
        let node = |id: &usize| {
            let grown = self.nodes.get(*id)?;
            let edge = |child: &usize| Some(Edge { to: *numbers.get(&self.resolve(*child))?, taken: 0 });
            Some(Node {
                key: grown.key,
                is_end: grown.is_end,
                children: grown.children.iter().filter_map(|(key, child)| Some((*key, edge(child)?))).collect(),
                ..Node::default()
            })
        };
        Automaton::new(kept.iter().filter_map(node).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::judge::Kind;
    use super::*;
    use proptest::prelude::*;

    fn tokens(keys: &[u32]) -> Vec<Token> {
        keys.iter().copied().map(Token).collect()
    }

    #[test]
    fn a_loop_closes() {
        let sessions: Vec<Vec<Token>> =
            (1..6).map(|turns| tokens(&[&[3][..], &[4, 5].repeat(turns), &[6]].concat())).collect();
        let learnt = learn(&sessions, Options { tail: 1, concurrency: false });
        let automaton = &learnt.automaton;
        assert_eq!(automaton.nodes().count(), 5, "root, 3, 4, 5, 6");
        assert!(automaton.diagnose(&tokens(&[&[3][..], &[4, 5].repeat(20), &[6]].concat())).complete);
        assert!(!automaton.accepts(&tokens(&[3, 4, 6])));
    }

    #[test]
    fn a_diagnosis_says_where_and_what_else() {
        let sessions = vec![tokens(&[3, 4, 5, 6]), tokens(&[3, 4, 5, 6]), tokens(&[3, 4, 7, 8, 6])];
        let automaton = learn(&sessions, Options::default()).automaton;
        let found = automaton.diagnose(&tokens(&[3, 4, 8]));
        assert_eq!((found.position, found.allowed, found.to_end), (2, tokens(&[5, 7]), Some(2)));
        let judged = automaton.judge(&tokens(&[3, 4, 8]), true).unwrap();
        assert_eq!((judged.kind, judged.position, judged.seen), (Kind::OffWorkflow, 2, Token(8)));
        let judged = automaton.judge(&tokens(&[3, 4]), true).unwrap();
        assert_eq!((judged.kind, judged.position), (Kind::Unfinished, 1));
        assert_eq!(automaton.judge(&tokens(&[3, 4]), false), None);
        let (end, _) = automaton.follow(&tokens(&[3, 4, 5, 6]));
        assert_eq!(automaton.node(end).unwrap().ends, 3, "the ends of both ways are one node");
    }

    proptest! {
        #[test]
        fn every_session_is_a_way(raw in prop::collection::vec(prop::collection::vec(3u32..7, 1..14), 1..10),
            tail in 0usize..4, concurrency: bool) {
            let sessions: Vec<Vec<Token>> = raw.iter().map(|keys| tokens(keys)).collect();
            let learnt = learn(&sessions, Options { tail, concurrency });
            for session in &sessions {
                let ordered: Vec<Token> = learnt.concurrent.order(session).into_iter().map(|i| session[i]).collect();
                prop_assert!(learnt.automaton.diagnose(&ordered).complete);
            }
            let total: u64 = learnt.automaton.nodes().map(|(_, node)| node.ends).sum();
            prop_assert_eq!(total, sessions.len() as u64);
        }
    }
}
