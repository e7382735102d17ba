//! `causeway feedback learn-values`.

use super::{name_some, replace, some_verdicts};
use crate::cli::log_tables::{LogLine, log_lines, rows_by_key};
use crate::cli::printable::Printable;
use crate::text::detect::feedback::{KeyLines, LearntKey, ValuesReport, learn_values};
use crate::text::detect::values::ValueModels;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// `causeway feedback learn-values`.
#[derive(Debug, clap::Args)]
pub struct LearnValues {
    /// Model file, from `causeway train values`; replaced.
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// File of verdicts; what they call a session is SOURCE:LINE or SOURCE@OFFSET, and a position is a column.
    #[arg(long, value_name = "FILE")]
    verdicts: PathBuf,
    /// Report what would change and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// JSON.
    #[arg(long)]
    json: bool,
    /// Folder of the tables that verdicts speak of; its other lines show what else changed.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl LearnValues {
    /// Learns, and reports which other lines are judged otherwise since.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let said = some_verdicts(&self.verdicts)?;
        let mut models = ValueModels::read(&self.model)?;
        let lines = log_lines(&self.dir)?;
        let rows = rows_by_key(&lines, models.since);
        let names = |line: &&LogLine| [line.place(), line.place_by_offset()];
        let keys: Vec<KeyLines<'_>> = rows
            .iter()
            .map(|(template, (rows, of_rows))| KeyLines { template, rows, names: of_rows.iter().map(names).collect() })
            .collect();
        let report = learn_values(&mut models, &said, &keys);
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            tell(&report, out)?;
        }
        if report.keys.is_empty() || self.dry_run {
            return Ok(());
        }
        replace(&self.model, self.json, out, || Ok(models.write(&self.model)?))
    }
}

fn tell(report: &ValuesReport, out: &mut impl Write) -> Result<()> {
    let ValuesReport { unknown, keys } = report;
    if !unknown.is_empty() {
        writeln!(out, "not among these lines, write SOURCE:LINE or SOURCE@OFFSET as findings have them:")?;
        name_some("unknown", unknown, out)?;
    }
    for LearntKey { key, false_alarms, left, others, now_abnormal, now_normal, lost } in keys {
        writeln!(
            out,
            "{}: {false_alarms} false alarms, {} learnt; of {others} other lines {} became findings, {} normal",
            Printable::new(key),
            false_alarms - left,
            now_abnormal.len(),
            now_normal.len()
        )?;
        name_some("now a finding", now_abnormal, out)?;
        name_some("now normal", now_normal, out)?;
        name_some("confirmed, and now normal: values like it were said to be false alarms", lost, out)?;
    }
    if keys.is_empty() {
        writeln!(out, "nothing to learn; the model is as it was")?;
    }
    Ok(())
}
