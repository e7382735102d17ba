//! `causeway train labels`: a model that says which kind of action set an event off.

use crate::cli::replay::stop_on_signals;
use crate::flow::labelled::read_labelled;
use crate::model::features::FeatureSet;
use crate::model::labelled::Labelled;
use crate::model::runtime;
use crate::model::train::run::Watch;
use crate::model::train::{
    Architecture, Epoch, Heads, NetConfig, Search, Settings, TrainError, Trained, Trial, device, train, tune,
};
use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Train a model that labels events by what set them off.
///
/// The events of the inputs need labels: `causeway label apply` writes them. The last part in time is kept for validation.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway train labels --output labels.onnx labelled.jsonl
  causeway train labels --architecture bilstm --stride 30 --output bilstm.onnx labelled/
  causeway train labels --checkpoints run1 --output labels.onnx labelled.jsonl      goes on where a stopped run ended
  causeway train labels --tune halving --trials 27 --output labels.onnx labelled.jsonl     finds its settings first")]
pub struct Labels {
    /// Where the model goes; its history goes beside it, as `.history.json`.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    net: NetArgs,
    /// Look for sizes, dropout and learning rate first, in the ranges of K8NTEXT's paper; all trials go to `.tuning.json`.
    #[arg(long, value_name = "SEARCH")]
    tune: Option<Search>,
    /// Trials of that search.
    #[arg(long, value_name = "N", default_value_t = 27, requires = "tune", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    trials: u32,
    /// Folder of checkpoints, one an epoch.
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Labelled audit lines: files, folders, globs.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
}

/// How to train, on the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct NetArgs {
    /// The network.
    #[arg(long, value_enum, default_value_t = Architecture::Tcn)]
    pub architecture: Architecture,
    /// One head over all labels, or the paper's five over their parts.
    #[arg(long, value_enum, default_value_t = Heads::One)]
    pub heads: Heads,
    /// The columns.
    #[arg(long, value_enum, default_value_t = FeatureSet::Linked)]
    pub features: FeatureSet,
    /// Events in a window.
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub window: usize,
    /// Events between the starts of training windows.
    #[arg(long, default_value_t = 15, value_name = "N")]
    pub stride: usize,
    /// Most epochs.
    #[arg(long, default_value_t = 40, value_name = "N")]
    pub epochs: usize,
    /// Windows in a batch.
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub batch: usize,
    /// First learning rate.
    #[arg(long, default_value_t = 0.004, value_name = "RATE")]
    pub learning_rate: f64,
    /// Channels, or units a direction of the first layer [default: 64; of the paper's network: 156 and 117].
    #[arg(long, value_name = "N")]
    pub units: Option<usize>,
    /// Width of a column's embedding.
    #[arg(long, default_value_t = 6, value_name = "N")]
    pub embedding: usize,
    /// Share of values dropped in training.
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    pub dropout: f64,
    /// Share of the events, the last in time, that is for validation.
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    pub validation: f64,
    /// Start of everything random: the same seed gives the same model.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// What to compute on.
    #[arg(long, value_enum, default_value_t = On::Auto)]
    pub device: On,
}

/// Devices on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// A GPU where one can be used.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU.
    Cuda,
}

impl NetArgs {
    /// The device for training.
    pub fn device(&self) -> Result<Device> {
        Ok(device(match self.device {
            On::Auto => runtime::Device::Auto,
            On::Cpu => runtime::Device::Cpu,
            On::Cuda => runtime::Device::Cuda,
        })?)
    }

    /// The settings of a run.
    pub fn settings(&self) -> Settings {
        let paper = self.architecture == Architecture::Bilstm;
        let units = self.units.unwrap_or(if paper { 156 } else { 64 });
        let net = NetConfig {
            architecture: self.architecture,
            heads: self.heads,
            features: self.features,
            embedding: self.embedding,
            units,
            units_2: units * 3 / 4,
            dropout: self.dropout,
        };
        Settings {
            window: self.window,
            stride: self.stride,
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate,
            validation: self.validation,
            seed: self.seed,
            ..Settings::new(net)
        }
    }
}

