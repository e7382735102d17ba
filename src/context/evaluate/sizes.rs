//! How large contexts are, true and predicted, and how large on average by label (K8NTEXT's bins).

use super::clustering::ratio;
use super::rows::{Context, Scored};
use serde::Serialize;
use std::collections::BTreeMap;

/// Sizes of true and of predicted contexts; user events only.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SizeScores {
    /// Of the true contexts.
    pub truth: Sizes,
    /// Of the predicted ones. An event that was called background is one of its own.
    pub predicted: Sizes,
}

/// Sizes of some contexts, in events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sizes {
    /// Contexts.
    pub contexts: usize,
    /// Size of the smallest.
    pub least: usize,
    /// Size of the middle one, the larger of two.
    pub median: usize,
    /// Average size.
    pub mean: f64,
    /// Size of the largest.
    pub most: usize,
    /// By average size of a label's contexts: how many labels. A context's label is that of its root.
    pub labels_by_mean: BTreeMap<&'static str, usize>,
}

/// Upper bounds of the bins, not included and their names.
const BINS: &[(f64, &str)] = &[
    (1.000_001, "1"),
    (5.0, "1 to 5"),
    (10.0, "5 to 10"),
    (20.0, "10 to 20"),
    (50.0, "20 to 50"),
    (f64::MAX, "50 and more"),
];

pub(super) fn size_scores(users: &[&Scored<'_>]) -> SizeScores {
    let labels: BTreeMap<&str, &str> =
        users.iter().filter_map(|one| Some((one.id, one.predicted?.label.as_deref()?))).collect();
    let label = |id: Option<&str>| id.and_then(|id| labels.get(id)).copied().unwrap_or("unknown");
    let mut truth: BTreeMap<&str, One<'_>> = BTreeMap::new();
    let mut predicted: BTreeMap<Context<'_>, One<'_>> = BTreeMap::new();
    for event in users {
        let one = truth.entry(event.action).or_insert(One { size: 0, label: "unknown" });
        one.size += 1;
        if event.truth.root {
            one.label = label(Some(event.id));
        }
        let root = event.predicted.and_then(|row| row.root.as_deref());
        predicted.entry(event.context).or_insert(One { size: 0, label: label(root) }).size += 1;
    }
    SizeScores { truth: sizes(truth.into_values()), predicted: sizes(predicted.into_values()) }
}

/// One context.
struct One<'r> {
    size: usize,
    label: &'r str,
}

fn sizes<'r>(contexts: impl Iterator<Item = One<'r>>) -> Sizes {
    let mut by_label: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut all: Vec<usize> = Vec::new();
    for one in contexts {
        let (count, events) = by_label.entry(one.label).or_default();
        *count += 1;
        *events += one.size;
        all.push(one.size);
    }
    all.sort_unstable();
    let mean = |events: usize, count: usize| ratio(events as f64, count as f64, 0.0);
    let mut labels_by_mean = BTreeMap::new();
    for (count, events) in by_label.into_values() {
        if let Some((_, bin)) = BINS.iter().find(|(below, _)| mean(events, count) < *below) {
            *labels_by_mean.entry(*bin).or_default() += 1;
        }
    }
    Sizes {
        contexts: all.len(),
        least: all.first().copied().unwrap_or_default(),
        median: all.get(all.len() / 2).copied().unwrap_or_default(),
        mean: mean(all.iter().sum(), all.len()),
        most: all.last().copied().unwrap_or_default(),
        labels_by_mean,
    }
}

/// The names of the bins, in order.
pub(super) fn bins() -> impl Iterator<Item = &'static str> {
    BINS.iter().map(|(_, name)| *name)
}
