//! `causeway train values`.

use crate::cli::exit::UsageError;
use crate::cli::log_tables::{log_lines, rows_by_key};
use crate::cli::printable::Printable;
use crate::model::lstm::Training;
use crate::text::detect::values::{Options, Row, Since, ValueModels, read_dataset};
use anyhow::Result;
use indicatif::ProgressBar;
use std::io::Write;
use std::path::PathBuf;

/// Learn which parameter values and elapsed times are usual for each log key.
///
/// One model a key: an LSTM over its rows, and beside it median and deviation of each number and the known values of each
/// category. Keys with too few lines, and those in which nothing varies, get none, which is said.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway train values --output values.json tables              every key of replayed log lines
  causeway train values --output values.json dataset.json        one key: {\"data\": [[elapsed, value, …], …]}
  causeway detect values --model values.json tables")]
pub struct Values {
    /// Model file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What the elapsed time is counted from.
    #[arg(long, value_enum, default_value_t = CountedFrom::AnyLine)]
    since: CountedFrom,
    /// Rows a window, the predicted one included.
    #[arg(long, value_name = "N", default_value_t = 5)]
    window: usize,
    /// Units of each LSTM layer.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "64,64")]
    lstm: Vec<usize>,
    /// Most epochs.
    #[arg(long, value_name = "N", default_value_t = 100)]
    epochs: usize,
    /// Epochs without a better validation loss after which training stops; 0: never.
    #[arg(long, value_name = "N", default_value_t = 7)]
    early_stop: usize,
    /// Windows a step of the optimizer.
    #[arg(long, value_name = "N", default_value_t = 16)]
    batch: usize,
    /// Learning rate.
    #[arg(long, value_name = "RATE", default_value_t = 0.001)]
    rate: f32,
    /// Train on the first rows up to the first share, take the threshold from those up to the second.
    #[arg(long, value_name = "TRAIN,END", value_parser = super::keys::ratios, default_value = "0.5,0.75")]
    ratios: (f64, f64),
    /// Share of normal errors below the threshold (one-sided): as many of a thousand normal lines are findings as it leaves.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().alpha)]
    alpha: f64,
    /// Whether the elapsed time, which the network is given, is scored too.
    #[arg(long)]
    score_elapsed: bool,
    /// Seed; the same one gives the same model.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folder of tables, or the DeepLog trainer's dataset of one key.
    #[arg(value_name = "INPUT")]
    input: PathBuf,
}

/// What the elapsed time is counted from, on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
enum CountedFrom {
    /// The line before, of any key.
    AnyLine,
    /// The line before of the same key.
    SameKey,
}

impl Values {
    /// Trains, writes the file, and says which keys have a model.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let bar = ProgressBar::new_spinner();
        let tell = &mut |template: &str| bar.set_message(Printable::new(template).to_string());
        let options = self.options();
        let since = match self.since {
            CountedFrom::AnyLine => Since::AnyLine,
            CountedFrom::SameKey => Since::SameKey,
        };
        let models = if self.input.is_dir() {
            let lines = log_lines(&self.input)?;
            let rows = rows_by_key(&lines, since);
            let rows = rows.iter().map(|(template, (rows, _))| (&**template, rows.as_slice()));
            ValueModels::fit(rows, since, &options, tell)
        } else {
            let rows: Vec<Row> = read_dataset(&self.input)?;
            ValueModels::fit([("", rows.as_slice())], since, &options, tell)
        };
        bar.finish_and_clear();
        for (template, why) in &models.left_out {
            writeln!(out, "no model: {}: {why}", Printable::new(template))?;
        }
        if models.models.is_empty() {
            return Err(
                UsageError("no key has enough lines with values that vary; give a longer log".to_owned()).into()
            );
        }
        models.write(&self.output)?;
        let (kept, left_out) = (models.models.len(), models.left_out.len());
        Ok(writeln!(out, "{}: models of {kept} keys; {left_out} keys have none", self.output.display())?)
    }

    fn options(&self) -> Options {
        Options {
            window: self.window,
            units: self.lstm.clone(),
            ratios: self.ratios,
            alpha: self.alpha,
            score_elapsed: self.score_elapsed,
            training: Training {
                epochs: self.epochs,
                batch: self.batch,
                rate: self.rate,
                early_stop: Some(self.early_stop).filter(|epochs| *epochs > 0),
                seed: self.seed,
                shuffle: false,
                threads: 1,
            },
        }
    }
}
