//! `causeway train`.

mod counts;
mod keys;
#[cfg(feature = "train")]
pub mod labels;
mod values;
mod workflow;

use crate::text::detect::vocabulary::Vocabulary;
use crate::text::detect::workflow::Automaton;
use crate::text::detect::workflow::draw::dot;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;

/// Train models.
#[derive(Debug, clap::Subcommand)]
pub enum Train {
    Keys(Box<keys::Keys>),
    Values(values::Values),
    Counts(counts::Counts),
    Workflow(workflow::Workflow),
    #[cfg(feature = "train")]
    Labels(labels::Labels),
}

impl Train {
    /// Trains and says how it went.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Train::Keys(command) => command.run(out),
            Train::Values(command) => command.run(out),
            Train::Counts(command) => command.run(out),
            Train::Workflow(command) => command.run(out),
            #[cfg(feature = "train")]
            Train::Labels(command) => command.run(out),
        }
    }
}

/// Writes a drawing of a workflow, with the ways that at least this share of the sessions took.
fn draw_into(path: &Path, automaton: &Automaton, vocabulary: &Vocabulary, least_share: f64) -> Result<()> {
    std::fs::write(path, dot(automaton, vocabulary, least_share))
        .with_context(|| format!("cannot write {}", path.display()))
}
