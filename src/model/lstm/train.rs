//! The training loop.

use super::adam::Adam;
use super::loss::{cross_entropy, squared_error};
use super::network::{Input, Network};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Samples whose gradients are computed together. Fixed, so that sums have one order whatever the number of threads.
const SHARD: usize = 128;

/// Inputs of samples, each of its own number of steps.
#[derive(Clone, Debug)]
pub enum Samples {
    /// Tokens, one a step.
    Tokens(Vec<Vec<u32>>),
    /// Values, a matrix of inputs × steps a sample.
    Values(Vec<DMatrix<f32>>),
}

/// What each sample should give, which also says the loss.
#[derive(Clone, Debug)]
pub enum Targets {
    /// The class of each sample: cross-entropy of the softmax of the outputs.
    Classes(Vec<u32>),
    /// The outputs of each sample, a column each: mean squared error.
    Values(DMatrix<f32>),
}

/// Samples with targets and weights.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Inputs.
    pub samples: Samples,
    /// Targets, as many.
    pub targets: Targets,
    /// How often each sample counts.
    pub weights: Vec<f32>,
}

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Most passes over the samples.
    pub epochs: usize,
    /// Samples a step of the optimizer.
    pub batch: usize,
    /// Learning rate.
    pub rate: f32,
    /// Epochs without a better validation loss after which it stops; none: never.
    pub early_stop: Option<usize>,
    /// Seed of shuffling and dropout.
    pub seed: u64,
    /// Whether the order of samples changes with each epoch.
    pub shuffle: bool,
    /// Threads; the result does not depend on it.
    pub threads: usize,
}

/// Figures of one epoch. Accuracies are 0 where values are predicted; validation figures are those of training without a
/// validation part.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Mean loss in training.
    pub loss: f64,
    /// Share of right first guesses in training.
    pub accuracy: f64,
    /// Mean loss on the validation part.
    pub val_loss: f64,
    /// Share of right first guesses there.
    pub val_accuracy: f64,
}

/// Training that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// There is nothing to learn from.
    #[error("there is no sample to train on; give more or longer sessions")]
    NoSample,
    /// The loss is no number any more.
    #[error("the loss became {loss} in epoch {epoch}; lower the learning rate")]
    Diverged {
        /// The epoch.
        epoch: usize,
        /// The loss.
        loss: f64,
    },
}

/// Sums over samples: loss, right first guesses, weights.
#[derive(Copy, Clone, Default)]
struct Sums {
    loss: f64,
    right: f64,
    weight: f64,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.loss += other.loss;
        self.right += other.right;
        self.weight += other.weight;
    }

    fn means(&self) -> (f64, f64) {
        let weight = if self.weight > 0.0 { self.weight } else { 1.0 };
        (self.loss / weight, self.right / weight)
    }
}

/// Trains until the last epoch or until validation gets no better, then puts the best weights back. `progress` hears of each
/// epoch and says whether to go on.
///
/// # Errors
/// Without samples, or when the loss is no number.
pub fn train(
    network: &mut Network,
    training: &Batch,
    validation: &Batch,
    settings: &Training,
    progress: &mut dyn FnMut(&Epoch) -> bool,
) -> Result<Vec<Epoch>, TrainingError> {
    if training.weights.is_empty() {
        return Err(TrainingError::NoSample);
    }
    let mut random = StdRng::seed_from_u64(settings.seed);
    let mut optimizer = Adam::new(network, settings.rate);
    let mut history: Vec<Epoch> = Vec::new();
    let mut best = (f64::INFINITY, 0, network.clone());
    for epoch in 1..=settings.epochs {
        let mut sums = Sums::default();
        for (number, indices) in batches(training, settings, &mut random).iter().enumerate() {
            let seed = settings.seed ^ ((epoch as u64) << 32 | number as u64);
            let (gradient, batch) = gradient(network, training, indices, settings, seed);
            if let Some(gradient) = gradient {
                optimizer.step(network, &gradient);
            }
            sums.add(batch);
        }
        let (loss, accuracy) = sums.means();
        let (val_loss, val_accuracy) = if validation.weights.is_empty() {
            (loss, accuracy)
        } else {
            measure(network, validation, settings).means()
        };
        if !loss.is_finite() || !val_loss.is_finite() {
            return Err(TrainingError::Diverged { epoch, loss });
        }
        let figures = Epoch { epoch, loss, accuracy, val_loss, val_accuracy };
        history.push(figures);
        if val_loss < best.0 {
            best = (val_loss, epoch, network.clone());
        }
        let stale = settings.early_stop.is_some_and(|patience| epoch - best.1 >= patience);
        if !progress(&figures) || stale {
            break;
        }
    }
    *network = best.2;
    Ok(history)
}

/// Indices of samples, batch by batch: samples of one batch have the same number of steps.
fn batches(training: &Batch, settings: &Training, random: &mut StdRng) -> Vec<Vec<usize>> {
    let mut by_steps: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..training.weights.len() {
        by_steps.entry(training.samples.steps(index)).or_default().push(index);
    }
    by_steps.remove(&0);
    let mut batches = Vec::new();
    for mut indices in by_steps.into_values() {
        if settings.shuffle {
            indices.shuffle(random);
        }
        batches.extend(indices.chunks(settings.batch.max(1)).map(<[usize]>::to_vec));
    }
    if settings.shuffle {
        batches.shuffle(random);
    }
    batches
}

