//! The robust baseline: how many deviations a number lies from the median.

use super::column::{Column, median, number};
use super::rows::Row;
use serde::{Deserialize, Serialize};

/// Deviations of a normal distribution in one median absolute deviation.
const MAD_TO_SD: f64 = 1.4826;

/// Median and spread of one column, with the greatest distance that is normal.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Robust {
    /// The column; 0 is the elapsed time.
    pub column: usize,
    /// Its median.
    pub median: f64,
    /// Its spread: the median absolute deviation as a standard deviation, or the mean absolute deviation where that is 0.
    pub spread: f64,
    /// Distance from the median, in spreads, above which a value is an anomaly.
    pub limit: f64,
}

impl Robust {
    /// Of each column of numbers: spread from training rows, limit from the quantile `alpha` of validation rows.
    pub(super) fn fit(columns: &[Column], training: &[Row], validation: &[Row], alpha: f64) -> Vec<Robust> {
        let numbers = |rows: &[Row], column| rows.iter().filter_map(|row| number(row, column)).collect::<Vec<f64>>();
        let robust = |(column, _): (usize, &Column)| {
            let values = numbers(training, column);
            let median_value = median(&values);
            let distances: Vec<f64> = values.iter().map(|value| (value - median_value).abs()).collect();
            let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
            let mad = MAD_TO_SD * median(&distances);
            let mut robust =
                Robust { column, median: median_value, spread: if mad > 0.0 { mad } else { mean }, limit: 0.0 };
            let scores: Vec<f64> =
                numbers(validation, column).into_iter().map(|value| robust.distance(value)).collect();
            robust.limit = quantile(&scores, alpha).max(LEAST_LIMIT);
            robust
        };
        columns.iter().enumerate().filter(|(_, column)| matches!(column, Column::Number { .. })).map(robust).collect()
    }

    /// Distance of a value from the median, in spreads.
    pub fn distance(&self, value: f64) -> f64 {
        (value - self.median).abs() / self.spread.max(f64::MIN_POSITIVE)
    }
}

/// No value within so many spreads is an anomaly.
const LEAST_LIMIT: f64 = 4.0;

/// The smallest value that a share of `alpha` does not exceed; 0 without values.
pub(super) fn quantile(values: &[f64], alpha: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (alpha.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}
