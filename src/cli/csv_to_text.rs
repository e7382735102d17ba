//! `causeway csv-to-text`.

use super::printable::Printable;
use crate::text::csv::records;
use crate::text::syslog_csv::line_of;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Turn CSV exports of syslog messages into files of log lines, and those into batches.
///
/// For each NAME.csv it writes NAME.txt and NAME_batch_1.txt, NAME_batch_2.txt … Rows whose message or timestamp has another form are
/// skipped, named and counted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  causeway csv-to-text --output lines exports/*.csv")]
pub struct CsvToText {
    /// Folder for the files of lines.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Lines a batch; 0: no batches.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    batch_lines: usize,
    /// Column of the messages: <30>Sep 24 10:02:03 text.
    #[arg(long, value_name = "NAME", default_value = "message")]
    message: String,
    /// Column of the timestamps: Sep 24, 2020 @ 10:02:03.
    #[arg(long, value_name = "NAME", default_value = "@timestamp")]
    timestamp: String,
    /// CSV files with a header.
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
}

/// How many skipped rows of a file are named.
const NAMED: usize = 3;

impl CsvToText {
    /// Writes the files, and says how many lines each has.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        std::fs::create_dir_all(&self.output).with_context(|| format!("cannot make {}", self.output.display()))?;
        for input in &self.inputs {
            let (lines, skipped) = self.lines(input)?;
            let base = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            write_lines(&self.output.join(format!("{base}.txt")), &lines)?;
            let batches = if self.batch_lines == 0 { Vec::new() } else { lines.chunks(self.batch_lines).collect() };
            for (number, batch) in (1..).zip(&batches) {
                write_lines(&self.output.join(format!("{base}_batch_{number}.txt")), batch)?;
            }
            let (count, batches) = (lines.len(), batches.len());
            writeln!(out, "{}: {count} lines, {batches} batches, {skipped} rows skipped", input.display())?;
        }
        Ok(())
    }

    /// The lines of a file, and how many rows were skipped.
    fn lines(&self, input: &Path) -> Result<(Vec<String>, usize)> {
        let text = std::fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
        let mut rows = records(&String::from_utf8_lossy(&text)).into_iter();
        let header = rows.next().unwrap_or_default();
        let column = |name: &str| match header.iter().position(|cell| cell == name) {
            Some(column) => Ok(column),
            None => bail!(
                "{} has no column {name:?}, it has {}; name it with --message or --timestamp",
                input.display(),
                Printable::new(&header.join(", "))
            ),
        };
        let (message, timestamp) = (column(&self.message)?, column(&self.timestamp)?);
        let (mut lines, mut skipped) = (Vec::new(), 0);
        for (number, row) in (2..).zip(rows) {
            let cell = |column: usize| row.get(column).map(String::as_str).unwrap_or_default();
            match line_of(cell(message), cell(timestamp)) {
                Some(line) => lines.push(line),
                None => {
                    skipped += 1;
                    if skipped <= NAMED {
                        let row = row.join(",");
                        tracing::warn!("{}, record {number} is no message: {}", input.display(), Printable::new(&row));
                    }
                }
            }
        }
        Ok((lines, skipped))
    }
}

fn write_lines(path: &Path, lines: &[String]) -> Result<()> {
    let place = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(place)?);
    for line in lines {
        writeln!(file, "{line}").with_context(place)?;
    }
    file.flush().with_context(place)
}
