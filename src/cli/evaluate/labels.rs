//! `causeway evaluate labels`: how good a label model is, or a way of training one.

use crate::cli::train::labels::NetArgs;
use crate::flow::labelled::read_labelled;
use crate::model::evaluate::markdown::table;
use crate::model::evaluate::scores::{Figures, Part};
use crate::model::evaluate::split::{Fold, folds};
use crate::model::evaluate::{Predictions, Protocol, Scores, predict};
use crate::model::labeler::{Labeler, Use};
use crate::model::labelled::Labelled;
use crate::model::runtime::Device;
use crate::model::train::run::Watch;
use crate::model::train::{Settings, train};
use anyhow::{Result, bail};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;

/// Measure a label model, or a way of training one.
///
/// With --model, that model labels the inputs. Without, models are trained and tested on parts of the inputs that lie apart in
/// time; windows that overlap between training and test are not offered, since they measure nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway evaluate labels --model models/labels.onnx labelled.jsonl     a model on the log of another run
  causeway evaluate labels --folds 10 labelled.jsonl                     contiguous folds, K8NTEXT's protocol
  causeway evaluate labels --test-share 0.3 labelled.jsonl               trained on the beginning, tested on the end
  causeway evaluate labels --leave-out 0.2 labelled.jsonl                a fifth of the kinds of action has no label in training
  causeway evaluate labels --model m.onnx --zero-features labelled.jsonl     each column absent in turn
  causeway evaluate labels --test-share 0.3 --windows 15,30,60,120 labelled.jsonl")]
pub struct Labels {
    /// A trained model.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folds", "test_share", "leave_out", "windows"])]
    model: Option<PathBuf>,
    /// Contiguous folds.
    #[arg(long, value_name = "K", conflicts_with_all = ["test_share", "leave_out"])]
    folds: Option<usize>,
    /// The last share of each stream is the test.
    #[arg(long, value_name = "SHARE", conflicts_with = "leave_out")]
    test_share: Option<f64>,
    /// A share of the kinds of action has no label in training.
    #[arg(long, value_name = "SHARE")]
    leave_out: Option<f64>,
    /// Also measure with each column absent.
    #[arg(long, requires = "model")]
    zero_features: bool,
    /// Do it for each of these window lengths.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    windows: Vec<usize>,
    /// Events between the starts of windows when labels are predicted.
    #[arg(long, value_name = "N", default_value_t = 15)]
    vote_stride: usize,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// Kinds and confusions that are listed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    worst: usize,
    #[command(flatten)]
    net: NetArgs,
    /// Labelled audit lines: files, folders, globs.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
}

/// What was measured under one name.
#[derive(Serialize)]
struct Measured {
    name: String,
    scores: Scores,
}

