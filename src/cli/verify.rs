//! `causeway verify`.

use super::printable::{Printable, PrintableJson};
use crate::lake::verify::verify;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Check the tables: every commit, every file, every count.
///
/// Changes nothing. Exits with 1 when something is wrong. Don't run it while a replay writes to the folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway verify tables
  causeway verify tables --json | jq .problems")]
pub struct Verify {
    /// Folder of the tables, or their URL.
    dir: PathBuf,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Prints what was found.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let report = verify(&self.dir)?;
        if self.json {
            writeln!(out, "{}", format_args!("{:#}", PrintableJson(&serde_json::to_value(&report)?)))?;
        } else {
            writeln!(out, "{}", Printable::lines(&report.to_string()))?;
        }
        out.flush()?;
        if !report.is_sound() {
            bail!("{} is not in order", self.dir.display());
        }
        Ok(())
    }
}
