//! How true contexts were met: exactly, split, merged (K8NTEXT's comparison of cluster sets), and how finely.

use super::clustering::ratio;
use super::rows::{Context, Scored};
use serde::Serialize;
use std::collections::BTreeMap;

/// How true contexts were met.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ContextScores {
    /// True contexts.
    pub total: usize,
    /// One predicted context with the same members.
    pub perfect: usize,
    /// Several predicted contexts that hold nothing else.
    pub split: usize,
    /// One predicted context that holds more.
    pub merge: usize,
    /// Several, at least one of which holds more.
    pub split_merge: usize,
    /// `perfect` / `total`.
    pub exact_share: f64,
    /// The same for contexts of two events or more.
    pub exact_share_size2plus: f64,
    /// Of the split ones: into how many predicted contexts ▸ how many true ones.
    pub split_into: BTreeMap<usize, usize>,
    /// Of the merged ones: how many true contexts their predicted one holds ▸ how many true ones. 1 is a true context with
    /// background in it.
    pub merged_of: BTreeMap<usize, usize>,
    /// Of those both split and merged: over how many predicted contexts ▸ how many true ones.
    pub split_merge_into: BTreeMap<usize, usize>,
}

/// How one true context was met.
pub(super) struct Met {
    pub events: usize,
    pub contexts: usize,
    shared: bool,
    /// Most true contexts that one of its predicted contexts holds.
    sharers: usize,
}

impl Met {
    pub fn exact(&self) -> bool {
        self.contexts == 1 && !self.shared
    }
}

pub(super) fn met<'r>(users: &[&Scored<'r>], sizes: &BTreeMap<Context<'r>, usize>) -> BTreeMap<&'r str, Met> {
    let mut cells: BTreeMap<(&str, Context<'_>), usize> = BTreeMap::new();
    users.iter().for_each(|one| *cells.entry((one.action, one.context)).or_default() += 1);
    let mut actions_in: BTreeMap<Context<'_>, usize> = BTreeMap::new();
    cells.keys().for_each(|(_, context)| *actions_in.entry(*context).or_default() += 1);
    let mut met: BTreeMap<&str, Met> = BTreeMap::new();
    for ((action, context), count) in cells {
        let one = met.entry(action).or_insert(Met { events: 0, contexts: 0, shared: false, sharers: 0 });
        one.sharers = one.sharers.max(actions_in.get(&context).copied().unwrap_or(0));
        one.events += count;
        one.contexts += 1;
        one.shared |= sizes.get(&context).is_some_and(|&size| size > count);
    }
    met
}

pub(super) fn context_scores(met: &BTreeMap<&str, Met>) -> ContextScores {
    let mut scores = ContextScores { total: met.len(), ..ContextScores::default() };
    for one in met.values() {
        match (one.contexts > 1, one.shared) {
            (false, false) => scores.perfect += 1,
            (true, false) => {
                scores.split += 1;
                *scores.split_into.entry(one.contexts).or_default() += 1;
            }
            (false, true) => {
                scores.merge += 1;
                *scores.merged_of.entry(one.sharers).or_default() += 1;
            }
            (true, true) => {
                scores.split_merge += 1;
                *scores.split_merge_into.entry(one.contexts).or_default() += 1;
            }
        }
    }
    let larger = met.values().filter(|one| one.events > 1).count();
    let larger_exact = met.values().filter(|one| one.events > 1 && one.exact()).count();
    scores.exact_share = ratio(scores.perfect as f64, met.len() as f64, 1.0);
    scores.exact_share_size2plus = ratio(larger_exact as f64, larger as f64, 1.0);
    scores
}
