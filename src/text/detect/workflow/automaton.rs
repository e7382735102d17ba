//! A deterministic automaton over keys, with counts.
//!
//! Invariants: node 0 is the root; every child exists; a child is filed under its own key.

use super::super::judge::{Finding, Kind, MOST_BITS};
use super::super::vocabulary::Token;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Number of a node.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Where sessions begin.
    pub const ROOT: NodeId = NodeId(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node: a key at a place in the workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The key by which it is entered; none for the root.
    pub key: Option<Token>,
    /// How often training sessions entered it.
    pub visits: u64,
    /// How many training sessions ended in it.
    pub ends: u64,
    /// Whether a session may end in it.
    pub is_end: bool,
    /// Where each key leads, and how often it was taken.
    pub children: BTreeMap<Token, Edge>,
}

/// A way from a node to another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The other node.
    pub to: NodeId,
    /// How often training sessions took it.
    pub taken: u64,
}

/// The automaton.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automaton {
    nodes: Vec<Node>,
}

/// How far a session got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The deepest node reached.
    pub node: NodeId,
    /// Index of the first key that has no way from there; the session's length where all have one.
    pub position: usize,
    /// The keys that had one, most taken first.
    pub allowed: Vec<Token>,
    /// Least number of keys from there to a node where sessions end; none where there is none.
    pub to_end: Option<usize>,
    /// Whether the whole session is a way from the root to an end.
    pub complete: bool,
}

impl Automaton {
    /// From nodes; the first one is the root. Children that do not exist are left out.
    pub fn new(mut nodes: Vec<Node>) -> Automaton {
        let count = nodes.len();
        for node in &mut nodes {
            node.children.retain(|_, edge| edge.to.index() < count);
        }
        Automaton { nodes }
    }

    /// All nodes, the root first.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// Where a key leads from a node.
    pub fn step(&self, from: NodeId, key: Token) -> Option<NodeId> {
        self.node(from)?.children.get(&key).map(|edge| edge.to)
    }

    /// Follows a session from the root: the deepest node and the number of keys followed.
    pub fn follow(&self, session: &[Token]) -> (NodeId, usize) {
        let mut at = NodeId::ROOT;
        for (position, key) in session.iter().enumerate() {
            match self.step(at, *key) {
                Some(next) => at = next,
                None => return (at, position),
            }
        }
        (at, session.len())
    }

    /// Whether a session, or the part of one, is a way from the root.
    pub fn accepts(&self, session: &[Token]) -> bool {
        self.follow(session).1 == session.len()
    }

    /// How far a session got, and what would have been a way on.
    pub fn diagnose(&self, session: &[Token]) -> Diagnosis {
        let (node, position) = self.follow(session);
        let mut allowed: Vec<(u64, Token)> = self
            .node(node)
            .map(|node| node.children.iter().map(|(key, edge)| (edge.taken, *key)).collect())
            .unwrap_or_default();
        allowed.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Diagnosis {
            node,
            position,
            allowed: allowed.into_iter().map(|(_, key)| key).collect(),
            to_end: self.to_end(node),
            complete: position == session.len() && self.node(node).is_some_and(|node| node.is_end),
        }
    }

    /// What is abnormal about a session: the first key off every way, or an end where none ends. `closed` says that nothing more
    /// will come.
    pub fn judge(&self, session: &[Token], closed: bool) -> Option<Finding> {
        let found = self.diagnose(session);
        if session.is_empty() || found.complete || (found.position == session.len() && !closed) {
            return None;
        }
        let visits = self.node(found.node).map_or(0, |node| node.visits) as f32;
        let (kind, seen) = match session.get(found.position) {
            Some(key) => (Kind::OffWorkflow, *key),
            None => (Kind::Unfinished, Token::END),
        };
        Some(Finding {
            position: found.position.min(session.len().saturating_sub(1)),
            kind,
            // Never seen in so many visits: half an occurrence more would have been.
            score: (2.0 * (visits + 1.0)).log2().min(MOST_BITS),
            expected: found.allowed,
            seen,
        })
    }

    /// Least number of keys from a node to an end.
    pub fn to_end(&self, from: NodeId) -> Option<usize> {
        let mut seen = vec![false; self.nodes.len()];
        let mut waiting = VecDeque::from([(from, 0)]);
        while let Some((id, steps)) = waiting.pop_front() {
            let (Some(node), Some(seen)) = (self.node(id), seen.get_mut(id.index())) else { continue };
            if node.is_end {
                return Some(steps);
            }
            if !std::mem::replace(seen, true) {
                waiting.extend(node.children.values().map(|edge| (edge.to, steps + 1)));
            }
        }
        None
    }

    /// Number of ways that lead back to a node on the way to them, in a walk from the root by the order of keys.
    pub fn loops(&self) -> usize {
        /// Of a node during the walk.
        #[derive(Copy, Clone)]
        enum State {
            New,
            /// On the way to where the walk is.
            Open,
            Done,
        }
        let mut states = vec![State::New; self.nodes.len()];
        let mut loops = 0;
        // Nodes to be entered, or to be left once everything behind them was walked.
        let mut waiting = vec![(NodeId::ROOT, false)];
        while let Some((id, leaves)) = waiting.pop() {
            let (Some(node), Some(state)) = (self.node(id), states.get_mut(id.index())) else { continue };
            match (leaves, *state) {
                (true, _) => *state = State::Done,
                (false, State::Open) => loops += 1,
                (false, State::Done) => {}
                (false, State::New) => {
                    *state = State::Open;
                    waiting.push((id, true));
                    waiting.extend(node.children.values().rev().map(|edge| (edge.to, false)));
                }
            }
        }
        loops
    }

    /// Forgets all counts and counts these sessions, each with how often it occurred, as far as they have a way.
    pub fn count<'a>(&mut self, sessions: impl IntoIterator<Item = (&'a [Token], u64)>) {
        for node in &mut self.nodes {
            (node.visits, node.ends) = (0, 0);
            node.children.values_mut().for_each(|edge| edge.taken = 0);
        }
        for (session, times) in sessions {
            let mut at = NodeId::ROOT;
            let mut whole = true;
            for key in session {
                let Some(node) = self.nodes.get_mut(at.index()) else { break };
                node.visits += times;
                match node.children.get_mut(key) {
                    Some(edge) => {
                        edge.taken += times;
                        at = edge.to;
                    }
                    None => {
                        whole = false;
                        break;
                    }
                }
            }
            if let Some(node) = self.nodes.get_mut(at.index()).filter(|_| whole) {
                node.visits += times;
                node.ends += times;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An automaton of ways between nodes; a node's key is its number.
    fn of(ways: &[&[u32]]) -> Automaton {
        let node = |(id, to): (usize, &&[u32])| Node {
            key: (id > 0).then_some(Token(id as u32)),
            children: to.iter().map(|to| (Token(*to), Edge { to: NodeId(*to), taken: 0 })).collect(),
            ..Node::default()
        };
        Automaton::new(ways.iter().enumerate().map(node).collect())
    }

    #[test]
    fn ways_back_are_loops_and_ways_that_meet_are_not() {
        assert_eq!(of(&[&[1, 2], &[3], &[3], &[]]).loops(), 0);
        assert_eq!(of(&[&[1], &[1]]).loops(), 1);
        assert_eq!(of(&[&[1], &[2], &[1, 2, 3], &[1]]).loops(), 3);
        assert_eq!(Automaton::new(Vec::new()).loops(), 0);
    }
}
