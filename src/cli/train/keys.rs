//! `causeway train keys`.

use super::draw_into;
use crate::cli::key_sessions::{By, read};
use crate::model::lstm::Training;
use crate::text::detect::choose::{Choice, Wanted};
use crate::text::detect::judge::ShortRule;
use crate::text::detect::sequence::KeySequence;
use crate::text::detect::train::{Options, Progress, Split, Trained, train_keys};
use crate::text::detect::windows::WindowStyle;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::PathBuf;

/// Share of the sessions that a way in a drawing was taken by at least.
const LEAST_DRAWN: f64 = 0.001;

/// Learn which log key comes next in normal sessions.
///
/// Writes one model file: an ONNX network with its vocabulary, its rules and a count model inside. Sessions that are labelled
/// abnormal are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway train keys --output keys.onnx hdfs_train                 two LSTM layers of 64 units, history 10
  causeway train keys --output keys.json --counts-only hdfs_train   the count model alone, in a second
  causeway train keys --output keys.onnx --by context tables        actions of audit events, from replayed tables
  causeway train keys --output keys.onnx --style seed004 data.json  windows and layers of the DeepLog trainer

Input is a file with one session of keys a line, CSV `Sequence,label`, the DeepLog trainer's data.json, or a folder of
tables. `g`, the number of keys that count as normal, is chosen on held-out sessions for the wanted share of false alarms.")]
pub struct Keys {
    /// Model file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Train the count model only; the file is JSON.
    #[arg(long)]
    counts_only: bool,
    /// How windows are cut.
    #[arg(long, value_enum, default_value_t = Style::EveryPosition)]
    style: Style,
    /// Keys of history; 9 with `seed004`, whose window of 10 ends in a mark.
    #[arg(long, value_name = "N")]
    history: Option<usize>,
    /// Units of each LSTM layer.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "64,64")]
    lstm: Vec<usize>,
    /// Units of each dense layer before the last; 256,128 with `seed004`.
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    dense: Option<Vec<usize>>,
    /// Most epochs; 60, or 50 with `seed004`.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Epochs without a better validation loss after which training stops; 0: never.
    #[arg(long, value_name = "N", default_value_t = 7)]
    early_stop: usize,
    /// Windows a step of the optimizer; 128, or 512 with `seed004`.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate; 0.003, or 0.001 with `seed004`.
    #[arg(long, value_name = "RATE")]
    rate: Option<f32>,
    /// Sessions with fewer keys are left out; 4 with `seed004`.
    #[arg(long, value_name = "N")]
    min_keys: Option<usize>,
    /// Parts that are held out in turn, so that `g` is chosen on all sessions and the model trained on all; 5 with `counts-only`.
    /// A network takes as many times longer, and once more.
    #[arg(long, value_name = "N", conflicts_with_all = ["held_out", "ratios"])]
    folds: Option<usize>,
    /// Hold out this share once instead; 0.2 for networks.
    #[arg(long, value_name = "SHARE", conflicts_with = "ratios")]
    held_out: Option<f64>,
    /// Train on the first sessions up to the first share, hold out those up to the second; 0.7,0.85 with `seed004`.
    #[arg(long, value_name = "TRAIN,END", value_parser = ratios)]
    ratios: Option<(f64, f64)>,
    /// Wanted share of normal sessions that are alarms.
    #[arg(long, value_name = "SHARE", default_value_t = 0.002)]
    false_alarms: f64,
    /// Fix `g` instead of choosing it; 9 with `seed004`.
    #[arg(short, value_name = "N")]
    g: Option<usize>,
    /// What becomes of closed sessions of at most `short-keys` keys.
    #[arg(long, value_enum, default_value_t = Short::Anomaly)]
    short: Short,
    /// Longest session that is short; as long as the history by default.
    #[arg(long, value_name = "N")]
    short_keys: Option<usize>,
    /// Judge ends too: the share of normal sessions whose end may be an alarm.
    #[arg(long, value_name = "SHARE")]
    unfinished: Option<f64>,
    /// Seed; the same one gives the same model.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads; 0 is one for each core. The model does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// File for the figures of each epoch: {epoch, loss, accuracy, val_loss, val_accuracy}, each a list.
    #[arg(long, value_name = "FILE")]
    history_file: Option<PathBuf>,
    /// File for a drawing of the workflow, in DOT.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// Files of sessions, or folders of tables.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

/// How windows are cut, on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Style {
    /// Every position is predicted; padding is masked.
    EveryPosition,
    /// As the DeepLog trainer does.
    Seed004,
}

/// The rule for short sessions, on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Short {
    /// They are findings.
    Anomaly,
    /// They are judged by their keys.
    Judge,
    /// They are normal but for unseen keys.
    Normal,
}

pub(super) fn ratios(text: &str) -> Result<(f64, f64), String> {
    let parse = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is no number"));
    let (train, end) = text.split_once(',').ok_or("write two shares, 0.7,0.85")?;
    Ok((parse(train)?, parse(end)?))
}

