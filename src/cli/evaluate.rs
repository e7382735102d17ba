//! `causeway evaluate`.

mod keys;
#[cfg(feature = "train")]
mod labels;
mod parser;
mod workflow;

use super::event::EventView;
use super::tables;
use crate::context::evaluate::{PredictedRow, TruthRow, evaluate, read_truth};
use crate::lake::scan::EventFilter;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

/// Measure what was found against ground truth.
#[derive(Debug, clap::Subcommand)]
pub enum Evaluate {
    /// Measure the contexts of replayed tables.
    ///
    /// An event without a row counts as background: it was folded away.
    #[command(after_help = "\
Examples:
  causeway evaluate contexts --truth truth.jsonl tables             tables of figures, as Markdown
  causeway evaluate contexts --truth truth.jsonl --json tables      the same for programs

Truth is JSON lines: auditID, stage, action (an id, `background:<stream>`, or null: not scored), and where they are
known kind, trigger, root, delayed.")]
    Contexts {
        /// Ground truth, JSON lines.
        #[arg(long, value_name = "FILE")]
        truth: PathBuf,
        /// JSON.
        #[arg(long)]
        json: bool,
        /// How many of the kinds of action that were met worst are listed.
        #[arg(long, value_name = "N", default_value_t = 10)]
        worst: usize,
        /// Folder of the tables.
        dir: PathBuf,
    },
    Keys(keys::Keys),
    Workflow(workflow::Workflow),
    Parser(parser::EvaluateParser),
    #[cfg(feature = "train")]
    Labels(Box<labels::Labels>),
}

impl Evaluate {
    /// Prints the scores.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let (truth, json, worst, dir) = match self {
            Evaluate::Contexts { truth, json, worst, dir } => (truth, json, worst, dir),
            Evaluate::Parser(command) => return command.run(out),
            Evaluate::Keys(command) => return command.run(out),
            Evaluate::Workflow(command) => return command.run(out),
            #[cfg(feature = "train")]
            Evaluate::Labels(command) => return command.run(out),
        };
        let scores = evaluate(&truth_of(truth)?, &predicted(dir)?);
        if *json {
            writeln!(out, "{}", serde_json::to_string_pretty(&scores)?)?;
        } else {
            write!(out, "{}", scores.markdown(*worst))?;
        }
        Ok(())
    }
}

/// Ground truth from a file.
pub fn truth_of(path: &Path) -> Result<Vec<TruthRow>> {
    let file = File::open(path).with_context(|| format!("cannot read the truth {}", path.display()))?;
    read_truth(BufReader::new(file)).with_context(|| format!("cannot read the truth {}", path.display()))
}

/// What the tables say of each event.
fn predicted(dir: &Path) -> Result<Vec<PredictedRow>> {
    let events = tables::events(dir, &EventFilter::default(), &|_| true)?;
    let mut triggers: BTreeMap<&str, &EventView> = BTreeMap::new();
    for event in events.iter().filter(|event| event.of_command()) {
        let trigger = triggers.entry(&event.context_id).or_insert(event);
        if event.trigger_rank() < trigger.trigger_rank() {
            *trigger = event;
        }
    }
    let row = |event: &EventView| PredictedRow {
        root: triggers.get(event.context_id.as_str()).map(|trigger| trigger.audit_id.clone()),
        trigger: event.of_command(),
        context: Some(event.context_id.clone()).filter(|context| !context.is_empty()),
        label: Some(event.label_text.clone()),
        audit_id: event.audit_id.clone(),
        stage: event.stage.clone(),
    };
    Ok(events.iter().map(row).collect())
}
