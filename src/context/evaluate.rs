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

mod clustering;
mod markdown;

pub use clustering::Clustering;
use clustering::{Pairs, f1, ratio};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One line of truth.
#[derive(Clone, Debug, Deserialize)]
pub struct TruthRow {
    /// Audit id of the request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// Stage of the event.
    pub stage: String,
    /// The action that it belongs to; `background:…` for periodic activity; `None` is not scored.
    pub action: Option<String>,
    /// What kind of action that is.
    #[serde(default)]
    pub kind: Option<String>,
    /// Whether it is a request of the user's own command.
    #[serde(default)]
    pub trigger: bool,
    /// Whether it is the one root of its action.
    #[serde(default)]
    pub root: bool,
    /// Whether it came long after its action.
    #[serde(default)]
    pub delayed: bool,
}

/// What was predicted of one event.
#[derive(Clone, Debug, Deserialize)]
pub struct PredictedRow {
    /// Audit id of the request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// Stage of the event.
    pub stage: String,
    /// The context; `None` or `background…` for background.
    pub context: Option<String>,
    /// Audit id of the event that triggered the context.
    #[serde(default)]
    pub root: Option<String>,
    /// Whether it is held to be a request of the command itself.
    #[serde(default)]
    pub trigger: bool,
}

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
}

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
}

/// Background against contexts; counts of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BackgroundScores {
    /// Background in truth.
    pub truth: usize,
    /// Predicted background.
    pub predicted: usize,
    /// Caused by users, predicted background.
    pub user_called_background: usize,
    /// Their share of user events.
    pub user_called_background_share: f64,
    /// Background, predicted to be in a context.
    pub background_called_user: usize,
    /// Their share of background.
    pub background_called_user_share: f64,
    /// Of these, in a context that holds user events.
    pub background_in_user_context: usize,
}

/// B-cubed of some of the user events, measured against all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// Events.
    pub events: usize,
    /// True contexts that they belong to.
    pub contexts: usize,
    /// Share of these that were met exactly.
    pub exact_share: f64,
    /// B-cubed precision.
    pub b3_p: f64,
    /// B-cubed recall.
    pub b3_r: f64,
    /// Harmonic mean of both.
    pub b3_f1: f64,
}

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

/// Sizes of true contexts that are told apart: (least, most, name).
const SIZES: &[(usize, usize, &str)] =
    &[(1, 1, "1"), (2, 4, "2-4"), (5, 9, "5-9"), (10, 19, "10-19"), (20, 49, "20-49"), (50, usize::MAX, "50-")];

/// A predicted context: its name, or an event that is alone because it was called background.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Context<'r> {
    Named(&'r str),
    Alone(&'r str),
}

/// One scored request.
struct Scored<'r> {
    id: &'r str,
    truth: &'r TruthRow,
    action: &'r str,
    user: bool,
    context: Context<'r>,
    predicted: Option<&'r PredictedRow>,
}

fn is_background(context: &str) -> bool {
    context.starts_with("background")
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
    }
}

/// One event a request, in order of audit ids.
fn scored<'r>(truth: &'r [TruthRow], predicted: &'r [PredictedRow]) -> Vec<Scored<'r>> {
    let mut chosen: BTreeMap<&str, &TruthRow> = BTreeMap::new();
    for row in truth {
        match row.stage.as_str() {
            "ResponseComplete" | "Panic" => {
                chosen.insert(&row.audit_id, row);
            }
            "ResponseStarted" => {
                chosen.entry(&row.audit_id).or_insert(row);
            }
            _ => {}
        }
    }
    let mut said: BTreeMap<&str, &PredictedRow> = BTreeMap::new();
    for row in predicted {
        let same_stage = chosen.get(row.audit_id.as_str()).is_some_and(|one| one.stage == row.stage);
        if same_stage || !said.contains_key(row.audit_id.as_str()) {
            said.insert(&row.audit_id, row);
        }
    }
    chosen
        .into_iter()
        .filter_map(|(id, truth)| {
            let action = truth.action.as_deref()?;
            let predicted = said.get(id).copied();
            let named = predicted.and_then(|one| one.context.as_deref()).filter(|name| !is_background(name));
            let context = named.map_or(Context::Alone(id), Context::Named);
            Some(Scored { id, truth, action, user: !is_background(action), context, predicted })
        })
        .collect()
}

