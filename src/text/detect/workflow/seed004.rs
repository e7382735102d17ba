//! The DeepLog trainer's automaton, built as it builds it.
//!
//! Sessions that have the same key at enough positions form groups. The first session of a group becomes a path; those that follow
//! reuse its nodes wherever they have the same key at the same position, step back to one of their own last nodes where that has the
//! key (a loop), and branch off otherwise. A node never has two children of one key: they are merged, and so on downwards.
//! It is kept to compare with; [`super::learn`] generalises better and says how often each way was taken.

pub mod file;
pub mod model;

use super::super::vocabulary::Token;
use super::automaton::{Automaton, Edge, Node, NodeId};
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};

/// Options of the original, with its defaults.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Options {
    /// Share of the longest session's positions that must hold equal keys, 0 to 1.
    pub threshold: f64,
    /// How far back a loop may go: a session may return to one of its last `back_steps` + 1 nodes.
    pub back_steps: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { threshold: 0.8, back_steps: 1 }
    }
}

/// Builds the automaton of sessions, duplicates left out.
pub fn build(sessions: &[Vec<Token>], options: Options) -> Automaton {
    let mut distinct: Vec<&[Token]> = Vec::new();
    let mut known: HashSet<&[Token]> = HashSet::new();
    distinct.extend(sessions.iter().map(Vec::as_slice).filter(|session| !session.is_empty() && known.insert(session)));
    distinct.sort_by_key(|session| std::cmp::Reverse(session.len()));
    let mut network = Network::new();
    for index in 0..distinct.len() {
        network.add_group(&group(&distinct, index, options.threshold), options.back_steps);
    }
    let mut automaton = network.finish();
    let mut times: BTreeMap<&[Token], u64> = BTreeMap::new();
    sessions.iter().for_each(|session| *times.entry(session).or_default() += 1);
    automaton.count(times);
    automaton
}

/// The session at `index` and those similar to it, in cyclic order.
fn group<'a>(sessions: &[&'a [Token]], index: usize, threshold: f64) -> Vec<&'a [Token]> {
    // The original divides by the greatest length of all, so short sessions are similar to nothing.
    let longest = sessions.first().map_or(1, |session| session.len()).max(1) as f64;
    let (before, from) = sessions.split_at(index.min(sessions.len()));
    let Some((first, after)) = from.split_first() else { return Vec::new() };
    let similar = |other: &&&[Token]| {
        let equal = first.iter().zip(other.iter()).filter(|(a, b)| a == b).count();
        equal as f64 / longest >= threshold
    };
    std::iter::once(*first).chain(after.iter().chain(before).filter(similar).copied()).collect()
}

/// A node while the network grows.
#[derive(Clone, Debug, Default)]
struct Growing {
    key: Option<Token>,
    is_start: bool,
    is_end: bool,
    children: BTreeMap<Token, usize>,
}

/// The network while it grows. Merged nodes stay in the list; `merged_into` leads on to the one that stands for them.
struct Network {
    nodes: Vec<Growing>,
    merged_into: Vec<usize>,
}

/// Nodes of known paths at each position.
type Reference = Vec<BTreeSet<usize>>;

/// A step still to be taken: from `parent`, having come along `trail`, at `position` of the session.
struct Step {
    parent: usize,
    position: usize,
    /// Place of the last node in the list of trails.
    trail: Option<usize>,
    /// The reference node to be tried; none: whatever fits.
    alternative: Option<usize>,
}

impl Network {
    fn new() -> Network {
        Network { nodes: vec![Growing::default()], merged_into: vec![0] }
    }

    /// The node that stands for `id` now.
    fn resolve(&self, mut id: usize) -> usize {
        while let Some(next) = self.merged_into.get(id).copied().filter(|next| *next != id) {
            id = next;
        }
        id
    }

    fn child(&self, parent: usize, key: Token) -> Option<usize> {
        self.nodes.get(self.resolve(parent))?.children.get(&key).map(|child| self.resolve(*child))
    }

    fn find(&self, session: &[Token]) -> Option<Vec<usize>> {
        let mut at = 0;
        session
            .iter()
            .map(|key| {
                at = self.child(at, *key)?;
                Some(at)
            })
            .collect()
    }

