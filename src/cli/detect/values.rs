//! `causeway detect values`.

use super::tell;
use crate::cli::args::rfc3339;
use crate::cli::log_tables::{LogLine, log_lines, rows_by_key};
use crate::text::detect::values::{Row, ValueFinding, ValueModels, read_dataset};
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Judge parameter values and elapsed times of log lines.
///
/// Each finding has the line (source, line), its key, the column (0 is the elapsed time), kind, score, seen and expected.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  causeway detect values --model values.json tables")]
pub struct Values {
    /// Model file, from `causeway train values`.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// Folder of tables, or a dataset of one key.
    #[arg(value_name = "INPUT")]
    input: PathBuf,
}

impl Values {
    /// Prints the findings.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let models = ValueModels::read(&self.model)?;
        if self.input.is_dir() {
            let lines = log_lines(&self.input)?;
            for (template, (rows, of_rows)) in &rows_by_key(&lines, models.since) {
                let params = rows.first().map_or(0, |row| row.params.len());
                let Some(model) = models.model_of(template, params) else { continue };
                for found in model.judge(rows) {
                    tell(&of_line(template, &found, of_rows), out)?;
                }
            }
        } else {
            let rows: Vec<Row> = read_dataset(&self.input)?;
            for found in models.models.values().flat_map(|model| model.judge(&rows)) {
                tell(&serde_json::to_value(&found)?, out)?;
            }
        }
        Ok(())
    }
}

fn of_line(template: &str, found: &ValueFinding, lines: &[&LogLine]) -> Value {
    let line = lines.get(found.row);
    json!({
        "source": line.map(|line| line.source.as_str()),
        "line": line.map(|line| line.number),
        "at": line.map(|line| rfc3339(line.at)),
        "key": template,
        "column": found.column,
        "kind": found.kind,
        "score": found.score,
        "seen": found.seen,
        "expected": found.expected,
    })
}
