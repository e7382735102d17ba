//! The training loop: epochs over shuffled windows, a slower pace when the loss stands still, an end when it stays so, the
//! best parameters in the end.
//!
//! Everything random comes from the seed and the number of the epoch, so a run that was resumed from its last epoch ends with
//! the same model as one that was not stopped.

use super::course::{Course, Epoch, History};
use super::device::generator;
use super::loss::focal;
use super::net::{Net, NetConfig};
use super::{TrainError, checkpoint, export};
use crate::audit::hash::hash;
use crate::audit::label::Label;
use crate::model::labelled::Labelled;
use crate::model::labels::{FORMAT, LabelSpec};
use crate::model::samples::{Batch, Blur, Samples, UNSCORED, shuffled};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;

/// Windows of a validation batch.
const VALIDATION_BATCH: usize = 128;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Sizes of the network.
    pub net: NetConfig,
    /// Events in a window.
    pub window: usize,
    /// Events between the starts of training windows.
    pub stride: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Windows in a batch.
    pub batch: usize,
    /// First pace.
    pub learning_rate: f64,
    /// Epochs without a better validation loss before training ends.
    pub patience: usize,
    /// Epochs without one before the pace is cut.
    pub plateau: usize,
    /// What it is cut to.
    pub plateau_factor: f64,
    /// Focus of the loss on what is wrong.
    pub gamma: f64,
    /// Share of the training part, at its end in time, that is for validation.
    pub validation: f64,
    /// Share of the numbers that training makes unknown.
    pub forget: f64,
    /// Share of the windows in which one kind of action is hidden from training.
    pub hide: f64,
    /// Occurrences that a value needs for a number of its own.
    pub min_count: usize,
    /// Start of all that is random.
    pub seed: u64,
}

impl Settings {
    /// The defaults for these sizes; the paper's where they are not ours to choose (`k8ntext.md` section 5.3).
    pub fn new(net: NetConfig) -> Settings {
        Settings {
            net,
            window: 60,
            stride: 15,
            epochs: 40,
            batch: 32,
            learning_rate: 0.004,
            patience: 8,
            plateau: 4,
            plateau_factor: 0.1,
            gamma: 2.0,
            validation: 0.1,
            forget: 0.01,
            hide: 0.25,
            min_count: 3,
            seed: 1,
        }
    }
}

/// A trained model.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network with its best parameters.
    pub net: Net,
    /// Its description.
    pub spec: LabelSpec,
    /// Its file.
    pub onnx: Vec<u8>,
    /// How it went.
    pub history: History,
}

/// Where progress goes, and where the run is kept.
pub struct Watch<'w> {
    /// Is told of batches: epoch, batches done, batches in an epoch, loss so far.
    pub batch: &'w mut dyn FnMut(usize, usize, usize, f64),
    /// Is told of epochs; false stops the run.
    pub epoch: &'w mut dyn FnMut(&Epoch) -> bool,
    /// Folder of the checkpoints.
    pub checkpoints: Option<PathBuf>,
}

/// Trains on the events in `part`.
///
/// # Errors
/// [`TrainError`] when there is too little to learn from, and when a checkpoint cannot be used.
pub fn train(
    data: &Labelled,
    part: &[Range<usize>],
    settings: &Settings,
    device: &Device,
    watch: Watch<'_>,
) -> Result<Trained, TrainError> {
    let (fitted, validated) = split(part, settings.validation);
    let labels = data.classes(&fitted);
    let vocabularies = data.table.vocabularies(&fitted, settings.min_count, &labels);
    let sizes: Vec<usize> = vocabularies.iter().map(|vocabulary| vocabulary.size()).collect();
    let samples = Samples::new(data, &vocabularies, &labels, settings.window);
    let starts = samples.starts(&fitted, settings.stride);
    let validation = samples.starts(&validated, settings.window);
    if starts.is_empty() || labels.len() < 2 {
        let message = format!("{} windows with {} labels are too few to learn from", starts.len(), labels.len() - 1);
        return Err(TrainError::Data(message));
    }
    let _generator = generator();
    device.seed(settings.seed);
    let net = Net::new(&settings.net, &sizes, &labels, &device.clone().autodiff());
    let run = Run { settings, samples, starts, validation, device: device.clone().autodiff() };
    let (net, history) = run.train(net, watch)?;
    let mut spec = LabelSpec {
        format: FORMAT,
        version: String::new(),
        architecture: settings.net.name(),
        features: settings.net.features,
        vocabularies,
        labels,
        window: settings.window,
        training_data: format!("{:016x}", data.hash),
    };
    let unnamed = export::export(&net, &spec)?;
    let digest = xxhash_rust::xxh3::xxh3_64(&unnamed);
    spec.version = format!("{}-{:08x}", spec.architecture, digest >> 32);
    let onnx = export::export(&net, &spec)?;
    Ok(Trained { net, spec, onnx, history })
}

/// The last share of the events for validation, the others to learn from.
fn split(part: &[Range<usize>], share: f64) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let total: usize = part.iter().map(Range::len).sum();
    let mut left = total - (total as f64 * share.clamp(0.0, 0.9)) as usize;
    let (mut fitted, mut validated) = (Vec::new(), Vec::new());
    for range in part {
        let cut = range.start + range.len().min(left);
        left -= cut - range.start;
        fitted.push(range.start..cut);
        validated.push(cut..range.end);
    }
    let filled = |ranges: Vec<Range<usize>>| ranges.into_iter().filter(|range| !range.is_empty()).collect();
    (filled(fitted), filled(validated))
}

