//! Counts: sessions, or windows of time, whose mix of keys does not lie where that of normal ones lies.
//!
//! ```text
//! counts of keys ─▶ tf-idf ─▶ minus the mean ─▶ principal components ─▶ what they leave over: the residual
//!                                                squared length > Q ─▶ anomaly, with each key's share of it
//! ```
//! The order of keys plays no part here. The threshold is the Q statistic of the residual; where training left no residual at all, any that
//! is not rounding is an anomaly.

use super::judge::{Finding, Kind};
use super::vocabulary::Token;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How many components to keep.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Components {
    /// As many as reach this share of the variance.
    Share(f64),
    /// This many.
    Count(usize),
}

/// How to fit.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Whether rare keys weigh more.
    pub tf_idf: bool,
    /// Whether the number of lines with unseen keys is a count too; else they are dropped.
    pub unseen: bool,
    /// Components to keep.
    pub components: Components,
    /// Quantile of the normal distribution that the threshold stands for: 3.2905 for 0.1 % of alarms, two-sided.
    pub c_alpha: f64,
}

impl Default for Options {
    /// Trained on normal sessions alone, tf-idf would give a weight of 0 to just the keys that every session should have. On HDFS these
    /// options find 92 % of the abnormal sessions at 0.07 % false alarms, tf-idf with a share of 0.95 finds 47 % at 0.02 %.
    fn default() -> Options {
        Options { tf_idf: false, unseen: true, components: Components::Share(0.99), c_alpha: 3.2905 }
    }
}

/// A fitted model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    options: Options,
    idf: Vec<f64>,
    mean: Vec<f64>,
    /// Kept components, each as long as a row of counts.
    components: Vec<Vec<f64>>,
    threshold: f64,
}

/// The residual of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// Its squared length.
    pub squared: f64,
    /// Share of each key in it, the greatest first; shares sum to 1, or there are none.
    pub shares: Vec<(Token, f64)>,
}

/// Below this a residual is rounding.
const ROUNDING: f64 = 1e-9;

/// Counts of keys, as a row for `width` tokens; lines with unseen keys are one of them where `unseen` says so.
fn counts(counts: impl IntoIterator<Item = (Token, usize)>, width: usize, unseen: bool) -> DVector<f64> {
    let mut row = DVector::zeros(width);
    for (key, count) in counts {
        if (key.is_key() || (unseen && key == Token::UNKNOWN)) && key.index() < width {
            row[key.index()] += count as f64;
        }
    }
    row
}

/// Each key once.
fn each(keys: &[Token]) -> impl Iterator<Item = (Token, usize)> {
    keys.iter().map(|key| (*key, 1))
}

