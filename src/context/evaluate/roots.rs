//! Roots of contexts, and requests of commands.

use super::clustering::ratio;
use super::rows::Scored;
use serde::Serialize;
use std::collections::BTreeMap;

/// Roots of contexts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RootScores {
    /// Events of contexts with a known root.
    pub events: usize,
    /// Share of these whose predicted root is right.
    pub accuracy: f64,
    /// True contexts with a known root.
    pub contexts: usize,
    /// Share of their root events that are predicted to be roots.
    pub contexts_with_right_root: f64,
    /// Requests of the users' own commands.
    pub triggers: usize,
    /// Share of these that are called so.
    pub trigger_accuracy: f64,
}

pub(super) fn root_scores(users: &[&Scored<'_>]) -> RootScores {
    let roots: BTreeMap<&str, &str> =
        users.iter().filter(|one| one.truth.root).map(|one| (one.action, one.id)).collect();
    let said = |one: &Scored<'_>| one.predicted.and_then(|row| row.root.clone());
    let right = |one: &&&Scored<'_>| said(one).as_deref() == roots.get(one.action).copied();
    let rooted: Vec<&&Scored<'_>> = users.iter().filter(|one| roots.contains_key(one.action)).collect();
    let own: Vec<&&Scored<'_>> = rooted.iter().copied().filter(|one| roots.get(one.action) == Some(&one.id)).collect();
    let triggers: Vec<&&Scored<'_>> = users.iter().filter(|one| one.truth.trigger).collect();
    let called = triggers.iter().filter(|one| one.predicted.is_some_and(|row| row.trigger)).count();
    RootScores {
        events: rooted.len(),
        accuracy: ratio(rooted.iter().filter(|one| right(one)).count() as f64, rooted.len() as f64, 1.0),
        contexts: roots.len(),
        contexts_with_right_root: ratio(own.iter().filter(|one| right(one)).count() as f64, roots.len() as f64, 1.0),
        triggers: triggers.len(),
        trigger_accuracy: ratio(called as f64, triggers.len() as f64, 1.0),
    }
}
