//! `causeway detect keys`.

use super::tell;
use crate::cli::key_sessions::{By, read};
use crate::model::runtime::Device;
use crate::text::detect::card::KeyModel;
use crate::text::detect::detectors::{Chosen, Detector};
use anyhow::Result;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Judge sessions by a model of their keys.
///
/// Each finding has session, position (index of the key, from 0), detector, kind, score, seen and expected; of the workflow also the
/// node that the session reached (as drawings name it) and the least number of keys from there to an end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway detect keys --model keys.onnx tables
  causeway detect keys --model keys.onnx --detector count --detector workflow sessions.txt")]
pub struct Keys {
    /// Model file, from `causeway train keys`.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// Which of its detectors judge; as often as you like. `next-key` is the network, or counts without ONNX Runtime.
    #[arg(long = "detector", value_enum, default_value = "next-key", value_name = "NAME")]
    detectors: Vec<Which>,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// Files of sessions, or folders of tables.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

/// A detector, on the command line.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// The next key, by the network or by counts.
    NextKey,
    /// The next key, by counts.
    Count,
    /// The workflow.
    Workflow,
    /// Counts of keys.
    Pca,
}

impl Keys {
    /// Prints the findings.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let model = Arc::new(KeyModel::read(&self.model)?);
        let sessions = read(&self.inputs, self.by)?;
        let chosen = self.detectors.iter().map(|which| match which {
            Which::NextKey => Chosen::NextKey,
            Which::Count => Chosen::Count,
            Which::Workflow => Chosen::Workflow,
            Which::Pca => Chosen::Pca,
        });
        let vocabulary = &model.card.vocabulary;
        for mut detector in Detector::chosen(&model, Device::Auto, &chosen.collect::<Vec<_>>()) {
            let name = detector.name();
            for (session, found) in sessions.iter().zip(detector.judge(&sessions)?) {
                for finding in found {
                    let expected: Vec<&str> = finding.expected.iter().map(|token| vocabulary.key(*token)).collect();
                    let seen = finding.seen_in(session, vocabulary);
                    let (position, kind, score) = (finding.position, finding.kind.name(), finding.score);
                    let mut finding = json!({
                        "session": session.id, "position": position, "detector": name, "kind": kind, "score": score,
                        "seen": seen, "expected": expected,
                    });
                    if let Detector::Workflow(_) = detector {
                        let found = model.card.workflow.diagnose(&vocabulary.encode(session));
                        finding["node"] = json!(format!("n{}", found.node.0));
                        finding["keys_to_end"] = json!(found.to_end);
                    }
                    tell(&finding, out)?;
                }
            }
        }
        Ok(())
    }
}
