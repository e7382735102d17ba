//! `causeway parse`: log lines to keys and parameters, one JSON line a log line.
//!
//! ```text
//! FILE… ─ lines ─ format ─ masks ─ parser ─▶ {"line":1,"key":1,"template":"…","parameters":[…]}
//!                   └─ odd lines: {"line":2,"key":null,…,"odd":"no_match"}, counted at the end
//! ```

mod gather;
mod odd;
mod parser;
mod tables;

use super::exit::UsageError;
use super::printable::is_unsafe;
use super::raw_lines::each_line;
use crate::text::drain::{DrainJson, Snapshot};
use crate::text::format::LogFormat;
use crate::text::ini::ParserSettings;
use crate::text::line::LineReader;
use crate::text::time::TimeReader;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use gather::Gather;
pub(super) use odd::OddLines;
pub(super) use parser::Parser;
use serde::Serialize;
use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tables::Tables;

/// Turn log lines into log keys and parameters, one JSON line a log line.
///
/// The key is the number of the line's template, from 1. A template is shown as it is when its line is read; later lines may
/// add wildcards to it. Each output line has line (from 1), key, template, parameters; with several files also file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway parse app.log                                     with Drain3's defaults
  causeway parse --ini drain3.ini app.log > keys.jsonl       settings, masks and log format of an ini file
  causeway parse --log-format '<Date> <Time> <Level> <Component>: <Content>' app.log
  causeway parse --parser lenma --threshold 0.88 app.log
  causeway parse --state drain.state day1.log; causeway parse --state drain.state day2.log

Keys and templates are those of Drain3 0.9.11 with the same settings. Lines that are binary, too long or do not fit the
format have no key: they are counted and reported, and stop nothing.")]
pub struct Parse {
    /// Settings in an ini file of Drain3 or of DeepLog's trainer.
    #[arg(long, value_name = "FILE")]
    ini: Option<PathBuf>,
    /// Which part of a line is parsed: `<Content>`; wins over the ini file's logformat.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// The parser.
    #[arg(long, value_enum, default_value_t = Engine::Drain)]
    parser: Engine,
    /// LenMa: the least cosine of word lengths with which a line joins a template.
    #[arg(long, value_name = "COSINE", default_value_t = 0.9)]
    threshold: f64,
    /// Go on with this parser state if the file is there, and write the state back to it at the end.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Learn nothing: only give lines the keys of the state.
    #[arg(long, requires = "state")]
    only_match: bool,
    /// Write the tree to this file at the end, as DeepLog's trainer does (drain.json).
    #[arg(long, value_name = "FILE")]
    drain_json: Option<PathBuf>,
    /// Gather lines into sessions, as the ini file's adapter says, and write them to this file (data.json).
    #[arg(long, value_name = "FILE")]
    data_json: Option<PathBuf>,
    /// Write the settings of the sessions to this file (session_grouper_conf.json).
    #[arg(long, value_name = "FILE")]
    grouper_json: Option<PathBuf>,
    /// Write the lines with their fields, key and template to this file (structured.csv).
    #[arg(long, value_name = "FILE")]
    structured_csv: Option<PathBuf>,
    /// Write all templates with the number of their lines to this file at the end (templates.csv).
    #[arg(long, value_name = "FILE")]
    templates_csv: Option<PathBuf>,
    /// Write each line's vector of values to this file: seconds since the line before, then its parameters.
    #[arg(long, value_name = "FILE")]
    values_csv: Option<PathBuf>,
    /// Fields of the log format that together, a space between, hold the time; Time by default.
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    time: Vec<String>,
    /// How the time is read (strptime), such as '%b %d %H:%M:%S'; wins over the ini file's time_format.
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// Longer lines have no key.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10)]
    max_line_bytes: usize,
    /// Fail at the first line without a key.
    #[arg(long)]
    strict: bool,
    /// Files, folders, globs, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<String>,
}

/// A parser.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// A tree of first tokens.
    Drain,
    /// Lengths of words.
    Lenma,
}

/// Name of a line that fits no template, where none may be learned.
pub(super) const NO_TEMPLATE: &str = "no_template";

/// One line of output.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: u64,
    key: Option<u32>,
    template: Option<String>,
    parameters: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    odd: Option<&'static str>,
}

impl Parse {
    /// Parses all inputs.
    pub fn run(&self, out: &mut impl Write) -> Result<()> {
        let settings = self.settings()?;
        let mut parser = self.parser(&settings)?;
        let adapter_format = settings.adapter.as_ref().and_then(|adapter| adapter.logformat.clone());
        let format = match self.log_format.clone().or(adapter_format) {
            Some(format) => LogFormat::new(&format).map_err(|error| UsageError(error.to_string()))?,
            None => LogFormat::whole_line(),
        };
        let mut lines = LineReader::new(format, self.max_line_bytes);
        let mut gather = Gather::new(self, &settings, &lines)?;
        let mut tables = Tables::new(self, &lines, self.time(&settings, &lines)?)?;
        let mut odd = OddLines::default();
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let written = self.parse(&mut lines, &mut parser, (&mut gather, &mut tables, &mut odd), &mut out);
        let written = written.and_then(|()| Ok(out.flush()?));
        odd.report();
        self.save(&parser)?;
        tables.finish(self, &parser)?;
        gather.map_or(Ok(()), |gather| gather.save(self))?;
        written
    }

