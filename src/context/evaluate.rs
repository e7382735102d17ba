//! How good contexts are, against truth: pairs, B-cubed, adjusted Rand, exact contexts, background, by kind and by size.
//!
//! ```text
//! truth rows ─▶ one scored event a request ─┬─▶ clustering of user events, and of all
//! predicted ──▶ context of each             ├─▶ exact / split / merged contexts, background confusion
//!                                           └─▶ by kind, by size, roots, mapping accuracy
//! ```
//! Unit: one event a request, its final stage, or ResponseStarted where there is no other. An event that is predicted to be
//! background counts as a context of its own: losing it costs recall, never precision. Pure; the same rows in any order give
//! the same scores.

mod background;
mod clustering;
mod mapping;
mod markdown;
mod met;
mod parts;
mod roots;
mod rows;
mod sizes;

#[cfg(test)]
mod tests;

pub use background::BackgroundScores;
pub use clustering::Clustering;
pub use met::ContextScores;
pub use parts::Part;
pub use roots::RootScores;
pub use rows::{PredictedRow, TruthError, TruthRow, read_truth};
pub use sizes::{SizeScores, Sizes};

use background::background_scores;
use clustering::Pairs;
use mapping::mapping_accuracy;
use met::{context_scores, met};
use parts::{SIZES, part};
use roots::root_scores;
use rows::{Context, Scored, scored};
use serde::Serialize;
use sizes::size_scores;
use std::collections::{BTreeMap, BTreeSet};

/// All scores of one log.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Over events that users caused.
    pub user: Clustering,
    /// Over all events, each background event being a context of its own.
    pub all: Clustering,
    /// How true contexts were met.
    pub contexts: ContextScores,
    /// Background against contexts.
    pub background: BackgroundScores,
    /// B-cubed by kind of action.
    pub by_kind: BTreeMap<String, Part>,
    /// B-cubed by size of the true context: `1`, `2-4`, …
    pub by_size: BTreeMap<String, Part>,
    /// B-cubed of the events that came late after their action.
    pub delayed: Option<Part>,
    /// Roots.
    pub root: RootScores,
    /// K8NTEXT's mapping accuracy: mean Jaccard of each true context with the predicted one of its first event.
    pub mapping_accuracy: f64,
    /// Sizes of true and predicted contexts of user events.
    pub sizes: SizeScores,
}

/// Scores `predicted` against `truth`.
///
/// ```
/// use causeway::context::evaluate::{PredictedRow, TruthRow, evaluate};
///
/// let rows = r#"[{"auditID":"a","stage":"ResponseComplete","action":"A1"},{"auditID":"b","stage":"ResponseComplete","action":"A1"}]"#;
/// let truth: Vec<TruthRow> = serde_json::from_str(rows).unwrap();
/// let predicted: Vec<PredictedRow> = serde_json::from_str(&rows.replace("action", "context")).unwrap();
/// assert_eq!(evaluate(&truth, &predicted).contexts.exact_share, 1.0);
/// ```
pub fn evaluate(truth: &[TruthRow], predicted: &[PredictedRow]) -> Scores {
    let events = scored(truth, predicted);
    let users: Vec<&Scored<'_>> = events.iter().filter(|one| one.user).collect();
    let mut sizes: BTreeMap<Context<'_>, usize> = BTreeMap::new();
    events.iter().for_each(|one| *sizes.entry(one.context).or_default() += 1);
    let met = met(&users, &sizes);
    let part = |wanted: &dyn Fn(&Scored<'_>) -> bool| part(&users, &sizes, &met, wanted);
    let kind_of = |one: &Scored<'_>| one.truth.kind.clone().unwrap_or_else(|| "none".to_owned());
    let kinds: BTreeSet<String> = users.iter().map(|one| kind_of(one)).collect();
    let size_of = |action: &str| met.get(action).map_or(0, |one| one.events);
    Scores {
        user: Pairs::new(users.iter().map(|one| (one.action, one.context))).clustering(),
        all: Pairs::new(events.iter().map(|one| (if one.user { one.action } else { one.id }, one.context)))
            .clustering(),
        contexts: context_scores(&met),
        background: background_scores(&events, &users),
        by_kind: kinds
            .into_iter()
            .filter_map(|kind| Some((kind.clone(), part(&|one| kind_of(one) == kind)?)))
            .collect(),
        by_size: SIZES
            .iter()
            .filter_map(|&(least, most, name)| {
                let within = |one: &Scored<'_>| (least..=most).contains(&size_of(one.action));
                Some((name.to_owned(), part(&within)?))
            })
            .collect(),
        delayed: part(&|one| one.truth.delayed),
        root: root_scores(&users),
        mapping_accuracy: mapping_accuracy(&users),
        sizes: size_scores(&users),
    }
}
