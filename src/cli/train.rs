//! `causeway train`.

mod counts;
mod keys;
#[cfg(feature = "train")]
pub mod labels;
mod values;

use anyhow::Result;
use std::io::Write;

/// Train models.
#[derive(Debug, clap::Subcommand)]
pub enum Train {
    Keys(Box<keys::Keys>),
    Values(values::Values),
    Counts(counts::Counts),
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
            #[cfg(feature = "train")]
            Train::Labels(command) => command.run(out),
        }
    }
}
