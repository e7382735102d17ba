//! The model of one key: network, scaler, threshold, baseline.

use super::column::{Column, columns, number};
use super::robust::{Robust, quantile};
use super::rows::{Row, ValuesError};
use crate::model::lstm::{Batch, Network, Samples, Shape, Targets, Training, train};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// Rows beyond a window that are needed at least.
const ROWS_BEYOND_WINDOW: usize = 30;

/// How to train; the defaults are the DeepLog trainer's, but for `alpha`.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Rows a window, the predicted one included.
    pub window: usize,
    /// Units of each LSTM layer.
    pub units: Vec<usize>,
    /// Share of rows to train on, and the share up to which errors are measured for the threshold.
    pub ratios: (f64, f64),
    /// Share of normal errors that are to lie below the threshold.
    pub alpha: f64,
    /// Whether the predicted elapsed time counts as an error too; it is given to the network.
    pub score_elapsed: bool,
    /// Epochs, batch, rate, seed.
    pub training: Training,
}

impl Default for Options {
    fn default() -> Options {
        let training =
            Training { epochs: 100, batch: 16, rate: 0.001, early_stop: Some(7), seed: 1, shuffle: false, threads: 1 };
        Options { window: 5, units: vec![64, 64], ratios: (0.5, 0.75), alpha: 0.99, score_elapsed: false, training }
    }
}

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueModel {
    /// Rows a window.
    pub window: usize,
    /// The elapsed time and the parameters.
    pub columns: Vec<Column>,
    /// Mean and standard deviation of the squared errors on rows that were not trained on.
    pub errors: (f64, f64),
    /// Squared error above which a row is an anomaly.
    pub threshold: f64,
    /// The baseline.
    pub robust: Vec<Robust>,
    units: Vec<usize>,
    score_elapsed: bool,
    weights: Vec<f32>,
}

/// What is wrong with a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueKind {
    /// The network expected something else.
    Unpredicted,
    /// A number far from the median.
    FarFromMedian,
    /// A category that training never saw.
    UnseenCategory,
    /// Text where numbers were.
    NotANumber,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueFinding {
    /// Index of the row.
    pub row: usize,
    /// What it is.
    pub kind: ValueKind,
    /// The column; 0 is the elapsed time. For the network, the one with the greatest error.
    pub column: usize,
    /// Error or distance in thresholds, above 1; 1 where there is none to measure.
    pub score: f64,
    /// What would have been usual.
    pub expected: String,
    /// What stands there.
    pub seen: String,
}

impl ValueModel {
    /// Trains on rows of one key, in their order.
    ///
    /// # Errors
    /// [`ValuesError`]: too few rows, rows of several keys, numbers that are not finite, or nothing that varies.
    pub fn fit(rows: &[Row], options: &Options) -> Result<ValueModel, ValuesError> {
        let window = options.window.max(2);
        let (first, second) = options.ratios;
        if !(first > 0.0 && first < second && second <= 1.0) {
            return Err(ValuesError::Ratios(first, second));
        }
        let needed = window + ROWS_BEYOND_WINDOW;
        if rows.len() < needed {
            return Err(ValuesError::TooFew { rows: rows.len(), needed, window });
        }
        columns(rows)?;
        let at = |share: f64| ((rows.len() as f64 * share) as usize).clamp(window, rows.len());
        let training = rows.get(..at(first)).unwrap_or_default();
        let validation = rows.get(at(first)..at(second)).filter(|part| part.len() >= window).unwrap_or(training);
        let columns = columns(training)?;
        let numbers = columns.iter().filter(|column| matches!(column, Column::Number { .. })).count();
        if numbers == 0 && !columns.iter().any(|column| matches!(column, Column::Category(_))) {
            return Err(ValuesError::NoColumn);
        }
        let mut model = ValueModel {
            window,
            robust: Robust::fit(&columns, training, validation, options.alpha),
            columns,
            errors: (0.0, 0.0),
            threshold: f64::INFINITY,
            units: options.units.clone(),
            score_elapsed: options.score_elapsed,
            weights: Vec::new(),
        };
        if numbers > 0 {
            let mut network = Network::new(&model.shape(), &mut StdRng::seed_from_u64(options.training.seed));
            let (training, validation_batch) = (model.windows(training), model.windows(validation));
            train(&mut network, &training, &validation_batch, &options.training, &mut |_| true)?;
            model.weights = network.flat();
            let errors: Vec<f64> = model.squared_errors(validation).into_iter().map(|(_, error, _)| error).collect();
            let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
            let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / errors.len().max(1) as f64;
            model.errors = (mean, variance.sqrt());
            model.threshold = quantile(&errors, options.alpha);
        }
        Ok(model)
    }

    fn shape(&self) -> Shape {
        let inputs = self.numbers().len();
        Shape { inputs, lstm: self.units.clone(), dense: Vec::new(), outputs: inputs, dropout: 0.2 }
    }

    /// The columns of numbers.
    fn numbers(&self) -> Vec<usize> {
        let number = |(index, column): (usize, &Column)| matches!(column, Column::Number { .. }).then_some(index);
        self.columns.iter().enumerate().filter_map(number).collect()
    }