/// Gradient of the mean loss over a batch, and its sums.
fn gradient(
    network: &Network,
    training: &Batch,
    indices: &[usize],
    settings: &Training,
    seed: u64,
) -> (Option<Network>, Sums) {
    // By the mean weight of all samples, not of this batch: rare samples are not to gain by their company.
    let mean = training.weights.iter().sum::<f32>() / training.weights.len().max(1) as f32;
    let scale = 1.0 / (mean * indices.len() as f32).max(f32::MIN_POSITIVE);
    let shards: Vec<&[usize]> = indices.chunks(SHARD).collect();
    let one = |(number, shard): (usize, &&[usize])| {
        let mut random = StdRng::seed_from_u64(seed ^ (number as u64).rotate_left(48));
        shard_gradient(network, training, shard, &mut random, scale)
    };
    let mut sum: Option<Network> = None;
    let mut sums = Sums::default();
    let numbered: Vec<_> = shards.iter().enumerate().collect();
    for round in numbered.chunks(settings.threads.max(1)) {
        for (gradient, shard) in in_parallel(round, &one) {
            sums.add(shard);
            match &mut sum {
                Some(sum) => sum.add(&gradient),
                None => sum = Some(gradient),
            }
        }
    }
    (sum, sums)
}

/// Applies `work` to each item on its own thread and gives the results in order.
fn in_parallel<I: Copy + Sync + Send, O: Send>(items: &[I], work: &(impl Fn(I) -> O + Sync)) -> Vec<O> {
    match items {
        [only] => vec![work(*only)],
        _ => std::thread::scope(|scope| {
            let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || work(*item))).collect();
            // A panic ends the process (panic = "abort"), so no result is ever missing.
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        }),
    }
}

fn shard_gradient(
    network: &Network,
    training: &Batch,
    shard: &[usize],
    random: &mut StdRng,
    scale: f32,
) -> (Network, Sums) {
    let steps = shard.first().map_or(0, |index| training.samples.steps(*index));
    let input = training.samples.input(shard, steps);
    let mut pass = network.forward(&input, steps, Some(random));
    let (sums, mut doutput) = judge(pass.take_output(), training, shard);
    doutput *= scale;
    (network.backward(&input, &pass, doutput, steps), sums)
}

/// Sums of the loss over samples, without training.
fn measure(network: &Network, batch: &Batch, settings: &Training) -> Sums {
    let mut by_steps: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in 0..batch.weights.len() {
        by_steps.entry(batch.samples.steps(index)).or_default().push(index);
    }
    by_steps.remove(&0);
    let mut sums = Sums::default();
    for (steps, indices) in by_steps {
        let shards: Vec<&[usize]> = indices.chunks(SHARD).collect();
        for round in shards.chunks(settings.threads.max(1)) {
            let one = |shard: &[usize]| {
                let output = network.predict(&batch.samples.input(shard, steps), steps);
                judge(output, batch, shard).0
            };
            in_parallel(round, &one).into_iter().for_each(|shard| sums.add(shard));
        }
    }
    sums
}

/// Loss of outputs, and its gradient.
fn judge(output: DMatrix<f32>, batch: &Batch, indices: &[usize]) -> (Sums, DMatrix<f32>) {
    let weights: Vec<f32> = indices.iter().filter_map(|index| batch.weights.get(*index).copied()).collect();
    let (loss, right, doutput) = match &batch.targets {
        Targets::Values(values) => squared_error(output, &values.select_columns(indices), &weights),
        Targets::Classes(classes) => {
            let classes: Vec<u32> = indices.iter().filter_map(|index| classes.get(*index).copied()).collect();
            cross_entropy(output, &classes, &weights)
        }
    };
    (Sums { loss, right, weight: weights.iter().copied().map(f64::from).sum() }, doutput)
}

impl Samples {
    /// Steps of a sample.
    fn steps(&self, index: usize) -> usize {
        match self {
            Samples::Tokens(rows) => rows.get(index).map_or(0, Vec::len),
            Samples::Values(rows) => rows.get(index).map_or(0, DMatrix::ncols),
        }
    }

    /// The input of some samples, all of `steps` steps.
    pub fn input(&self, indices: &[usize], steps: usize) -> Input {
        match self {
            Samples::Tokens(rows) => {
                let rows: Vec<&Vec<u32>> = indices.iter().filter_map(|index| rows.get(*index)).collect();
                Input::Tokens(
                    (0..steps).flat_map(|step| rows.iter().filter_map(move |row| row.get(step).copied())).collect(),
                )
            }
            Samples::Values(rows) => {
                let rows: Vec<&DMatrix<f32>> = indices.iter().filter_map(|index| rows.get(*index)).collect();
                let columns: Vec<_> =
                    (0..steps).flat_map(|step| rows.iter().map(move |row| row.column(step))).collect();
                Input::Values(DMatrix::from_columns(&columns))
            }
        }
    }
}
