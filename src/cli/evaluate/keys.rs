//! `causeway evaluate keys`.

use crate::cli::key_sessions::{By, read};
use crate::model::runtime::Device;
use crate::text::detect::card::KeyModel;
use crate::text::detect::detectors::Detector;
use crate::text::detect::scores::{markdown, scores};
use crate::text::detect::sequence::KeySequence;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Measure a next-key model on labelled sessions.
///
/// Every detector of the model file is measured: the network, where ONNX Runtime is there, the count model beside it, the workflow, and
/// the counts of keys.
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
        for mut detector in Detector::all(&model, Device::Auto) {
            let mut g = None;
            if let Some(rules) = detector.rules_mut() {
                rules.g = self.g.unwrap_or(rules.g);
                g = Some(rules.g);
            }
            let found = detector.judge(&sessions)?;
            all.push(scores(detector.name(), g, &sessions, &found, self.normal_total));
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