    /// Adds a group of similar sessions.
    fn add_group(&mut self, group: &[&[Token]], back_steps: usize) {
        let Some((first, rest)) = group.split_first() else { return };
        if self.find(first).is_some() {
            return;
        }
        let mut reference = Reference::new();
        let mut along: &[Token] = &[];
        let mut missing = Vec::new();
        for session in rest {
            match self.find(session) {
                Some(path) => {
                    along = session;
                    extend(&mut reference, path);
                }
                None => missing.push(*session),
            }
        }
        let mut explored = HashSet::new();
        let paths = self.add_path(first, along, &reference, back_steps, &mut explored);
        paths.into_iter().for_each(|path| extend(&mut reference, path));
        for session in missing {
            let paths = self.add_path(session, first, &reference, back_steps, &mut explored);
            paths.into_iter().for_each(|path| extend(&mut reference, path));
        }
    }

    /// Adds one session along a reference; gives the paths that it takes. The stack is explicit: sessions may be long.
    fn add_path<'a>(
        &mut self,
        session: &'a [Token],
        along: &[Token],
        reference: &Reference,
        back_steps: usize,
        explored: &mut HashSet<(usize, usize, &'a [Token])>,
    ) -> Vec<Vec<usize>> {
        let mut trails: Vec<(usize, Option<usize>)> = Vec::new();
        let mut paths = Vec::new();
        let mut waiting = vec![Step { parent: 0, position: 0, trail: None, alternative: None }];
        while let Some(step) = waiting.pop() {
            let parent = self.resolve(step.parent);
            let Some(key) = session.get(step.position).copied() else {
                if let Some(node) = self.nodes.get_mut(parent) {
                    node.is_end = true;
                }
                paths.push(path(&trails, step.trail));
                continue;
            };
            let rest = session.get(step.position + 1..).unwrap_or_default();
            let next = if let Some(alternative) = step.alternative {
                let child = self.add_child(parent, alternative);
                let same = self.nodes.get(child).is_some_and(|node| node.key == Some(key));
                if !same || !explored.insert((parent, child, rest)) {
                    continue;
                }
                child
            } else if along.get(step.position) == Some(&key) {
                let alternatives = reference.get(step.position).into_iter().flatten().rev();
                waiting.extend(alternatives.map(|node| Step { alternative: Some(*node), ..step }));
                continue;
            } else if let Some(back) = self.earlier(&trails, step.trail, key, back_steps) {
                if explored.contains(&(parent, back, rest)) {
                    continue;
                }
                let child = self.add_child(parent, back);
                explored.insert((parent, child, rest));
                child
            } else {
                let child = self.add_new(parent, key, step.position == 0);
                explored.insert((parent, child, rest));
                child
            };
            trails.push((next, step.trail));
            let trail = Some(trails.len() - 1);
            waiting.push(Step { parent: next, position: step.position + 1, trail, alternative: None });
        }
        paths
    }

    /// The newest of the last `back_steps` + 1 nodes of a trail that has this key and does not start sessions.
    fn earlier(
        &self,
        trails: &[(usize, Option<usize>)],
        trail: Option<usize>,
        key: Token,
        back_steps: usize,
    ) -> Option<usize> {
        let mut at = trail;
        for _ in 0..=back_steps {
            let (node, before) = *trails.get(at?)?;
            let node = self.resolve(node);
            if self.nodes.get(node).is_some_and(|found| found.key == Some(key) && !found.is_start) {
                return Some(node);
            }
            at = before;
        }
        None
    }

    /// A new child, or the one that is there.
    fn add_new(&mut self, parent: usize, key: Token, is_start: bool) -> usize {
        if let Some(child) = self.child(parent, key) {
            if let Some(node) = self.nodes.get_mut(child) {
                node.is_start |= is_start;
            }
            return child;
        }
        let id = self.nodes.len();
        self.nodes.push(Growing { key: Some(key), is_start, ..Growing::default() });
        self.merged_into.push(id);
        self.add_child(parent, id)
    }

    /// Makes a node a child; where the parent has another one of that key, both become one.
    fn add_child(&mut self, parent: usize, child: usize) -> usize {
        let mut waiting = vec![(parent, child)];
        while let Some((parent, child)) = waiting.pop() {
            let (parent, child) = (self.resolve(parent), self.resolve(child));
            let Some(key) = self.nodes.get(child).and_then(|node| node.key) else { continue };
            match self.child(parent, key) {
                Some(old) if old == child => {}
                Some(old) => {
                    let gone = self.nodes.get_mut(child).map(std::mem::take).unwrap_or_default();
                    if let Some(target) = self.merged_into.get_mut(child) {
                        *target = old;
                    }
                    if let Some(kept) = self.nodes.get_mut(old) {
                        kept.is_start |= gone.is_start;
                        kept.is_end |= gone.is_end;
                    }
                    waiting.extend(gone.children.into_values().rev().map(|grandchild| (old, grandchild)));
                }
                None => {
                    if let Some(node) = self.nodes.get_mut(parent) {
                        node.children.insert(key, child);
                    }
                }
            }
        }
        self.resolve(child)
    }