impl Pca {
    /// Fits rows of keys: a session or a window each. `width` is that of the vocabulary.
    pub fn fit<'a>(rows: impl IntoIterator<Item = &'a [Token]>, width: usize, options: Options) -> Pca {
        let rows: Vec<DVector<f64>> = rows.into_iter().map(|keys| counts(each(keys), width, false)).collect();
        let n = rows.len().max(1) as f64;
        let idf = |token: usize| {
            let df = rows.iter().filter(|row| row[token] > 0.0).count() as f64;
            if options.tf_idf { (n / (df + 1e-8)).ln() } else { 1.0 }
        };
        // A key of every row has an idf of 0; one of no row would have a huge one, and its columns are 0 in training anyway.
        let idf: Vec<f64> = (0..width).map(|token| idf(token).clamp(0.0, n.ln().max(1.0))).collect();
        let weights = DVector::from_column_slice(&idf);
        let rows: Vec<DVector<f64>> = rows.iter().map(|row| row.component_mul(&weights)).collect();
        let mean = rows.iter().fold(DVector::zeros(width), |sum: DVector<f64>, row| sum + row) / n;
        let mut covariance = DMatrix::<f64>::zeros(width, width);
        for row in &rows {
            let centred = row - &mean;
            covariance.ger(1.0 / n, &centred, &centred, 1.0);
        }
        let eigen = covariance.symmetric_eigen();
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let values: Vec<f64> = order.iter().map(|index| eigen.eigenvalues[*index].max(0.0)).collect();
        let kept = kept(&values, options.components);
        let component = |index: &usize| eigen.eigenvectors.column(*index).iter().copied().collect();
        Pca {
            options,
            idf,
            mean: mean.iter().copied().collect(),
            components: order.iter().take(kept).map(component).collect(),
            threshold: q_statistic(values.get(kept..).unwrap_or_default(), options.c_alpha),
        }
    }

    /// Squared residual above which a row is an anomaly.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The residual of a row of keys.
    pub fn residual(&self, keys: &[Token]) -> Residual {
        self.residual_of(each(keys))
    }

    /// The residual of keys that were counted; a key may come more than once.
    pub fn residual_of(&self, keys: impl IntoIterator<Item = (Token, usize)>) -> Residual {
        let mut row = counts(keys, self.mean.len(), self.options.unseen);
        row.component_mul_assign(&DVector::from_column_slice(&self.idf));
        row -= DVector::from_column_slice(&self.mean);
        let mut left = row.clone();
        for component in self.components.iter().map(|component| DVector::from_column_slice(component)) {
            left.axpy(-row.dot(&component), &component, 1.0);
        }
        let squared = left.norm_squared();
        let mut shares: Vec<(Token, f64)> = (0..).map(Token).zip(left.iter().map(|x| x * x / squared)).collect();
        shares.retain(|(_, share)| *share > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Residual { squared, shares }
    }

    /// The finding of a row, at the first line of the key that stands out most; its score is the residual in thresholds.
    pub fn judge(&self, keys: &[Token]) -> Option<Finding> {
        let residual = self.residual(keys);
        if keys.is_empty() || residual.squared <= self.threshold {
            return None;
        }
        let key = residual.shares.first().map_or(Token::END, |(key, _)| *key);
        let position = keys.iter().position(|other| *other == key).unwrap_or(keys.len() - 1);
        let score = (residual.squared / self.threshold.max(ROUNDING)) as f32;
        let expected = residual.shares.iter().skip(1).take(4).map(|(key, _)| *key).collect();
        Some(Finding { position, kind: Kind::UnusualCounts, score, expected, seen: key })
    }
}

/// How many of the values, the greatest first, to keep.
fn kept(values: &[f64], components: Components) -> usize {
    match components {
        Components::Count(count) => count.min(values.len()),
        Components::Share(share) => {
            let total: f64 = values.iter().sum();
            let mut sum = 0.0;
            let reached = values.iter().position(|value| {
                sum += value;
                sum >= share * total
            });
            reached.map_or(values.len(), |last| last + 1)
        }
    }
}

/// The threshold of the squared residual from the variances that were left out.
fn q_statistic(left_out: &[f64], c_alpha: f64) -> f64 {
    let phi = |power: i32| left_out.iter().map(|value| value.powi(power)).sum::<f64>();
    let (phi1, phi2, phi3) = (phi(1), phi(2), phi(3));
    if phi2 <= ROUNDING * ROUNDING {
        return ROUNDING;
    }
    let h0 = 1.0 - 2.0 * phi1 * phi3 / (3.0 * phi2 * phi2);
    let inner = c_alpha * (2.0 * phi2 * h0 * h0).sqrt() / phi1 + 1.0 + phi2 * h0 * (h0 - 1.0) / (phi1 * phi1);
    let q = phi1 * inner.powf(1.0 / h0);
    // With h0 near 0 the formula breaks down; the normal approximation of the residual's mean and variance does not.
    if q.is_finite() && q > 0.0 { q } else { phi1 + c_alpha * (2.0 * phi2).sqrt() }
}

