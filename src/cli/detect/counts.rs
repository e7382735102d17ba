//! `causeway detect counts`.

use super::tell;
use crate::cli::args::rfc3339;
use crate::cli::log_tables::{LogLine, log_lines};
use crate::text::detect::time_counts::TimeCounts;
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Shares of the residual that a finding tells.
const SHARES: usize = 5;

/// Judge windows of time by their counts of log keys.
///
/// Each unusual window is told with its times, its first and last line, its score, and the keys that make it unusual.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  causeway detect counts --model counts.json tables")]
pub struct Counts {
    /// Model file, from `causeway train counts`.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// Folder of tables.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Counts {
    /// Prints the unusual windows.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let model = TimeCounts::read(&self.model)?;
        let lines = log_lines(&self.dir)?;
        let keys: Vec<(i64, Arc<str>)> = lines.iter().map(|line| (line.at.0, Arc::clone(&line.template))).collect();
        for found in model.judge(&keys).0 {
            let of = lines.get(found.lines.clone()).unwrap_or_default();
            let shares: Vec<Value> = found
                .shares
                .iter()
                .take(SHARES)
                .map(|(key, share, count)| json!({ "key": key, "share": share, "count": count }))
                .collect();
            let finding = json!({
                "begin": of.first().map(|line| rfc3339(line.at)), "end": of.last().map(|line| rfc3339(line.at)),
                "first": place(of.first()), "last": place(of.last()), "lines": of.len(), "score": found.score, "keys": shares,
            });
            tell(&finding, out)?;
        }
        Ok(())
    }
}

fn place(line: Option<&LogLine>) -> Value {
    line.map_or(Value::Null, |line| json!({ "source": line.source, "line": line.number }))
}