impl Labels {
    /// Measures and prints.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let measured = match &self.model {
            Some(path) => self.with_model(path)?,
            None => self.with_training()?,
        };
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&measured)?)?;
            return Ok(());
        }
        if let [one] = measured.as_slice() {
            write!(out, "{}", one.scores.markdown(&one.name, self.worst))?;
            return Ok(());
        }
        let voted = |m: &Measured| m.scores.voted.get(&Part::Label).copied().unwrap_or_default();
        let mut rows: Vec<(String, Figures)> = measured.iter().map(|m| (m.name.clone(), voted(m))).collect();
        if self.folds.is_some() && self.windows.is_empty() {
            rows.push(("mean".to_owned(), mean(&rows)));
        }
        write!(out, "{}", table("voted", &rows))?;
        let rows: Vec<(String, Figures)> = measured.iter().map(|m| (m.name.clone(), m.scores.seen)).collect();
        write!(out, "\n{}", table("voted, kinds known to training", &rows))?;
        let rows: Vec<(String, Figures)> = measured.iter().map(|m| (m.name.clone(), m.scores.unvoted)).collect();
        write!(out, "\n{}", table("unvoted", &rows))?;
        Ok(())
    }

    fn how(&self) -> Use {
        Use { device: Device::Auto, stride: self.vote_stride, batch: 0 }
    }

    fn with_model(&self, path: &std::path::Path) -> Result<Vec<Measured>> {
        let labeler = Labeler::open(path, self.how())?;
        let data = read_labelled(&self.inputs, labeler.spec().features)?;
        let whole = predict(&labeler, &data, &data.segments, &[])?;
        let mut all = vec![Measured { name: labeler.spec().version.clone(), scores: scores(&labeler, &data, &whole) }];
        if self.zero_features {
            for (number, name) in labeler.spec().features.names().into_iter().enumerate() {
                let without = predict(&labeler, &data, &data.segments, &[number])?;
                let name = format!("without {name}");
                all.push(Measured { name, scores: scores(&labeler, &data, &without) });
            }
        }
        Ok(all)
    }

    fn with_training(&self) -> Result<Vec<Measured>> {
        let protocol = match (self.folds, self.test_share, self.leave_out) {
            (Some(count), _, _) => Protocol::Folds(count),
            (_, Some(share), _) => Protocol::Time(share),
            (_, _, Some(share)) => Protocol::LeaveActionsOut(share),
            _ => bail!("say how to split: --folds K, --test-share SHARE or --leave-out SHARE; or give a --model"),
        };
        let data = read_labelled(&self.inputs, self.net.features)?;
        let settings = self.net.settings();
        let windows = if self.windows.is_empty() { vec![settings.window] } else { self.windows.clone() };
        let mut all = Vec::new();
        for window in windows {
            let settings = Settings { window, ..settings.clone() };
            for fold in folds(&data, protocol) {
                let scores = self.fold(&data, &fold, &settings)?;
                let name = match self.windows.len() {
                    0 => fold.name,
                    _ => format!("window {window}, {}", fold.name),
                };
                let accuracy = scores.voted.get(&Part::Label).map_or(0.0, |f| f.accuracy);
                tracing::info!("{name}: voted accuracy {accuracy:.4}");
                all.push(Measured { name, scores });
            }
        }
        Ok(all)
    }

    fn fold(&self, data: &Labelled, fold: &Fold, settings: &Settings) -> Result<Scores> {
        let mut taught = data.clone();
        for event in &mut taught.events {
            event.label = event.label.filter(|label| !fold.left_out.contains(label));
        }
        let watch = Watch {
            batch: &mut |_, _, _, _| (),
            epoch: &mut |epoch| {
                tracing::info!("{}: {}", fold.name, crate::cli::train::labels::told(epoch));
                true
            },
            checkpoints: None,
        };
        let trained = train(&taught, &fold.train, settings, &self.net.device()?, watch)?;
        let labeler = Labeler::of(trained.onnx, self.how())?;
        Ok(scores(&labeler, data, &predict(&labeler, data, &fold.test, &[])?))
    }
}

fn scores(labeler: &Labeler, data: &Labelled, found: &Predictions) -> Scores {
    let known = &labeler.spec().labels;
    let routine = |row: usize| data.events.get(row).is_some_and(|event| event.routine);
    Scores::of(&found.voted, &found.unvoted, &|p| known.contains(&p.truth), &|p| routine(p.row))
}

/// The mean of the figures of all folds.
fn mean(rows: &[(String, Figures)]) -> Figures {
    let count = rows.len().max(1) as f64;
    let of = |figure: &dyn Fn(&Figures) -> f64| rows.iter().map(|(_, f)| figure(f)).sum::<f64>() / count;
    Figures {
        count: rows.iter().map(|(_, f)| f.count).sum(),
        accuracy: of(&|f| f.accuracy),
        precision: of(&|f| f.precision),
        recall: of(&|f| f.recall),
        f1: of(&|f| f.f1),
        kappa: of(&|f| f.kappa),
    }
}
