//! `causeway evaluate`.

use super::tables;
use crate::context::evaluate::{PredictedRow, TruthRow, evaluate};
use crate::lake::scan::EventFilter;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
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
}

impl Evaluate {
    /// Prints the scores.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let Evaluate::Contexts { truth, json, worst, dir } = self;
        let scores = evaluate(&read_truth(truth)?, &predicted(dir)?);
        if *json {
            writeln!(out, "{}", serde_json::to_string_pretty(&scores)?)?;
        } else {
            write!(out, "{}", scores.markdown(*worst))?;
        }
        Ok(())
    }
}

fn read_truth(path: &Path) -> Result<Vec<TruthRow>> {
    let file = File::open(path).with_context(|| format!("cannot read the truth {}", path.display()))?;
    let lines = BufReader::new(file).lines().enumerate();
    let row = |(at, line): (usize, std::io::Result<String>)| {
        let place = || format!("{}:{}", path.display(), at + 1);
        serde_json::from_str(&line.with_context(place)?).with_context(place)
    };
    lines.map(row).collect()
}

/// What the tables say of each event.
fn predicted(dir: &Path) -> Result<Vec<PredictedRow>> {
    let events = tables::events(dir, &EventFilter::default(), &|_| true)?;
    let roots: BTreeMap<String, String> = events
        .iter()
        .filter(|event| event.role == "root")
        .map(|event| (event.context_id.clone(), event.audit_id.clone()))
        .collect();
    let row = |event: super::explain::EventView| PredictedRow {
        root: roots.get(&event.context_id).cloned(),
        trigger: matches!(event.role.as_str(), "root" | "request"),
        context: Some(event.context_id).filter(|context| !context.is_empty()),
        audit_id: event.audit_id,
        stage: event.stage,
    };
    Ok(events.into_iter().map(row).collect())
}
