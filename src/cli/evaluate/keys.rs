//! `causeway evaluate keys`.

use crate::cli::key_sessions::{By, read};
use crate::model::runtime::Device;
use crate::text::detect::card::{KeyModel, Opened};
use crate::text::detect::judge::{Judge, Rules};
use crate::text::detect::scores::{markdown, scores};
use crate::text::detect::sequence::KeySequence;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Measure a next-key model on labelled sessions.
///
/// Every detector of the model file is measured: the network, where ONNX Runtime is there, and the count model beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway evaluate keys --model keys.onnx labelled.csv
  causeway evaluate keys --model keys.onnx --normal normal_sample.csv --normal-total 553366 --abnormal hdfs_test_abnormal

With --normal-total the normal sessions are a sample: precision and F1 are estimated for that many.")]
pub struct Keys {
    /// Model file, from `causeway train keys`.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// Sessions that are normal; rows that are labelled otherwise are left out.
    #[arg(long, value_name = "FILE")]
    normal: Vec<PathBuf>,
    /// Sessions that are abnormal; rows that are labelled otherwise are left out.
    #[arg(long, value_name = "FILE")]
    abnormal: Vec<PathBuf>,
    /// Number of normal sessions for which those given stand.
    #[arg(long, value_name = "N")]
    normal_total: Option<u64>,
    /// Use another `g` than the model's.
    #[arg(short, value_name = "N")]
    g: Option<usize>,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// Labelled sessions: CSV `Sequence,label` or data.json.
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

impl Keys {
    /// Prints the scores.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let model = KeyModel::read(&self.model)?;
        let sessions = self.sessions()?;
        let mut all = Vec::new();
        for Opened { name, rules, model: mut opened } in opened(&model) {
            let rules = Rules { g: self.g.unwrap_or(rules.g), ..rules };
            let found = Judge { vocabulary: &model.card.vocabulary, rules }.judge(opened.as_mut(), &sessions)?;
            all.push(scores(name, rules.g, &sessions, &found, self.normal_total));
        }
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        } else {
            write!(out, "{}", markdown(&all, self.normal_total))?;
        }
        Ok(())
    }

    /// The sessions with their labels.
    fn sessions(&self) -> Result<Vec<KeySequence>> {
        let mut sessions = Vec::new();
        for (paths, label) in [(&self.normal, false), (&self.abnormal, true)] {
            let all = read(paths, self.by)?;
            let fit = all.into_iter().filter(|session| session.abnormal.is_none_or(|abnormal| abnormal == label));
            sessions.extend(fit.map(|session| KeySequence { abnormal: Some(label), ..session }));
        }
        sessions.extend(read(&self.inputs, self.by)?.into_iter().filter(|session| session.abnormal.is_some()));
        if sessions.is_empty() {
            bail!("there is no labelled session; give --normal and --abnormal, or a file with labels");
        }
        Ok(sessions)
    }
}

/// The detectors of a model file that can run here.
fn opened(model: &KeyModel) -> Vec<Opened> {
    let network = model.open_network(Device::Auto).unwrap_or_else(|error| {
        tracing::warn!("the network is left out: {error}");
        None
    });
    network.into_iter().chain([model.open_counts()]).collect()
}
