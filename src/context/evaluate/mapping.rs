//! K8NTEXT's mapping accuracy.

use super::clustering::ratio;
use super::rows::{Context, Scored};
use std::collections::{BTreeMap, BTreeSet};

/// Walks events by audit id; each true context counts once, with the predicted context of its first event
/// (`spec/k8ntext.md` 7.3).
pub(super) fn mapping_accuracy(users: &[&Scored<'_>]) -> f64 {
    let mut of_action: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut of_context: BTreeMap<Context<'_>, BTreeSet<&str>> = BTreeMap::new();
    for one in users {
        of_action.entry(one.action).or_default().insert(one.id);
        of_context.entry(one.context).or_default().insert(one.id);
    }
    let mut seen = BTreeSet::new();
    let mut sum = 0.0;
    for one in users.iter().filter(|one| seen.insert(one.action)) {
        if let (Some(truth), Some(said)) = (of_action.get(one.action), of_context.get(&one.context)) {
            let common = truth.intersection(said).count();
            sum += ratio(common as f64, (truth.len() + said.len() - common) as f64, 0.0);
        }
    }
    ratio(sum, seen.len() as f64, 1.0)
}
