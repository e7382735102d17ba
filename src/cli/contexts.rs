//! `causeway contexts`.

pub mod query;
mod show;

use query::Query;
pub use show::{context_json, list, title};

use super::printable::PrintableJson;
use super::table::terminal_width;
use crate::lake::scan::{ContextFilter, read_contexts};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// List contexts: who did what, how it ended, and how much it set off.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway contexts tables                                    everything, in the order of time
  causeway contexts tables --user alice --since 2026-03-01    what alice did since then
  causeway contexts tables --kind Secret --verb delete        which secrets were deleted
  causeway contexts tables --namespace shop --json | jq .     for programs, one JSON object a line

`causeway explain tables ID` shows one of them; the first digits of an ID are enough.")]
pub struct Contexts {
    /// Folder of the tables, or their URL.
    dir: PathBuf,
    #[command(flatten)]
    query: Query,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

impl Contexts {
    /// Prints the contexts that the query asks for.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let filter = ContextFilter { background: self.query.background, ..ContextFilter::default() };
        let mut rows = read_contexts(&self.dir, &filter)?;
        rows.retain(|row| self.query.asks_for(row));
        let found = rows.len();
        rows.truncate(self.query.limit.unwrap_or(found));
        let left_out = (rows.len() < found).then(|| format!("{} more of {found}; raise --limit", found - rows.len()));
        if self.json {
            for row in &rows {
                writeln!(out, "{}", PrintableJson(&context_json(row)))?;
            }
            // Programs read rows alone from standard output.
            left_out.iter().for_each(|more| tracing::warn!("{more}"));
        } else {
            if found == 0 || !rows.is_empty() {
                out.write_all(list(&rows, terminal_width()).as_bytes())?;
            }
            left_out.iter().try_for_each(|more| writeln!(out, "{more}"))?;
        }
        Ok(())
    }
}