struct Run<'r> {
    settings: &'r Settings,
    samples: Samples,
    starts: Vec<usize>,
    validation: Vec<usize>,
    device: Device,
}

impl Run<'_> {
    fn train(&self, net: Net, watch: Watch<'_>) -> Result<(Net, History), TrainError> {
        let settings = self.settings;
        let mut course = Course { learning_rate: settings.learning_rate, ..Course::default() };
        let (mut net, mut best) = (net.clone(), net.valid());
        let mut optimizer = AdamConfig::new().with_epsilon(1e-7).init();
        if let Some(folder) = &watch.checkpoints
            && let Some(saved) = checkpoint::load(folder, &self.key(), &net, optimizer.clone())?
        {
            (course, net, best, optimizer) = saved;
        }
        while course.history.epochs.len() < settings.epochs && course.since_best < settings.patience {
            let started = std::time::Instant::now();
            let number = course.history.epochs.len() + 1;
            let seed = settings.seed ^ (number as u64) << 32;
            self.device.seed(seed);
            let mut loss = 0.0;
            let starts = shuffled(&self.starts, seed);
            let batches = starts.chunks(settings.batch.max(1));
            let count = batches.len();
            for (index, starts) in batches.enumerate() {
                let Settings { forget, hide, .. } = *settings;
                let blur = Blur { forget, hide, seed: seed ^ index as u64 };
                let batch = self.samples.batch(starts, Some(blur));
                let (ids, classes) = self.tensors(&batch, &self.device);
                let found = focal(net.forward(ids), classes, settings.gamma);
                loss += f64::from(found.clone().into_scalar::<f32>());
                let gradients = GradientsParams::from_grads(found.backward(), &net);
                net = optimizer.step(course.learning_rate, net, gradients);
                (watch.batch)(number, index + 1, count, loss / (index + 1) as f64);
            }
            let (validation_loss, validation_accuracy) = self.validate(&net.valid());
            let epoch = Epoch {
                epoch: number,
                loss: loss / count as f64,
                validation_loss,
                validation_accuracy,
                learning_rate: course.learning_rate,
                secs: started.elapsed().as_secs_f64(),
            };
            self.judge(&mut course, epoch, &net, &mut best);
            if let Some(folder) = &watch.checkpoints {
                checkpoint::save(folder, &self.key(), &course, &net, &best, &optimizer)?;
            }
            if !(watch.epoch)(&epoch) {
                return Err(TrainError::Stopped);
            }
        }
        Ok((best, course.history))
    }

    /// What a checkpoint must have been made with.
    fn key(&self) -> String {
        let settings = serde_json::to_string(self.settings).unwrap_or_default();
        format!("{:016x}", hash(&[&settings, &self.starts.len().to_string(), &self.samples.rows().len().to_string()]))
    }

    fn judge(&self, course: &mut Course, epoch: Epoch, net: &Net, best: &mut Net) {
        let known = course.history.epochs.get(course.history.best.wrapping_sub(1)).map(|e| e.validation_loss);
        course.history.epochs.push(epoch);
        if known.is_none_or(|known| epoch.validation_loss < known) {
            course.history.best = epoch.epoch;
            (course.since_best, course.since_cut) = (0, 0);
            *best = net.valid();
            return;
        }
        course.since_best += 1;
        course.since_cut += 1;
        if course.since_cut >= self.settings.plateau {
            course.learning_rate *= self.settings.plateau_factor;
            course.since_cut = 0;
        }
    }

    fn tensors(&self, batch: &Batch, device: &Device) -> (Tensor<3, Int>, Tensor<2, Int>) {
        let window = self.settings.window;
        let width = batch.ids.len() / (batch.windows * window).max(1);
        let ids = TensorData::new(batch.ids.clone(), [batch.windows, window, width]);
        let classes = TensorData::new(batch.classes.clone(), [batch.windows, window]);
        (Tensor::from_data(ids, device), Tensor::from_data(classes, device))
    }

    /// Loss and accuracy on the validation part; on the training part where there is none.
    fn validate(&self, net: &Net) -> (f64, f64) {
        let device = self.device.clone().inner();
        let starts = if self.validation.is_empty() { &self.starts } else { &self.validation };
        let (mut loss, mut weight, mut right, mut scored) = (0.0, 0.0, 0usize, 0usize);
        for starts in starts.chunks(VALIDATION_BATCH) {
            let batch = self.samples.batch(starts, None);
            let (ids, classes) = self.tensors(&batch, &device);
            let logits = net.forward(ids);
            let found: Vec<i64> = logits.clone().argmax(2).into_data().iter::<i64>().collect();
            let truth = batch.classes.iter().zip(found).filter(|(class, _)| **class != UNSCORED);
            let (known, good) =
                truth.fold((0, 0), |(known, good), (class, found)| (known + 1, good + usize::from(*class == found)));
            scored += known;
            right += good;
            loss += f64::from(focal(logits, classes, self.settings.gamma).into_scalar::<f32>()) * known as f64;
            weight += known as f64;
        }
        (loss / weight.max(1.0), right as f64 / scored.max(1) as f64)
    }
}

/// The label of each class, for those who only have a net.
pub fn label_names(labels: &[Label]) -> Vec<String> {
    labels.iter().map(Label::to_string).collect()
}