    /// A row as the network sees it.
    fn scaled(&self, row: &Row) -> Vec<f32> {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(index, column)| column.scaled(number(row, index).filter(|x| x.is_finite()))).collect()
    }

    /// Windows: all rows but the last as they are, then one with the last row's elapsed time and zeros; the target is the last row.
    fn windows(&self, rows: &[Row]) -> Batch {
        let scaled: Vec<Vec<f32>> = rows.iter().map(|row| self.scaled(row)).collect();
        let elapsed = usize::from(matches!(self.columns.first(), Some(Column::Number { .. })));
        let mut samples = Vec::new();
        let mut targets = Vec::new();
        for window in scaled.windows(self.window) {
            let Some((last, before)) = window.split_last() else { continue };
            let given = last.iter().enumerate().map(|(index, value)| if index < elapsed { *value } else { 0.0 });
            let values: Vec<f32> = before.iter().flatten().copied().chain(given).collect();
            samples.push(DMatrix::from_vec(last.len(), self.window, values));
            targets.extend_from_slice(last);
        }
        let inputs = scaled.first().map_or(0, Vec::len);
        let targets = DMatrix::from_vec(inputs, samples.len(), targets);
        Batch {
            weights: vec![1.0; samples.len()],
            samples: Samples::Values(samples),
            targets: Targets::Values(targets),
        }
    }

    /// Squared error of each row that has a whole window before it: index, mean over columns, and the column with the greatest one
    /// with what was predicted there.
    fn squared_errors(&self, rows: &[Row]) -> Vec<(usize, f64, (usize, f32))> {
        let Some(network) = Network::of_flat(&self.shape(), &self.weights) else { return Vec::new() };
        let batch = self.windows(rows);
        let Targets::Values(targets) = &batch.targets else { return Vec::new() };
        let numbers = self.numbers();
        let unscored = |column: usize| column == 0 && !self.score_elapsed && numbers.len() > 1;
        let mut errors = Vec::new();
        let indices: Vec<usize> = (0..batch.weights.len()).collect();
        for chunk in indices.chunks(256) {
            let predicted = network.predict(&batch.samples.input(chunk, self.window), self.window);
            for (column, index) in predicted.column_iter().zip(chunk) {
                let target = targets.column(*index);
                let parts = column.iter().zip(target.iter()).zip(&numbers).filter(|(_, number)| !unscored(**number));
                let parts: Vec<(f64, usize, f32)> =
                    parts.map(|((p, t), number)| (f64::from(p - t).powi(2), *number, *p)).collect();
                let mean = parts.iter().map(|(error, ..)| error).sum::<f64>() / parts.len().max(1) as f64;
                let worst = parts.iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or((0, 0.0), |(_, c, p)| (*c, *p));
                errors.push((index + self.window - 1, mean, worst));
            }
        }
        errors
    }

    /// The findings of rows of this key, in their order.
    pub fn judge(&self, rows: &[Row]) -> Vec<ValueFinding> {
        let mut found = Vec::new();
        for (row, error, (column, predicted)) in
            self.squared_errors(rows).into_iter().filter(|(_, e, _)| *e > self.threshold)
        {
            let expected = match self.columns.get(column) {
                Some(Column::Number { min, max, .. }) => format!("{:.6}", f64::from(predicted) * (max - min) + min),
                _ => String::new(),
            };
            let score = error / self.threshold.max(f64::MIN_POSITIVE);
            let seen = seen(rows, row, column);
            found.push(ValueFinding { row, kind: ValueKind::Unpredicted, column, score, expected, seen });
        }
        for (row, values) in rows.iter().enumerate() {
            found.extend(self.robust.iter().filter_map(|robust| {
                let value = number(values, robust.column).filter(|value| value.is_finite())?;
                let score = robust.distance(value) / robust.limit;
                (score > 1.0).then(|| ValueFinding {
                    row,
                    kind: ValueKind::FarFromMedian,
                    column: robust.column,
                    score,
                    expected: robust.median.to_string(),
                    seen: seen(rows, row, robust.column),
                })
            }));
            found.extend(self.columns.iter().enumerate().filter_map(|(column, kind)| {
                let (kind, expected) = match kind {
                    Column::Number { median, .. } if number(values, column).is_none_or(|x| !x.is_finite()) => {
                        (ValueKind::NotANumber, median.to_string())
                    }
                    Column::Category(known) if !known.contains(&seen(rows, row, column)) => {
                        (ValueKind::UnseenCategory, known.iter().take(5).cloned().collect::<Vec<_>>().join(", "))
                    }
                    _ => return None,
                };
                Some(ValueFinding { row, kind, column, score: 1.0, expected, seen: seen(rows, row, column) })
            }));
        }
        found.sort_by(|a, b| a.row.cmp(&b.row).then(b.score.total_cmp(&a.score)));
        found
    }
}

/// What stands in a column.
fn seen(rows: &[Row], row: usize, column: usize) -> String {
    let Some(row) = rows.get(row) else { return String::new() };
    match column.checked_sub(1) {
        None => row.elapsed_secs.to_string(),
        Some(param) => row.params.get(param).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
