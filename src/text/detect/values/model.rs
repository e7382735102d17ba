//! The model of one key: network, scaler, threshold, baseline.

use super::column::{Column, columns, finite};
use super::judge::seen;
use super::robust::{Robust, quantile};
use super::rows::{Row, ValuesError};
use super::said::Said;
use crate::model::lstm::{Batch, Network, Samples, Shape, Targets, Training, train};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

/// Rows beyond a window that are needed at least.
const ROWS_BEYOND_WINDOW: usize = 30;

/// Windows are predicted in multiples of so many. Products of whole tiles add up each column alike, so an error does not depend, not even
/// in its last bit, on which other rows are judged with it: a stream that is cut elsewhere gives the same findings.
const LANES: usize = 16;

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
        Options { window: 5, units: vec![64, 64], ratios: (0.5, 0.75), alpha: 0.999, score_elapsed: false, training }
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
    /// What people said of findings.
    #[serde(default)]
    pub(super) said: Said,
    units: Vec<usize>,
    score_elapsed: bool,
    weights: Vec<f32>,
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
            said: Said::default(),
            errors: (0.0, 0.0),
            // Not infinite: JSON has no such number.
            threshold: f64::MAX,
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
        self.columns.iter().enumerate().filter_map(|(index, column)| column.scaled(finite(row, index))).collect()
    }

    /// The baseline of a column.
    pub(super) fn robust(&self, column: usize) -> Option<&Robust> {
        self.robust.iter().find(|robust| robust.column == column)
    }

    /// Whether a row holds what the network never saw and people said is normal.
    fn is_excused(&self, row: &Row) -> bool {
        self.robust.iter().any(|robust| match finite(row, robust.column) {
            Some(value) => self.said.excuses(robust, value),
            None => self.said.knows(robust.column, &seen(row, robust.column)),
        })
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
    /// with what was predicted there. Of windows with a value that people said is normal the network, which never saw such, says nothing.
    pub(super) fn squared_errors(&self, rows: &[Row]) -> Vec<(usize, f64, (usize, f32))> {
        let Some(network) = Network::of_flat(&self.shape(), &self.weights) else { return Vec::new() };
        let batch = self.windows(rows);
        let Targets::Values(targets) = &batch.targets else { return Vec::new() };
        let numbers = self.numbers();
        let unscored = |column: usize| column == 0 && !self.score_elapsed && numbers.len() > 1;
        let mut errors = Vec::new();
        let indices: Vec<usize> = (0..batch.weights.len()).collect();
        for chunk in indices.chunks(16 * LANES) {
            let mut padded = chunk.to_vec();
            padded.resize(chunk.len().next_multiple_of(LANES), chunk.first().copied().unwrap_or_default());
            let predicted = network.predict(&batch.samples.input(&padded, self.window), self.window);
            for (column, index) in predicted.column_iter().zip(chunk) {
                let target = targets.column(*index);
                let window = rows.get(*index..index + self.window).unwrap_or_default();
                let Some(row) = window.last().filter(|_| !window.iter().any(|row| self.is_excused(row))) else {
                    continue;
                };
                let scored = |column: usize| !unscored(column) && finite(row, column).is_some();
                let parts = column.iter().zip(target.iter()).zip(&numbers).filter(|(_, number)| scored(**number));
                let parts: Vec<(f64, usize, f32)> =
                    parts.map(|((p, t), number)| (f64::from(p - t).powi(2), *number, *p)).collect();
                let mean = parts.iter().map(|(error, ..)| error).sum::<f64>() / parts.len().max(1) as f64;
                let worst = parts.iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or((0, 0.0), |(_, c, p)| (*c, *p));
                errors.push((index + self.window - 1, mean, worst));
            }
        }
        errors
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
