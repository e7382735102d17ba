//! How a run ends: its account, in a file and on the terminal, and what is wrong with it.

use crate::flow::Outcome;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

/// Where an account goes.
#[derive(Copy, Clone, Debug)]
pub struct Closing<'c> {
    /// This file, as JSON.
    pub file: Option<&'c Path>,
    /// Not to the terminal.
    pub quiet: bool,
    /// What was read, for the message of a run that was stopped before its end.
    pub input: &'static str,
}

impl Closing<'_> {
    /// Writes `account`.
    ///
    /// # Errors
    /// When it cannot be written, when the counts of `outcome` do not add up, and when the input was not read to its end.
    pub fn close(self, outcome: &Outcome, account: &(impl Serialize + Display), out: &mut impl Write) -> Result<()> {
        if let Some(path) = self.file {
            let text = serde_json::to_string_pretty(account)? + "\n";
            std::fs::write(path, text).with_context(|| format!("cannot write the account to {}", path.display()))?;
        }
        if !self.quiet {
            writeln!(out, "{account}")?;
        }
        if let Some(wrong) = outcome.account.imbalance() {
            bail!("the account does not add up: {wrong}; please report this as a defect");
        }
        if !outcome.finished {
            bail!(
                "stopped before the end of {}; what was read is committed, and the same command goes on from there",
                self.input
            );
        }
        Ok(())
    }
}
