//! The events of one context as a tree.
//!
//! Invariants: an event hangs from its cause, even where disagreeing clocks put the cause a moment later, unless that would
//! close a cycle; so there is none whatever the rows say. Every event has exactly one place; an event whose cause has no row
//! hangs from the root.

use super::super::event::EventView;
use std::collections::{BTreeMap, BTreeSet};

/// More alike leaves than this are told as one line.
const ALIKE_SHOWN: usize = 4;

/// Evidence that a client goes on with what it was at: such an event is drawn beside the one before it, since a reader sees a list of
/// steps where a chain of causes would be a staircase.
const STEPS: [&str; 24] = [
    "after-discovery",
    "asks-namespace",
    "creates-missing",
    "deletes-listed",
    "discovery",
    "group-discovery",
    "keeps-watching",
    "made-from-read",
    "next-deletion",
    "next-document",
    "next-listing",
    "next-named",
    "next-of-file",
    "object-events",
    "polls",
    "reads-listed",
    "related-objects",
    "same-client",
    "same-object",
    "same-reaction",
    "same-run",
    "same-run-here",
    "watches-listed",
    "writes-listed",
];

/// The events of a context with their places.
#[derive(Clone, Debug)]
pub struct Tree {
    /// In the order of time, the root first.
    events: Vec<EventView>,
    /// For each event its parent; `None` for the root.
    parents: Vec<Option<usize>>,
    /// For each event the cause that its row names, where that is an event of this context.
    causes: Vec<Option<usize>>,
    /// For each event its children, in the order of time.
    children: Vec<Vec<usize>>,
}

/// One line of a drawn tree, in drawing order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which event.
    pub event: usize,
    /// For each level above: whether a further sibling follows there, so that a line must be drawn past it.
    pub more_above: Vec<bool>,
    /// Further events like this one that are not drawn.
    pub alike: usize,
}

/// Which part of a tree is drawn.
#[derive(Copy, Clone, Debug)]
pub enum Part {
    /// Alike leaves folded into one line, the steps of one client beside each other.
    Folded,
    /// Everything, each event below its cause.
    Whole,
    /// The path from the root to one event, and what that event set off.
    Through(usize),
}

