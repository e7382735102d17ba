//! `causeway evaluate workflow`.

use crate::cli::key_sessions::{By, read};
use crate::cli::printable::Printable;
use crate::text::detect::workflow::seed004::model::{NotFollowed, Scores, TrainerWorkflow};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Measure how many sessions the DeepLog trainer's (seed 004's) workflow can follow.
///
/// A session is correct when each of its keys has a way on from the root. Ends are not looked at, as in the original: the first part
/// of a session counts as correct. Labels are not looked at either. Of each other session it is told where it stops: the
/// deepest node, the key that came, the keys that have a way from there, and how many keys are missing to an end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway evaluate workflow --model workflows.json sessions.txt
  causeway evaluate workflow --model workflows.json --json sessions.txt    {n_items, n_correct, accuracy, not_followed}

Our own workflow, of `train keys`, is measured with `causeway evaluate keys`: it judges ends too.")]
pub struct Workflow {
    /// Model file, from `causeway train workflow` or the DeepLog trainer.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// Files of sessions, or folders of tables.
    #[arg(required = true, value_name = "SESSIONS")]
    inputs: Vec<PathBuf>,
}

impl Workflow {
    /// Prints the scores and the diagnoses.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let model = TrainerWorkflow::read(&self.model)?;
        let scores = model.score(&read(&self.inputs, self.by)?);
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&scores)?)?;
            return Ok(());
        }
        let Scores { n_items, n_correct, accuracy, not_followed } = &scores;
        writeln!(out, "n_items {n_items}, n_correct {n_correct}, accuracy {accuracy:.4}")?;
        for stop in not_followed {
            writeln!(out, "{}", Printable::new(&told(stop)))?;
        }
        Ok(())
    }
}

/// A diagnosis as a line.
fn told(stop: &NotFollowed) -> String {
    let NotFollowed { session, position, seen, node, expected, keys_to_end } = stop;
    let allowed = match expected.is_empty() {
        true => "nothing".to_owned(),
        false => expected.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
    };
    let end = keys_to_end.map_or("no end from there".to_owned(), |keys| format!("{keys} keys to an end"));
    format!("session {session} stops in {node}, position {position}: came `{seen}`, allowed {allowed}; {end}")
}