/// Windows of time over lines: ranges of their indices. The first one begins with the first line; each next one at the first line
/// `step_us` or more later, and holds what is less than `window_us` after its beginning. Times must not fall.
pub fn time_windows(times: &[i64], window_us: i64, step_us: i64) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let mut start = 0;
    while let Some(begin) = times.get(start).copied() {
        let end = times.partition_point(|time| *time < begin.saturating_add(window_us.max(1)));
        windows.push(start..end.max(start + 1));
        let next = begin.saturating_add(step_us.max(1));
        start = times.partition_point(|time| *time < next).max(start + 1);
        if end >= times.len() {
            break;
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(keys: &[u32]) -> Vec<Token> {
        keys.iter().copied().map(Token).collect()
    }

    /// Sessions in which keys 3 and 4 come equally often, and 5 now and then.
    fn normal() -> Vec<Vec<Token>> {
        (0..200).map(|n| tokens(&[[3, 4].repeat(1 + n % 5), vec![5; usize::from(n % 7 == 0)]].concat())).collect()
    }

    fn fitted() -> Pca {
        let plain = Options { tf_idf: false, components: Components::Count(1), ..Options::default() };
        Pca::fit(normal().iter().map(Vec::as_slice), 7, plain)
    }

    #[test]
    fn what_breaks_the_relation_stands_out_with_its_key() {
        let pca = fitted();
        let alarms = normal().iter().filter(|keys| pca.judge(keys).is_some()).count();
        assert!(alarms < 10, "{alarms} alarms in normal sessions");
        let found = pca.judge(&tokens(&[3, 4, 3, 4, 4, 4, 4, 4, 4])).unwrap();
        assert_eq!(found.kind, Kind::UnusualCounts);
        assert!(found.seen == Token(4) || found.seen == Token(3));
        let shares = pca.residual(&tokens(&[3, 4, 5, 5, 5, 5, 5, 5])).shares;
        assert_eq!(shares[0].0, Token(5));
        assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn without_residual_any_is_an_anomaly() {
        let rows = vec![tokens(&[3, 4]); 5];
        let pca = Pca::fit(rows.iter().map(Vec::as_slice), 6, Options::default());
        assert!(pca.judge(&tokens(&[3, 4])).is_none());
        let plain = Options { tf_idf: false, ..Options::default() };
        let pca = Pca::fit(rows.iter().map(Vec::as_slice), 6, plain);
        assert!(pca.judge(&tokens(&[3, 4])).is_none());
        assert!(pca.judge(&tokens(&[3, 4, 5])).is_some());
    }

    /// One dropped variance v: h0 = 1/3, so that the statistic is that of a scaled χ² by Wilson and Hilferty.
    #[test]
    fn the_threshold_is_that_of_the_formula() {
        let q = q_statistic(&[2.0], 3.2905);
        let expected = 2.0 * (3.2905 * (2.0_f64 / 9.0).sqrt() + 1.0 - 2.0 / 9.0).powi(3);
        assert!((q - expected).abs() < 1e-9, "{q} {expected}");
    }

    #[test]
    fn windows_begin_at_lines() {
        let times = [0, 1, 5, 6, 20, 21];
        assert_eq!(time_windows(&times, 6, 5), [0..3, 2..4, 4..6]);
        assert!(time_windows(&[], 6, 5).is_empty());
    }

    proptest! {
        #[test]
        fn every_line_is_in_a_window(mut times in prop::collection::vec(0i64..100, 1..40), step in 1i64..20, more in 0i64..20) {
            times.sort_unstable();
            let windows = time_windows(&times, step + more, step);
            for line in 0..times.len() {
                prop_assert!(windows.iter().any(|window| window.contains(&line)), "{line} {windows:?}");
            }
        }

        #[test]
        fn no_rows_panic(rows in prop::collection::vec(prop::collection::vec(0u32..9, 0..9), 0..9), keys in prop::collection::vec(0u32..20, 0..9)) {
            let rows: Vec<Vec<Token>> = rows.iter().map(|keys| tokens(keys)).collect();
            let pca = Pca::fit(rows.iter().map(Vec::as_slice), 9, Options { unseen: true, ..Options::default() });
            prop_assert!(pca.threshold() > 0.0);
            let _ = pca.judge(&tokens(&keys));
        }
    }
}
