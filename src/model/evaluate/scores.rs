//! Figures: accuracy, macro precision, recall and F1, Cohen's kappa, for labels and for each of their parts; how far confidence tells
//! right from wrong.

use super::predict::Prediction;
use crate::audit::label::Label;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a label, or all of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The whole label.
    Label,
    /// Type id: the resource.
    Type,
    /// Sub id: the subresource.
    Sub,
    /// Whether a namespace is named.
    Namespaced,
    /// Whether an object is named.
    Single,
    /// The verb.
    Verb,
}

impl Part {
    /// All of them, the whole first.
    pub const ALL: [Part; 6] = [Part::Label, Part::Type, Part::Sub, Part::Namespaced, Part::Single, Part::Verb];

    /// The part of a label as a number; special labels keep theirs.
    fn of(self, label: Label) -> i32 {
        let Some(parts) = label.parts() else { return label.0 };
        match self {
            Part::Label => label.0,
            Part::Type => i32::from(parts.id),
            Part::Sub => i32::from(parts.sub),
            Part::Namespaced => i32::from(parts.namespaced),
            Part::Single => i32::from(parts.single),
            Part::Verb => parts.verb as i32,
        }
    }
}

/// Figures of one part.
#[derive(Copy, Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Events.
    pub count: usize,
    /// Share that is right.
    pub accuracy: f64,
    /// Mean over classes of the share of its predictions that are right; classes without a prediction are left out.
    pub precision: f64,
    /// Mean over classes of the share of its events that are found.
    pub recall: f64,
    /// Mean over classes of their harmonic mean.
    pub f1: f64,
    /// Cohen's kappa: agreement beyond chance.
    pub kappa: f64,
}

/// Figures of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// Its label.
    pub label: i32,
    /// In words.
    pub text: String,
    /// Events.
    pub count: usize,
    /// Share of its predictions that are right; `None` without a prediction.
    pub precision: Option<f64>,
    /// Share of its events that are found.
    pub recall: f64,
}

/// A confusion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// The truth.
    pub truth: String,
    /// What was said instead.
    pub said: String,
    /// How often.
    pub count: usize,
}

/// All figures of a set of predictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Voted labels and each of their parts.
    pub voted: BTreeMap<Part, Figures>,
    /// Labels at every position of every window.
    pub unvoted: Figures,
    /// Voted labels of kinds that training knew.
    pub seen: Figures,
    /// Voted labels outside the control plane's routine.
    pub actions: Figures,
    /// What the causal engine says by itself, of kinds that training knew.
    pub engine: Figures,
    /// Events of kinds that training did not know.
    pub unseen: usize,
    /// Mean confidence on kinds that training knew, and on those that it did not.
    pub confidence: (f64, f64),
    /// Probability that a wrong label has less confidence than a right one.
    pub auroc_of_confidence: f64,
    /// Probability that an event of an unknown kind has less confidence than one of a known kind.
    pub auroc_of_unseen: f64,
    /// Share of undecided events.
    pub undecided: f64,
    /// Classes, the most frequent first.
    pub classes: Vec<Class>,
    /// Confusions, the most frequent first.
    pub confusions: Vec<Confusion>,
}

