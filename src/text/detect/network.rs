//! A trained network as a model of the next key, computed by the code that trained it.
//!
//! Used while training and in tests; the pipeline runs the exported file on ONNX Runtime, which gives the same probabilities.

use super::error::DetectError;
use super::next_key::NextKey;
use super::vocabulary::Token;
use super::windows::{WindowStyle, Windows};
use crate::model::lstm::{Network, Samples};
use std::collections::BTreeMap;

/// A network with what it must know of its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct NextKeyNetwork {
    /// Weights.
    pub network: Network,
    /// Longest history, in keys.
    pub history: usize,
    /// How its windows are cut.
    pub style: WindowStyle,
    /// Tokens of the vocabulary.
    pub width: usize,
}

/// Windows that are computed at once.
const BATCH: usize = 256;

impl NextKey for NextKeyNetwork {
    fn history(&self) -> usize {
        self.history
    }

    fn style(&self) -> WindowStyle {
        self.style
    }

    fn width(&self) -> usize {
        self.width
    }

    fn probabilities(&mut self, windows: &Windows, rows: &mut Vec<f32>) -> Result<(), DetectError> {
        let tokens: Vec<Vec<u32>> = windows.rows().map(numbers).collect();
        let mut by_steps: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, row) in tokens.iter().enumerate() {
            by_steps.entry(row.len()).or_default().push(index);
        }
        let samples = Samples::Tokens(tokens);
        let from = rows.len();
        rows.resize(from + windows.len() * self.width, 0.0);
        let rows = rows.get_mut(from..).unwrap_or_default();
        for (steps, indices) in by_steps.iter().filter(|(steps, _)| **steps > 0) {
            for indices in indices.chunks(BATCH) {
                let probabilities = self.network.probabilities(&samples.input(indices, *steps), *steps);
                for (column, index) in probabilities.column_iter().zip(indices) {
                    if let Some(row) = rows.get_mut(index * self.width..(index + 1) * self.width) {
                        row.copy_from_slice(column.clone_owned().as_slice());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The tokens of a window as plain numbers.
pub(super) fn numbers(row: &[Token]) -> Vec<u32> {
    row.iter().map(|token| token.0).collect()
}