impl Tree {
    /// Makes a tree of the events of one context, in any order.
    pub fn new(mut events: Vec<EventView>) -> Tree {
        // The root first: its id names the context, even where a clock puts another event before it.
        events.sort_by(|a, b| {
            let key = |e: &EventView| (e.role != "root", e.at, e.stage_at);
            key(a).cmp(&key(b)).then_with(|| (&a.audit_id, &a.stage).cmp(&(&b.audit_id, &b.stage)))
        });
        let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            first_of.entry(&event.audit_id).or_insert(index);
        }
        let cause = |(index, event): (usize, &EventView)| {
            first_of.get(event.cause_audit_id.as_str()).copied().filter(|cause| *cause != index)
        };
        let causes: Vec<Option<usize>> = events.iter().enumerate().map(cause).collect();
        let known =
            |(index, cause): (usize, &Option<usize>)| cause.filter(|cause| *cause < index).or((index > 0).then_some(0));
        let parents = causes.iter().enumerate().map(known).collect();
        let mut tree = Tree { children: vec![Vec::new(); events.len()], events, parents, causes };
        for index in 1..tree.events.len() {
            let later = tree.causes.get(index).copied().flatten().filter(|cause| *cause > index);
            if let Some(cause) = later.filter(|cause| !tree.ancestors(*cause).any(|one| one == index))
                && let Some(parent) = tree.parents.get_mut(index)
            {
                *parent = Some(cause);
            }
        }
        for index in 1..tree.events.len() {
            if let Some(siblings) = tree.parent(index).and_then(|parent| tree.children.get_mut(parent)) {
                siblings.push(index);
            }
        }
        tree
    }

    /// Events in the order of time, the root first.
    pub fn events(&self) -> &[EventView] {
        &self.events
    }

    /// The event at `index`.
    pub fn event(&self, index: usize) -> Option<&EventView> {
        self.events.get(index)
    }

    /// Place of the parent; `None` for the root.
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The event that the row of `index` names as its cause, when it has a row in this context.
    pub fn cause(&self, index: usize) -> Option<&EventView> {
        self.causes.get(index).copied().flatten().and_then(|cause| self.event(cause))
    }

    /// The lines of a drawing.
    pub fn lines(&self, part: Part) -> Vec<Line> {
        let on_path = match part {
            Part::Through(event) => Some(self.path(event)),
            Part::Folded | Part::Whole => None,
        };
        let mut lines = Vec::new();
        // A stack instead of recursion: a chain of causes may be longer than any thread's stack.
        let mut stack = Vec::new();
        if !self.events.is_empty() {
            stack.push(Line { event: 0, more_above: Vec::new(), alike: 0 });
        }
        while let Some(line) = stack.pop() {
            let mut children: Vec<(usize, usize)> = match part {
                Part::Folded => self.fold(line.event),
                _ => self.children_of(line.event).iter().map(|child| (*child, 0)).collect(),
            };
            if let (Part::Through(event), Some(path)) = (part, &on_path)
                && event != line.event
                && path.contains(&line.event)
            {
                children.retain(|(child, _)| path.contains(child));
            }
            for (at, (child, alike)) in children.iter().enumerate().rev() {
                let mut more_above = line.more_above.clone();
                more_above.push(at + 1 < children.len());
                stack.push(Line { event: *child, more_above, alike: *alike });
            }
            lines.push(line);
        }
        lines
    }

    fn children_of(&self, index: usize) -> &[usize] {
        self.children.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether an event is a further step of the client whose event it hangs from.
    fn is_step(&self, index: usize) -> bool {
        let step = |(event, before): (&EventView, &EventView)| {
            STEPS.contains(&event.cause_reason.as_str()) && event.actor() == before.actor()
        };
        self.event(index).zip(self.parent(index).and_then(|parent| self.event(parent))).is_some_and(step)
    }

    /// What is drawn below an event where steps stand beside each other: its children, and the steps that follow on them.
    fn drawn_below(&self, index: usize) -> Vec<usize> {
        let children = self.children_of(index).iter().copied();
        let mut waiting: Vec<usize> = children.filter(|child| index == 0 || !self.is_step(*child)).collect();
        let mut below = Vec::new();
        while let Some(child) = waiting.pop() {
            below.push(child);
            waiting.extend(self.children_of(child).iter().copied().filter(|step| self.is_step(*step)));
        }
        below.sort_unstable();
        below
    }

    /// The events from `index` up to the root.
    fn ancestors(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(index), |at| self.parent(*at))
    }

    fn path(&self, index: usize) -> BTreeSet<usize> {
        self.ancestors(index).collect()
    }

    /// Children with, for the last one that is drawn of many alike leaves, the number of those left out.
    fn fold(&self, index: usize) -> Vec<(usize, usize)> {
        let alike = |child: usize| {
            let leaf = self.children_of(child).iter().all(|step| self.is_step(*step));
            let event = self.event(child).filter(|_| leaf)?;
            let EventView { user, verb, resource, subresource, namespace, cause_reason, status_code, .. } = event;
            Some((user, verb, resource, subresource, namespace, cause_reason, *status_code))
        };
        let mut count: BTreeMap<_, usize> = BTreeMap::new();
        let below = self.drawn_below(index);
        for kind in below.iter().filter_map(|child| alike(*child)) {
            *count.entry(kind).or_default() += 1;
        }
        let mut drawn: BTreeMap<_, usize> = BTreeMap::new();
        let mut folded = Vec::new();
        for child in &below {
            let Some(kind) = alike(*child) else {
                folded.push((*child, 0));
                continue;
            };
            let total = count.get(&kind).copied().unwrap_or_default();
            let seen = drawn.entry(kind).or_default();
            *seen += 1;
            if total <= ALIKE_SHOWN + 1 || *seen < ALIKE_SHOWN {
                folded.push((*child, 0));
            } else if *seen == ALIKE_SHOWN {
                folded.push((*child, total - ALIKE_SHOWN));
            }
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::time::Micros;
    use proptest::prelude::*;

    fn event(id: usize, cause: usize, at: i64) -> EventView {
        let role = if id == 0 { "root" } else { "effect" };
        EventView {
            audit_id: id.to_string(),
            cause_audit_id: cause.to_string(),
            at: Micros(at),
            role: role.into(),
            ..EventView::default()
        }
    }

    #[test]
    fn a_path_holds_ancestors_and_descendants_only() {
        let tree = Tree::new(vec![event(0, 9, 0), event(1, 0, 1), event(2, 1, 2), event(3, 2, 3), event(4, 0, 4)]);
        let drawn: Vec<usize> = tree.lines(Part::Through(2)).iter().map(|line| line.event).collect();
        assert_eq!(drawn, [0, 1, 2, 3]);
    }

    #[test]
    fn a_cause_may_stand_a_moment_later_but_never_below_its_effect() {
        let tree = Tree::new(vec![event(0, 9, 0), event(1, 2, 1), event(2, 1, 2), event(3, 1, 3)]);
        assert_eq!((tree.parent(1), tree.parent(2)), (Some(0), Some(1)), "each names the other");
        let tree = Tree::new(vec![event(0, 9, 0), event(1, 2, 1), event(2, 0, 2)]);
        assert_eq!(tree.parent(1), Some(2));
        assert_eq!(tree.cause(1).map(|cause| cause.audit_id.as_str()), Some("2"));
    }

    #[test]
    fn many_alike_leaves_become_one_line() {
        let tree = Tree::new((0..21).map(|id| event(id, 0, id as i64)).collect());
        let lines = tree.lines(Part::Folded);
        assert_eq!(lines.len(), 1 + ALIKE_SHOWN);
        assert_eq!(lines.last().map(|line| line.alike), Some(20 - ALIKE_SHOWN));
        assert_eq!(tree.lines(Part::Whole).len(), 21);
    }

    #[test]
    fn steps_of_one_client_stand_beside_each_other() {
        let step = |id, cause, reason: &str| EventView { cause_reason: reason.into(), ..event(id, cause, id as i64) };
        let tree = Tree::new(vec![
            event(0, 9, 0),
            step(1, 0, "same-run"),
            step(2, 1, "same-run"),
            step(3, 2, "owner-written"),
            step(4, 2, "same-run"),
        ]);
        let depths = |part| -> Vec<(usize, usize)> {
            tree.lines(part).iter().map(|line| (line.event, line.more_above.len())).collect()
        };
        assert_eq!(depths(Part::Folded), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 1)]);
        assert_eq!(depths(Part::Whole), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)]);
    }

    #[test]
    fn a_long_chain_is_drawn_without_recursion() {
        let tree = Tree::new((0..5_000).map(|id| event(id, id.saturating_sub(1), id as i64)).collect());
        assert_eq!(tree.lines(Part::Whole).len(), 5_000);
    }

    proptest! {
        /// Whatever the rows claim as causes, each event is drawn once, below its parent.
        #[test]
        fn every_event_has_one_place(claims in prop::collection::vec((0usize..40, 0i64..20, any::<bool>()), 0..40)) {
            let made = |(id, (cause, at, step)): (usize, &(usize, i64, bool))| {
                let cause_reason = if *step { "same-run" } else { "just-read" }.to_owned();
                EventView { cause_reason, ..event(id, *cause, *at) }
            };
            let events: Vec<_> = claims.iter().enumerate().map(made).collect();
            let tree = Tree::new(events);
            let lines = tree.lines(Part::Whole);
            let mut drawn: Vec<usize> = lines.iter().map(|line| line.event).collect();
            for (at, index) in drawn.iter().enumerate() {
                let parent = tree.parent(*index);
                prop_assert!(parent.is_none_or(|parent| drawn[..at].contains(&parent)));
            }
            drawn.sort_unstable();
            prop_assert_eq!(drawn, (0..claims.len()).collect::<Vec<_>>());
            let folded: usize = tree.lines(Part::Folded).iter().map(|line| 1 + line.alike).sum();
            prop_assert_eq!(folded, claims.len());
        }
    }
}