impl Scores {
    /// The figures of these predictions. `known` are the labels of the model's classes; `routine` says of a prediction whether its
    /// event belongs to the control plane's routine.
    pub fn of(
        voted: &[Prediction],
        unvoted: &[(Label, Label)],
        known: &dyn Fn(&Prediction) -> bool,
        routine: &dyn Fn(&Prediction) -> bool,
    ) -> Scores {
        let pairs = |keep: &dyn Fn(&Prediction) -> bool| -> Vec<(i32, i32)> {
            voted.iter().filter(|p| keep(p)).map(|p| (p.truth.0, p.label.0)).collect()
        };
        let part = |part: Part| {
            let pairs: Vec<(i32, i32)> = voted.iter().map(|p| (part.of(p.truth), part.of(p.label))).collect();
            (part, figures(&pairs))
        };
        let confidence = |p: &Prediction| p.vote.confidence;
        let right = voted.iter().filter(|p| p.truth == p.label).map(confidence).collect();
        let wrong = voted.iter().filter(|p| p.truth != p.label).map(confidence).collect();
        let seen: Vec<f32> = voted.iter().filter(|p| known(p)).map(confidence).collect();
        let unseen: Vec<f32> = voted.iter().filter(|p| !known(p)).map(confidence).collect();
        let plain: Vec<(i32, i32)> = unvoted.iter().map(|(truth, said)| (truth.0, said.0)).collect();
        let (classes, confusions) = tables(voted);
        Scores {
            voted: Part::ALL.map(part).into(),
            unvoted: figures(&plain),
            seen: figures(&pairs(known)),
            actions: figures(&pairs(&|p| !routine(p))),
            engine: figures(&voted.iter().filter(|p| known(p)).map(|p| (p.truth.0, p.engine.0)).collect::<Vec<_>>()),
            unseen: unseen.len(),
            confidence: (mean(&seen), mean(&unseen)),
            auroc_of_confidence: auroc(right, wrong),
            auroc_of_unseen: auroc(seen, unseen),
            undecided: voted.iter().filter(|p| p.vote.undecided).count() as f64 / voted.len().max(1) as f64,
            classes,
            confusions,
        }
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len().max(1) as f64
}

/// Figures of pairs of truth and prediction.
pub fn figures(pairs: &[(i32, i32)]) -> Figures {
    let mut truths: BTreeMap<i32, usize> = BTreeMap::new();
    let mut said: BTreeMap<i32, usize> = BTreeMap::new();
    let mut hits: BTreeMap<i32, usize> = BTreeMap::new();
    for (truth, found) in pairs {
        *truths.entry(*truth).or_default() += 1;
        *said.entry(*found).or_default() += 1;
        if truth == found {
            *hits.entry(*truth).or_default() += 1;
        }
    }
    let total = pairs.len().max(1) as f64;
    let count = |map: &BTreeMap<i32, usize>, class: i32| map.get(&class).copied().unwrap_or(0) as f64;
    let accuracy = hits.values().sum::<usize>() as f64 / total;
    let (mut precision, mut predicted, mut recall, mut f1) = (0.0, 0.0, 0.0, 0.0);
    for class in truths.keys() {
        let (hit, all, said) = (count(&hits, *class), count(&truths, *class), count(&said, *class));
        if said > 0.0 {
            precision += hit / said;
            predicted += 1.0;
        }
        recall += hit / all;
        f1 += 2.0 * hit / (all + said);
    }
    let classes = truths.len().max(1) as f64;
    let everyone: BTreeSet<i32> = truths.keys().chain(said.keys()).copied().collect();
    let by_chance: f64 =
        everyone.iter().map(|class| count(&truths, *class) * count(&said, *class)).sum::<f64>() / total / total;
    let kappa = if by_chance < 1.0 { (accuracy - by_chance) / (1.0 - by_chance) } else { 1.0 };
    Figures {
        count: pairs.len(),
        accuracy,
        precision: precision / f64::max(predicted, 1.0),
        recall: recall / classes,
        f1: f1 / classes,
        kappa,
    }
}

/// Probability that one of `low` is below one of `high`, equals counting half; a half where one of them is empty.
pub fn auroc(high: Vec<f32>, low: Vec<f32>) -> f64 {
    if high.is_empty() || low.is_empty() {
        return 0.5;
    }
    let (highs, lows) = (high.len() as f64, low.len() as f64);
    let mut all: Vec<(f32, bool)> =
        high.into_iter().map(|v| (v, true)).chain(low.into_iter().map(|v| (v, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let lows_here = equal.iter().filter(|(_, high)| !high).count() as f64;
        let highs_here = equal.len() as f64 - lows_here;
        sum += highs_here * (below + lows_here / 2.0);
        below += lows_here;
    }
    sum / (highs * lows)
}

fn tables(voted: &[Prediction]) -> (Vec<Class>, Vec<Confusion>) {
    let mut pairs: BTreeMap<(Label, Label), usize> = BTreeMap::new();
    for p in voted {
        *pairs.entry((p.truth, p.label)).or_default() += 1;
    }
    let mut classes: BTreeMap<Label, (usize, usize, usize)> = BTreeMap::new();
    for ((truth, said), count) in &pairs {
        let hit = if truth == said { *count } else { 0 };
        let class = classes.entry(*truth).or_default();
        (class.0, class.1) = (class.0 + count, class.1 + hit);
        classes.entry(*said).or_default().2 += count;
    }
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let class = |(label, (count, hit, said)): (Label, (usize, usize, usize))| Class {
        label: label.0,
        text: label.to_string(),
        count,
        precision: (said > 0).then(|| share(hit, said)),
        recall: share(hit, count),
    };
    let mut classes: Vec<Class> = classes.into_iter().map(class).filter(|class| class.count > 0).collect();
    classes.sort_by_key(|class| std::cmp::Reverse(class.count));
    let wrong = pairs.into_iter().filter(|((truth, said), _)| truth != said);
    let mut confusions: Vec<Confusion> = wrong
        .map(|((truth, said), count)| Confusion { truth: truth.to_string(), said: said.to_string(), count })
        .collect();
    confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.count));
    (classes, confusions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::vote::Vote;

    #[test]
    fn figures_by_hand() {
        // class 1: 2 of 3 found, 2 of 2 right; class 2: 1 of 1 found, 1 of 2 right
        let found = figures(&[(1, 1), (1, 1), (1, 2), (2, 2)]);
        assert_eq!((found.count, found.accuracy), (4, 0.75));
        assert!((found.precision - 0.75).abs() < 1e-9 && (found.recall - 5.0 / 6.0).abs() < 1e-9, "{found:?}");
        assert!((found.f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
        // chance: (3 · 2 + 1 · 2) / 16
        assert!((found.kappa - 0.5).abs() < 1e-9);
        assert_eq!(figures(&[(1, 1)]).kappa, 1.0);
    }

    #[test]
    fn auroc_counts_pairs() {
        assert_eq!(auroc(vec![0.9, 0.8], vec![0.1]), 1.0);
        assert_eq!(auroc(vec![0.5], vec![0.5, 0.5]), 0.5);
        assert_eq!(auroc(vec![0.5, 0.1], vec![0.3]), 0.5);
        assert_eq!(auroc(Vec::new(), vec![0.3]), 0.5);
    }

    #[test]
    fn parts_of_a_wrong_label_may_be_right() {
        let vote = Vote { class: 1, confidence: 0.5, undecided: true };
        // create pod and delete pod
        let prediction = Prediction { row: 0, truth: Label(4496), label: Label(4512), vote, engine: Label(4496) };
        let scores = Scores::of(&[prediction], &[], &|_| true, &|_| false);
        let accuracy = |part| scores.voted[&part].accuracy;
        assert_eq!([Part::Label, Part::Verb, Part::Type, Part::Single].map(accuracy), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!((scores.undecided, scores.engine.accuracy), (1.0, 1.0));
        assert_eq!(scores.confusions.len(), 1);
    }
}