/// How one true context was met.
struct Met {
    events: usize,
    contexts: usize,
    shared: bool,
}

impl Met {
    fn exact(&self) -> bool {
        self.contexts == 1 && !self.shared
    }
}

fn met<'r>(users: &[&Scored<'r>], sizes: &BTreeMap<Context<'r>, usize>) -> BTreeMap<&'r str, Met> {
    let mut cells: BTreeMap<(&str, Context<'_>), usize> = BTreeMap::new();
    users.iter().for_each(|one| *cells.entry((one.action, one.context)).or_default() += 1);
    let mut met: BTreeMap<&str, Met> = BTreeMap::new();
    for ((action, context), count) in cells {
        let one = met.entry(action).or_insert(Met { events: 0, contexts: 0, shared: false });
        one.events += count;
        one.contexts += 1;
        one.shared |= sizes.get(&context).is_some_and(|&size| size > count);
    }
    met
}

fn context_scores(met: &BTreeMap<&str, Met>) -> ContextScores {
    let count = |wanted: &dyn Fn(&Met) -> bool| met.values().filter(|one| wanted(one)).count();
    let perfect = count(&Met::exact);
    let larger = count(&|one| one.events > 1);
    ContextScores {
        total: met.len(),
        perfect,
        split: count(&|one| one.contexts > 1 && !one.shared),
        merge: count(&|one| one.contexts == 1 && one.shared),
        split_merge: count(&|one| one.contexts > 1 && one.shared),
        exact_share: ratio(perfect as f64, met.len() as f64, 1.0),
        exact_share_size2plus: ratio(count(&|one| one.events > 1 && one.exact()) as f64, larger as f64, 1.0),
    }
}

fn background_scores(events: &[Scored<'_>], users: &[&Scored<'_>]) -> BackgroundScores {
    let alone = |one: &Scored<'_>| matches!(one.context, Context::Alone(_));
    let of_users: BTreeSet<Context<'_>> = users.iter().map(|one| one.context).collect();
    let missed: Vec<&Scored<'_>> = events.iter().filter(|one| !one.user && !alone(one)).collect();
    let truth = events.len() - users.len();
    let lost = users.iter().filter(|one| alone(one)).count();
    BackgroundScores {
        truth,
        predicted: events.iter().filter(|one| alone(one)).count(),
        user_called_background: lost,
        user_called_background_share: ratio(lost as f64, users.len() as f64, 0.0),
        background_called_user: missed.len(),
        background_called_user_share: ratio(missed.len() as f64, truth as f64, 0.0),
        background_in_user_context: missed.iter().filter(|one| of_users.contains(&one.context)).count(),
    }
}

fn part(
    users: &[&Scored<'_>],
    sizes: &BTreeMap<Context<'_>, usize>,
    met: &BTreeMap<&str, Met>,
    wanted: &dyn Fn(&Scored<'_>) -> bool,
) -> Option<Part> {
    let mut cells: BTreeMap<(&str, Context<'_>), usize> = BTreeMap::new();
    users.iter().for_each(|one| *cells.entry((one.action, one.context)).or_default() += 1);
    let chosen: Vec<&&Scored<'_>> = users.iter().filter(|one| wanted(one)).collect();
    let (mut precision, mut recall) = (0.0, 0.0);
    for one in &chosen {
        let common = cells.get(&(one.action, one.context)).copied().unwrap_or(0) as f64;
        precision += ratio(common, sizes.get(&one.context).copied().unwrap_or(0) as f64, 0.0);
        recall += ratio(common, met.get(one.action).map_or(0, |one| one.events) as f64, 0.0);
    }
    if chosen.is_empty() {
        return None;
    }
    let (b3_p, b3_r) = (precision / chosen.len() as f64, recall / chosen.len() as f64);
    let actions: BTreeSet<&str> = chosen.iter().map(|one| one.action).collect();
    let exact = actions.iter().filter(|action| met.get(**action).is_some_and(Met::exact)).count();
    Some(Part {
        events: chosen.len(),
        contexts: actions.len(),
        exact_share: ratio(exact as f64, actions.len() as f64, 1.0),
        b3_p,
        b3_r,
        b3_f1: f1(b3_p, b3_r),
    })
}

fn root_scores(users: &[&Scored<'_>]) -> RootScores {
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

/// Walks events by audit id; each true context counts once, with the predicted context of its first event
/// (`spec/k8ntext.md` 7.3).
fn mapping_accuracy(users: &[&Scored<'_>]) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn truth(id: usize, action: &str) -> TruthRow {
        TruthRow {
            audit_id: format!("{id:03}"),
            stage: "ResponseComplete".to_owned(),
            action: Some(action.to_owned()),
            kind: Some("test".to_owned()),
            trigger: false,
            root: false,
            delayed: false,
        }
    }

    fn said(id: usize, context: &str) -> PredictedRow {
        PredictedRow {
            audit_id: format!("{id:03}"),
            stage: "ResponseComplete".to_owned(),
            context: Some(context.to_owned()),
            root: None,
            trigger: false,
        }
    }

    #[test]
    fn a_split_a_merge_and_a_perfect_context() {
        let rows: Vec<_> = ["A", "A", "B", "C", "C"].iter().enumerate().map(|(i, a)| truth(i, a)).collect();
        let predicted: Vec<_> = ["1", "2", "2", "3", "3"].iter().enumerate().map(|(i, c)| said(i, c)).collect();
        let scores = evaluate(&rows, &predicted);
        assert_eq!((scores.user.pair_p, scores.user.pair_r), (0.5, 0.5));
        let c = &scores.contexts;
        assert_eq!((c.total, c.perfect, c.split, c.merge, c.split_merge), (3, 1, 0, 1, 1));
        // A: {0} of {0,1} is 1/2; B: {2} of {1,2} is 1/2; C: 1.
        assert!((scores.mapping_accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(scores.by_size["2-4"].contexts, 2);
    }

    #[test]
    fn background_costs_recall_only() {
        let rows = [truth(0, "A"), truth(1, "A"), truth(2, "background:watch")];
        let scores = evaluate(&rows, &[said(0, "1"), said(1, "background:x"), said(2, "1")]);
        assert_eq!((scores.user.pair_p, scores.user.pair_r), (1.0, 0.0));
        assert_eq!(scores.background.user_called_background, 1);
        assert_eq!(scores.background.background_in_user_context, 1);
        assert_eq!(scores.contexts.split_merge, 1);
    }

    proptest! {
        #[test]
        fn truth_against_itself_is_perfect_and_scores_stay_in_bounds(
            actions in prop::collection::vec(0..6u8, 1..40),
            contexts in prop::collection::vec(0..6u8, 40),
        ) {
            let rows: Vec<_> = actions.iter().enumerate().map(|(i, a)| truth(i, &format!("a{a}"))).collect();
            let same: Vec<_> = actions.iter().enumerate().map(|(i, a)| said(i, &format!("c{a}"))).collect();
            let perfect = evaluate(&rows, &same);
            prop_assert_eq!(perfect.user.pair_f1, 1.0);
            prop_assert!((perfect.user.b3_f1 - 1.0).abs() < 1e-9 && (perfect.mapping_accuracy - 1.0).abs() < 1e-9);
            let other: Vec<_> = (0..actions.len()).map(|i| said(i, &format!("c{}", contexts[i]))).collect();
            let scores = evaluate(&rows, &other);
            for x in [scores.user.pair_p, scores.user.pair_r, scores.user.b3_f1, scores.mapping_accuracy] {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&x));
            }
            let mut reversed = other.clone();
            reversed.reverse();
            prop_assert_eq!(evaluate(&rows, &reversed).user.ari, scores.user.ari);
        }
    }
}
