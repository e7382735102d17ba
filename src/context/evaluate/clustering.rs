//! Agreement of two clusterings, from their contingency table.

use serde::Serialize;
use std::collections::BTreeMap;

/// Agreement of true and predicted contexts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Clustering {
    /// Events.
    pub events: usize,
    /// Of the pairs predicted to be together, the share that are.
    pub pair_p: f64,
    /// Of the pairs that are together, the share predicted so.
    pub pair_r: f64,
    /// Harmonic mean of both.
    pub pair_f1: f64,
    /// B-cubed precision.
    pub b3_p: f64,
    /// B-cubed recall.
    pub b3_r: f64,
    /// Harmonic mean of both.
    pub b3_f1: f64,
    /// Adjusted Rand index.
    pub ari: f64,
}

/// Counts of events by (true, predicted) context and by each alone.
pub(super) struct Pairs<T, P> {
    cells: BTreeMap<(T, P), usize>,
    truth: BTreeMap<T, usize>,
    predicted: BTreeMap<P, usize>,
    events: usize,
}

impl<T: Ord + Copy, P: Ord + Copy> Pairs<T, P> {
    pub fn new(pairs: impl Iterator<Item = (T, P)>) -> Pairs<T, P> {
        let mut table = Pairs { cells: BTreeMap::new(), truth: BTreeMap::new(), predicted: BTreeMap::new(), events: 0 };
        for (truth, predicted) in pairs {
            *table.cells.entry((truth, predicted)).or_default() += 1;
            *table.truth.entry(truth).or_default() += 1;
            *table.predicted.entry(predicted).or_default() += 1;
            table.events += 1;
        }
        table
    }

    pub fn clustering(&self) -> Clustering {
        let together: f64 = self.cells.values().copied().map(pairs_of).sum();
        let of_truth: f64 = self.truth.values().copied().map(pairs_of).sum();
        let of_predicted: f64 = self.predicted.values().copied().map(pairs_of).sum();
        let size = |map_size: Option<&usize>| map_size.copied().unwrap_or(0) as f64;
        let (mut b3_p, mut b3_r) = (0.0, 0.0);
        for ((truth, predicted), &count) in &self.cells {
            let square = (count * count) as f64;
            b3_p += ratio(square, size(self.predicted.get(predicted)), 0.0);
            b3_r += ratio(square, size(self.truth.get(truth)), 0.0);
        }
        let (b3_p, b3_r) = (ratio(b3_p, self.events as f64, 1.0), ratio(b3_r, self.events as f64, 1.0));
        let (pair_p, pair_r) = (ratio(together, of_predicted, 1.0), ratio(together, of_truth, 1.0));
        let expected = ratio(of_truth * of_predicted, pairs_of(self.events), 0.0);
        let ari = ratio(together - expected, (of_truth + of_predicted) / 2.0 - expected, 1.0);
        Clustering {
            events: self.events,
            pair_p,
            pair_r,
            pair_f1: f1(pair_p, pair_r),
            b3_p,
            b3_r,
            b3_f1: f1(b3_p, b3_r),
            ari,
        }
    }
}

/// Number of pairs among `count` events.
fn pairs_of(count: usize) -> f64 {
    (count as f64) * (count.saturating_sub(1) as f64) / 2.0
}

/// `part` / `whole`, or `empty` when there is nothing to divide by.
pub(super) fn ratio(part: f64, whole: f64, empty: f64) -> f64 {
    if whole == 0.0 { empty } else { part / whole }
}

/// Harmonic mean.
pub(super) fn f1(precision: f64, recall: f64) -> f64 {
    ratio(2.0 * precision * recall, precision + recall, 0.0)
}
