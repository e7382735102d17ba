//! `causeway detect obvious`.

use super::tell;
use crate::cli::exit::UsageError;
use crate::cli::parse::{NO_TEMPLATE, OddLines, Parser, settings_of};
use crate::cli::printable::is_unsafe;
use crate::cli::raw_lines::each_line;
use crate::text::drain::Snapshot;
use crate::text::format::LogFormat;
use crate::text::line::LineReader;
use anyhow::{Context, Result};
use regex::{Regex, RegexSet};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Characters of a line that a finding shows.
const SHOWN_CHARS: usize = 200;

/// The first stage: lines that are odd in themselves, each with its reasons.
///
/// Reasons are no_match (the log format), too_long, binary, control_characters, no_template (a key that the parser state has never
/// seen), and pattern (one of those given). Lines that later stages would judge pass without a word.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway detect obvious --log-format '<Month> <Date> <Time> <Host> <Component>: <Content>' auth.log
  causeway parse --state normal.state normal.log > /dev/null
  causeway detect obvious --state normal.state --pattern 'Failed password' today.log")]
pub struct Obvious {
    /// Settings in an ini file of Drain3 or of DeepLog's trainer.
    #[arg(long, value_name = "FILE")]
    ini: Option<PathBuf>,
    /// The log format; wins over the ini file's.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// State of a parser that has read normal lines (`causeway parse --state`): keys that it has not seen are findings.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Lines that match this pattern are findings; as often as you like.
    #[arg(long = "pattern", value_name = "REGEX")]
    patterns: Vec<String>,
    /// The same, a pattern a line of this file; empty lines and those that begin with # are skipped.
    #[arg(long, value_name = "FILE")]
    patterns_file: Option<PathBuf>,
    /// Longer lines are findings.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10)]
    max_line_bytes: usize,
    /// Files, folders, globs, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<String>,
}

impl Obvious {
    /// Prints the findings, and tells their counts.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let settings = self.ini.as_deref().map(settings_of).transpose()?.unwrap_or_default();
        let format = self.log_format.clone().or_else(|| settings.adapter.as_ref()?.logformat.clone());
        let format = match format {
            Some(format) => LogFormat::new(&format).map_err(|error| UsageError(error.to_string()))?,
            None => LogFormat::whole_line(),
        };
        let mut lines = LineReader::new(format, self.max_line_bytes);
        let mut parser = match &self.state {
            None => None,
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read the state {}", path.display()))?;
                let snapshot = Snapshot::from_bytes(&bytes).with_context(|| path.display().to_string())?;
                Some(Parser::drain(&settings, Some(snapshot), true)?)
            }
        };
        let patterns = self.patterns()?;
        let set = RegexSet::new(&patterns)?;
        let mut counts = OddLines::default();
        each_line(&self.inputs, &mut |raw| {
            let mut reasons: Vec<String> = Vec::new();
            let mut shown = String::new();
            if let Ok(bytes) = raw.bytes {
                let text = String::from_utf8_lossy(crate::text::line::without_line_end(bytes));
                shown = text.chars().take(SHOWN_CHARS).collect();
                if text.trim().is_empty() {
                    return Ok(());
                }
                if text.chars().any(|c| is_unsafe(c) && c != '\t') {
                    reasons.push("control_characters".to_owned());
                }
                let matched = set.matches(&text).into_iter().filter_map(|place| patterns.get(place));
                reasons.extend(matched.map(|pattern| format!("pattern: {pattern}")));
            }
            match raw.bytes.and_then(|bytes| lines.read(bytes)) {
                Err(why) => reasons.push(why.name().to_owned()),
                Ok(text) => {
                    let unknown = parser.as_mut().is_some_and(|parser| parser.parse(lines.content(text)).is_none());
                    reasons.extend(unknown.then(|| NO_TEMPLATE.to_owned()));
                }
            }
            if reasons.is_empty() {
                return Ok(());
            }
            counts.count(reasons.iter().map(|reason| reason.split(':').next().unwrap_or_default()));
            tell(&json!({ "file": raw.file, "line": raw.number, "reasons": reasons, "text": shown }), out)
        })?;
        counts.report_as("odd lines");
        Ok(())
    }

    /// All patterns, each known to be one.
    fn patterns(&self) -> Result<Vec<String>> {
        let mut patterns = self.patterns.clone();
        if let Some(path) = &self.patterns_file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let wanted = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
            patterns.extend(wanted.map(str::to_owned));
        }
        for pattern in &patterns {
            Regex::new(pattern)
                .map_err(|error| UsageError(format!("the pattern {pattern:?} cannot be read: {error}")))?;
        }
        Ok(patterns)
    }
}
