//! `causeway train`.

pub mod labels;

use anyhow::Result;
use std::io::Write;

/// Train models.
#[derive(Debug, clap::Subcommand)]
pub enum Train {
    Labels(labels::Labels),
}

impl Train {
    /// Trains what was asked for.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Train::Labels(command) => command.run(out),
        }
    }
}