impl Keys {
    /// Trains, writes the file, and prints what was chosen.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let sessions = read(&self.inputs, self.by)?;
        let bar = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{msg}").unwrap_or(ProgressStyle::default_bar()));
        let trained = train_keys(&sessions, &self.options(), &mut |progress| bar.set_message(message(&progress)))?;
        bar.finish_and_clear();
        trained.model.write(&self.output)?;
        if let Some(path) = &self.history_file {
            let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            serde_json::to_writer_pretty(file, &history(&trained))?;
        }
        if let Some(path) = &self.dot {
            let card = &trained.model.card;
            draw_into(path, &card.workflow.automaton, &card.vocabulary, LEAST_DRAWN)?;
        }
        self.tell(&trained, &sessions, out)
    }

    fn options(&self) -> Options {
        let seed004 = self.style == Style::Seed004;
        let history = self.history.unwrap_or(if seed004 { 9 } else { 10 });
        let split = match (self.ratios, self.held_out, self.folds) {
            (Some((train, end)), ..) => Split::ByPosition(train, end),
            (None, Some(share), _) => Split::HeldOut(share),
            (None, None, Some(folds)) => Split::Folds(folds),
            (None, None, None) if seed004 => Split::ByPosition(0.7, 0.85),
            (None, None, None) if self.counts_only => Split::Folds(5),
            (None, None, None) => Split::HeldOut(0.2),
        };
        let dense = self.dense.clone().unwrap_or(if seed004 { vec![256, 128] } else { Vec::new() });
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            history,
            style: if seed004 { WindowStyle::Seed004 } else { WindowStyle::EveryPosition },
            lstm: if self.counts_only { Vec::new() } else { self.lstm.clone() },
            dense,
            training: Training {
                epochs: self.epochs.unwrap_or(if seed004 { 50 } else { 60 }),
                batch: self.batch.unwrap_or(if seed004 { 512 } else { 128 }),
                rate: self.rate.unwrap_or(if seed004 { 0.001 } else { 0.003 }),
                early_stop: Some(self.early_stop).filter(|epochs| *epochs > 0),
                seed: self.seed,
                shuffle: !seed004,
                threads: if self.threads == 0 { cores() } else { self.threads },
            },
            min_keys: self.min_keys.unwrap_or(if seed004 { 4 } else { 2 }),
            split,
            wanted: Wanted {
                false_alarms: self.false_alarms,
                g: self.g.or(seed004.then_some(9)),
                short: match self.short {
                    Short::Anomaly => ShortRule::Anomaly,
                    Short::Judge => ShortRule::Judge,
                    Short::Normal => ShortRule::Normal,
                },
                short_keys: self.short_keys.unwrap_or(history),
                unfinished: self.unfinished,
            },
        }
    }

    fn tell(&self, trained: &Trained, sessions: &[KeySequence], out: &mut impl Write) -> Result<()> {
        let card = &trained.model.card;
        let facts = &card.training;
        writeln!(
            out,
            "{}: {} keys known, {} sessions, {} keys read, {} distinct windows",
            self.output.display(),
            card.vocabulary.len(),
            facts.sessions,
            facts.keys,
            facts.windows
        )?;
        let mut tell = |name: &str, choice: &Choice| {
            let Choice { rules, sessions, alarms, .. } = choice;
            writeln!(out, "{name}: g = {}, {alarms} alarms in {sessions} held-out normal sessions", rules.g)
        };
        tell("count model", &card.baseline)?;
        if let Some(choice) = &card.network {
            tell("network", choice)?;
        }
        let rules = card.baseline.rules;
        let short = sessions.iter().filter(|session| session.closed && session.keys.len() <= rules.short_keys).count();
        if rules.short == ShortRule::Anomaly && short * 20 > sessions.len() {
            writeln!(
                out,
                "{short} of {} sessions have at most {} keys, and the rule on short sessions calls each of them abnormal; \
                 train with --short judge where that is usual",
                sessions.len(),
                rules.short_keys
            )?;
        }
        let workflow = &card.workflow;
        writeln!(
            out,
            "workflow: {} nodes, tails of {}, {} concurrent pairs, {} alarms in {} held-out normal sessions",
            workflow.automaton.nodes().count(),
            workflow.options.tail,
            workflow.concurrent.pairs().count(),
            workflow.alarms,
            workflow.held_out
        )?;
        if let Some(last) = trained.history.last() {
            writeln!(out, "network: {} epochs, loss {:.4}, accuracy {:.4}", last.epoch, last.loss, last.accuracy)?;
        }
        Ok(())
    }
}

fn message(progress: &Progress<'_>) -> String {
    let Progress { fold, folds, epoch } = progress;
    let part = if fold > folds { "final model".to_owned() } else { format!("part {fold} of {folds}") };
    format!("{part}, epoch {}: loss {:.4}, validation {:.4}", epoch.epoch, epoch.loss, epoch.val_loss)
}

/// The figures of each epoch, a list a figure.
fn history(trained: &Trained) -> serde_json::Value {
    let list = |figure: fn(&crate::model::lstm::Epoch) -> f64| trained.history.iter().map(figure).collect::<Vec<_>>();
    serde_json::json!({
        "epoch": trained.history.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(),
        "loss": list(|epoch| epoch.loss),
        "accuracy": list(|epoch| epoch.accuracy),
        "val_loss": list(|epoch| epoch.val_loss),
        "val_accuracy": list(|epoch| epoch.val_accuracy),
    })
}
