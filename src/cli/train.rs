//! `causeway train`.

mod keys;
pub mod labels;

use anyhow::Result;
use std::io::Write;

/// Train models.
#[derive(Debug, clap::Subcommand)]
pub enum Train {
    Keys(Box<keys::Keys>),
    Labels(labels::Labels),
}

impl Train {
    /// Trains and says how it went.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Train::Keys(command) => command.run(out),
            Train::Labels(command) => command.run(out),
        }
    }
}
