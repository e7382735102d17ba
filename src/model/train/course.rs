//! How a training goes, epoch by epoch.

use serde::{Deserialize, Serialize};

/// What an epoch came to.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f64,
    /// Loss on the validation part.
    pub validation_loss: f64,
    /// Share of the validation positions that were right.
    pub validation_accuracy: f64,
    /// Pace.
    pub learning_rate: f64,
    /// How long it took.
    pub secs: f64,
}

/// All epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In order.
    pub epochs: Vec<Epoch>,
    /// Number of the best one.
    pub best: usize,
}

/// What the loop carries from epoch to epoch; a checkpoint holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Course {
    pub history: History,
    pub learning_rate: f64,
    pub since_best: usize,
    pub since_cut: usize,
}
