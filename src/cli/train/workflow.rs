//! `causeway train workflow`.

use super::draw_into;
use crate::cli::key_sessions::{By, read};
use crate::text::detect::workflow::seed004::Options;
use crate::text::detect::workflow::seed004::model::{Facts, TrainerWorkflow};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Build the workflow automaton as the DeepLog trainer (seed 004) does.
///
/// It is there to compare with and to exchange files: `train keys` makes our own workflow, which generalises better, says how often
/// each way was taken, and judges sessions. Sessions that are labelled abnormal are left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway train workflow --output workflows.json sessions.txt
  causeway train workflow --threshold 0.2 --output workflows.json --dot workflows.dot data.json
  causeway evaluate workflow --model workflows.json others.txt      who can be followed, and where the others stop

Sessions with the same key at enough positions are built along each other and share nodes; a session that comes back to one of its
last keys closes a loop; a node never has two children of one key. The file is id -> {value, children (value -> id), parents,
is_start, is_end}.

Input is a file with one session of keys a line, CSV `Sequence,label`, the DeepLog trainer's data.json, or a folder of tables.")]
pub struct Workflow {
    /// Share of the longest session's positions at which two sessions have the same key for them to be similar, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().threshold, value_parser = share)]
    threshold: f64,
    /// A loop may lead back to one of the last N + 1 nodes of a session.
    #[arg(long, value_name = "N", default_value_t = Options::default().back_steps)]
    back_steps: usize,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// File for a drawing of the whole automaton, in DOT; node n5 of it is node-5 of the file.
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
    /// What makes a session of audit events.
    #[arg(long, value_enum, default_value_t = By::Session)]
    by: By,
    /// Files of sessions, or folders of tables.
    #[arg(required = true, value_name = "SESSIONS")]
    inputs: Vec<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("write a share from 0 to 1".to_owned()) }
}

impl Workflow {
    /// Builds, writes the files, and says what was made.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let options = Options { threshold: self.threshold, back_steps: self.back_steps };
        let (model, facts) = TrainerWorkflow::learn(&read(&self.inputs, self.by)?, options)?;
        model.write(&self.output)?;
        if let Some(path) = &self.dot {
            draw_into(path, &model.automaton, &model.vocabulary, 0.0)?;
        }
        let Facts { sequences, distinct, nodes, ends, loops } = facts;
        writeln!(
            out,
            "{}: {sequences} sequences, {distinct} distinct; {nodes} nodes with the root, {ends} ends, {loops} loops",
            self.output.display()
        )?;
        Ok(())
    }
}