    fn settings(&self) -> Result<ParserSettings> {
        self.ini.as_deref().map_or(Ok(ParserSettings::default()), settings_of)
    }

    /// Reads the times of lines; none where no format says how.
    fn time(&self, settings: &ParserSettings, lines: &LineReader) -> Result<Option<TimeReader>> {
        let of_ini = || settings.adapter.as_ref()?.time_format.clone();
        let Some(format) = self.time_format.clone().or_else(of_ini) else { return Ok(None) };
        let usual = ["Time".to_owned()];
        let names = if self.time.is_empty() { usual.as_slice() } else { self.time.as_slice() };
        let field = |name: &String| {
            let missing =
                || UsageError(format!("the time is to be read from <{name}>, which the log format does not have"));
            lines.format().field(name).ok_or_else(missing)
        };
        let fields = names.iter().map(field).collect::<Result<Vec<usize>, UsageError>>()?;
        Ok(Some(TimeReader::new(&format, fields).map_err(|error| UsageError(error.to_string()))?))
    }

    fn parser(&self, settings: &ParserSettings) -> Result<Parser> {
        let saved = match &self.state {
            Some(path) if path.exists() => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read the state {}", path.display()))?;
                let snapshot = Snapshot::from_bytes(&bytes).with_context(|| path.display().to_string())?;
                Some(snapshot)
            }
            Some(path) if self.only_match => {
                bail!("{}: no such file; --only-match wants a state to match with", path.display())
            }
            _ => None,
        };
        match self.parser {
            Engine::Drain => Parser::drain(settings, saved, self.only_match),
            Engine::Lenma if self.state.is_some() || self.drain_json.is_some() => {
                Err(UsageError("--state and --drain-json are for --parser drain".to_owned()).into())
            }
            Engine::Lenma => Parser::lenma(settings, self.threshold),
        }
    }

    fn parse(
        &self,
        lines: &mut LineReader,
        parser: &mut Parser,
        (gather, tables, odd): (&mut Option<Gather>, &mut Tables, &mut OddLines),
        out: &mut impl Write,
    ) -> Result<()> {
        let mut buffer = Vec::new();
        each_line(&self.inputs, &mut |raw| {
            let (file, line) = (raw.several.then_some(raw.file), raw.number);
            let row = match raw.bytes.and_then(|bytes| lines.read(bytes)) {
                Err(why) => odd_row(why.name(), file, line),
                Ok(text) => match parser.parse(lines.content(text)) {
                    None => odd_row(NO_TEMPLATE, file, line),
                    Some(found) => {
                        if let Some(gather) = gather {
                            gather.add(text, lines, &found);
                        }
                        tables.add(text, lines, &found)?;
                        let (key, template) = (Some(found.key), Some(found.template));
                        Row { file, line, key, template, parameters: found.parameters, odd: None }
                    }
                },
            };
            if let Some(why) = row.odd {
                odd.add(raw.file, line, why);
                if self.strict {
                    bail!("{}, line {line}: {why}; leave --strict out to count such lines and go on", raw.file);
                }
            }
            write_row(&row, &mut buffer, out)
        })
    }

    /// Writes what was asked for at the end.
    fn save(&self, parser: &Parser) -> Result<()> {
        let Some(miner) = parser.miner() else { return Ok(()) };
        if let Some(path) = self.state.as_ref().filter(|_| !self.only_match) {
            let bytes = Snapshot::of(miner.drain()).to_bytes()?;
            replace(path, &bytes).with_context(|| format!("cannot write the state to {}", path.display()))?;
        }
        if let Some(path) = &self.drain_json {
            let text = serde_json::to_string_pretty(&DrainJson::new(miner.drain(), miner.masks()))? + "\n";
            replace(path, text.as_bytes()).with_context(|| format!("cannot write the tree to {}", path.display()))?;
        }
        Ok(())
    }
}

/// The settings in an ini file.
pub(super) fn settings_of(path: &Path) -> Result<ParserSettings> {
    let place = || format!("cannot read the settings {}", path.display());
    let text = std::fs::read_to_string(path).with_context(place)?;
    let settings =
        ParserSettings::from_ini(&text).map_err(|error| UsageError(format!("{}: {error}", path.display())))?;
    for (key, why) in &settings.without_effect {
        tracing::info!("{}: {key} changes nothing here: {why}", path.display());
    }
    Ok(settings)
}

fn odd_row<'a>(why: &'static str, file: Option<&'a str>, line: u64) -> Row<'a> {
    Row { file, line, key: None, template: None, parameters: Vec::new(), odd: Some(why) }
}

/// Writes a file under another name first, so that a crash leaves the old one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}

/// Writes a row as JSON in which nothing steers a terminal.
fn write_row(row: &Row, buffer: &mut Vec<u8>, out: &mut impl Write) -> Result<()> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, row)?;
    buffer.push(b'\n');
    // JSON escapes the control characters below the space itself.
    if buffer.iter().all(|byte| byte.is_ascii() && *byte != 0x7f) {
        return Ok(out.write_all(buffer)?);
    }
    for c in String::from_utf8_lossy(buffer).chars() {
        if is_unsafe(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        } else {
            write!(out, "{c}")?;
        }
    }
    Ok(())
}
