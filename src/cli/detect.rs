//! `causeway detect`: findings, one JSON line each.

mod counts;
mod keys;
mod obvious;
mod values;

use super::printable::PrintableJson;
use anyhow::Result;
use std::io::Write;

/// Find anomalies in log lines and in sessions of keys, one JSON line a finding.
#[derive(Debug, clap::Subcommand)]
pub enum Detect {
    Keys(keys::Keys),
    Values(values::Values),
    Counts(counts::Counts),
    Obvious(Box<obvious::Obvious>),
}

impl Detect {
    /// Prints the findings.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Detect::Keys(command) => command.run(out),
            Detect::Values(command) => command.run(out),
            Detect::Counts(command) => command.run(out),
            Detect::Obvious(command) => command.run(out),
        }
    }
}

/// Writes a finding.
fn tell(finding: &serde_json::Value, out: &mut impl Write) -> Result<()> {
    Ok(writeln!(out, "{}", PrintableJson(finding))?)
}