    /// The automaton, nodes numbered in the order in which they were made.
    fn finish(self) -> Automaton {
        let kept: Vec<usize> = (0..self.nodes.len()).filter(|id| self.resolve(*id) == *id).collect();
        let numbers: BTreeMap<usize, NodeId> = kept.iter().copied().zip((0..).map(NodeId)).collect();
        let node = |id: &usize| {
            let growing = self.nodes.get(*id)?;
            let edge = |child: &usize| Some(Edge { to: *numbers.get(&self.resolve(*child))?, taken: 0 });
            Some(Node {
                key: growing.key,
                is_end: growing.is_end,
                children: growing.children.iter().filter_map(|(key, child)| Some((*key, edge(child)?))).collect(),
                ..Node::default()
            })
        };
        Automaton::new(kept.iter().filter_map(node).collect())
    }
}

/// The nodes of a trail from its beginning.
fn path(trails: &[(usize, Option<usize>)], trail: Option<usize>) -> Vec<usize> {
    let mut nodes = Vec::new();
    let mut at = trail;
    while let Some((node, before)) = at.and_then(|index| trails.get(index)) {
        nodes.push(*node);
        at = *before;
    }
    nodes.reverse();
    nodes
}

/// Adds a path's nodes to a reference, position by position.
fn extend(reference: &mut Reference, path: Vec<usize>) {
    reference.resize(reference.len().max(path.len()), BTreeSet::new());
    for (nodes, node) in reference.iter_mut().zip(path) {
        nodes.insert(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(keys: &[u32]) -> Vec<Token> {
        keys.iter().copied().map(Token).collect()
    }

    /// The original's own test: seven sessions, five of them distinct.
    #[test]
    fn the_vectors_of_the_original() {
        let sessions: Vec<Vec<Token>> = [
            &[1, 2, 8, 12, 10, 10, 9, 9, 16, 8, 13, 1, 15, 14, 9, 9, 16, 14][..],
            &[1, 2, 3, 5, 12, 10, 13, 9, 14, 8, 10, 15, 1, 9, 14, 8, 18, 2],
            &[1, 2, 6, 7, 2, 8, 9, 9, 10, 11, 8, 12, 10],
            &[1, 4, 5, 12, 10, 8, 9, 8],
            &[1, 2, 3, 5, 12, 10, 13, 9, 14, 8, 10, 15, 1, 9, 14, 8, 18, 2],
            &[1, 2, 3, 4, 5, 3, 5, 20, 19, 1, 21, 15, 2],
            &[1, 2, 8, 12, 10, 10, 9, 9, 16, 8, 13, 1, 15, 14, 9, 9, 16, 14],
        ]
        .into_iter()
        .map(tokens)
        .collect();
        let automaton = build(&sessions, Options { threshold: 0.2, back_steps: 1 });
        let accepts = |keys: &[u32]| automaton.accepts(&tokens(keys));
        assert!(accepts(&[1, 4, 5, 12]));
        assert!(!accepts(&[1, 3, 6, 7, 4, 2]));
        assert!(accepts(&[1, 4, 5, 12, 10, 8, 9, 8, 9]), "a way that merging made");
        assert!(sessions.iter().all(|session| automaton.accepts(session)));
    }

    proptest! {
        #[test]
        fn every_session_is_a_way(raw in prop::collection::vec(prop::collection::vec(3u32..7, 0..14), 0..10),
            threshold in 0.0..1.0f64, back_steps in 0usize..3) {
            let sessions: Vec<Vec<Token>> = raw.iter().map(|keys| tokens(keys)).collect();
            let automaton = build(&sessions, Options { threshold, back_steps });
            for session in sessions.iter().filter(|session| !session.is_empty()) {
                // Its end need not be one: the original leaves out what is already the beginning of a way.
                prop_assert!(automaton.accepts(session), "{session:?}");
            }
        }
    }
}
