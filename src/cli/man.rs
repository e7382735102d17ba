//! `causeway man`.

use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;

/// Print the manual page, or write the pages of all commands into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway man | man -l -
  causeway man --dir /usr/local/share/man/man1")]
pub struct Man {
    /// Folder for one page a command; without it the page of the program goes to standard output.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    /// Writes the pages.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        match &self.dir {
            Some(dir) => clap_mangen::generate_to(super::command(), dir)
                .with_context(|| format!("cannot write manual pages to {}", dir.display())),
            None => Ok(clap_mangen::Man::new(super::command()).render(out)?),
        }
    }
}