impl Labels {
    /// Trains, and writes the model and its history.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let device = self.net.device()?;
        let data = read_labelled(&self.inputs, self.net.features)?;
        tracing::info!("{} events in {} streams", data.len(), data.segments.len());
        let stop = stop_on_signals()?;
        let settings = match self.tune {
            Some(search) => self.search(search, &data, &device, &stop, out)?,
            None => self.net.settings(),
        };
        let bar = bar();
        let trained = run(&data, &settings, &device, (&bar, &stop), self.checkpoints.clone())?;
        bar.finish_and_clear();
        let written = |path: &PathBuf| format!("cannot write {}", path.display());
        std::fs::write(&self.output, &trained.onnx).with_context(|| written(&self.output))?;
        let history = self.output.with_extension("history.json");
        let text = serde_json::to_string_pretty(&trained.history)? + "\n";
        std::fs::write(&history, text).with_context(|| written(&history))?;
        let best = trained.history.epochs.get(trained.history.best.saturating_sub(1));
        writeln!(
            out,
            "{}: model {} with {} labels, {} kB; best of {} epochs: {}",
            self.output.display(),
            trained.spec.version,
            trained.spec.labels.len() - 1,
            trained.onnx.len() / 1024,
            trained.history.epochs.len(),
            best.map(told).unwrap_or_default()
        )?;
        Ok(())
    }
}

impl Labels {
    /// Looks for settings, writes all trials down, and tells the best.
    fn search(
        &self,
        search: Search,
        data: &Labelled,
        device: &Device,
        stop: &AtomicBool,
        out: &mut impl Write,
    ) -> Result<Settings> {
        let base = self.net.settings();
        let bar = bar();
        let trials = tune(&base, search, self.trials as usize, |trial, round, settings| {
            bar.suspend(|| eprintln!("trial {trial}, round {round}: {}", searched(settings)));
            let trained = run(data, settings, device, (&bar, stop), None)?;
            let accuracies = trained.history.epochs.iter().map(|epoch| epoch.validation_accuracy);
            Ok::<f64, TrainError>(accuracies.fold(0.0, f64::max))
        })?;
        bar.finish_and_clear();
        let path = self.output.with_extension("tuning.json");
        std::fs::write(&path, serde_json::to_string_pretty(&trials)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        for Trial { trial, settings, validation_accuracy } in trials.iter().take(4) {
            writeln!(out, "trial {trial}: validation accuracy {validation_accuracy:.4}, {}", searched(settings))?;
        }
        Ok(trials.into_iter().next().map_or(base, |best| best.settings))
    }
}

/// What a search decides, in words.
fn searched(settings: &Settings) -> String {
    let Settings { net: NetConfig { units, units_2, dropout, .. }, learning_rate, epochs, .. } = settings;
    format!("units {units} and {units_2}, dropout {dropout}, learning rate {learning_rate}, {epochs} epochs")
}

/// Trains with progress, until told to stop.
fn run(
    data: &Labelled,
    settings: &Settings,
    device: &Device,
    (bar, stop): (&ProgressBar, &AtomicBool),
    checkpoints: Option<PathBuf>,
) -> Result<Trained, TrainError> {
    let watch = Watch {
        batch: &mut |epoch, done, of, loss| {
            bar.set_length((settings.epochs * of) as u64);
            bar.set_position(((epoch - 1) * of + done) as u64);
            bar.set_message(format!("epoch {epoch}, loss {loss:.4}"));
        },
        epoch: &mut |epoch| {
            bar.suspend(|| eprintln!("{}", told(epoch)));
            !stop.load(Ordering::Relaxed)
        },
        checkpoints,
    };
    train(data, &data.segments, settings, device, watch)
}

/// An epoch in words.
pub fn told(epoch: &Epoch) -> String {
    format!(
        "epoch {}: loss {:.4}, validation loss {:.4}, accuracy {:.4}, {:.1} s",
        epoch.epoch, epoch.loss, epoch.validation_loss, epoch.validation_accuracy, epoch.secs
    )
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{wide_bar}] {pos}/{len} batches, {eta} left") {
        bar.set_style(style);
    }
    bar
}
