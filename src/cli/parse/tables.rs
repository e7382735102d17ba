//! The parsed lines as CSV: structured lines, templates, value vectors.
//!
//! | file | columns |
//! |---|---|
//! | structured | LineId, the fields of the log format, EventId, EventTemplate |
//! | templates | EventId, EventTemplate, Occurrences |
//! | values | log message, log key, parameter value vector: seconds since the line before, then the parameters |
//!
//! Structured lines and value vectors are written as they are read, so their template is the one that the line had then; the file of
//! templates, written at the end, has the last ones.

use super::Parse;
use super::parser::{Found, Parser};
use crate::audit::time::Micros;
use crate::text::csv::cell;
use crate::text::line::LineReader;
use crate::text::time::TimeReader;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The files that were asked for.
pub struct Tables {
    structured: Option<BufWriter<File>>,
    values: Option<BufWriter<File>>,
    time: Option<TimeReader>,
    /// Time of the last line that has one.
    last: Option<Micros>,
    lines: u64,
}

impl Tables {
    /// Opens them and writes their headers.
    pub fn new(parse: &Parse, lines: &LineReader, time: Option<TimeReader>) -> Result<Tables> {
        let mut structured = open(parse.structured_csv.as_deref())?;
        let mut values = open(parse.values_csv.as_deref())?;
        if let Some(file) = &mut structured {
            let names = lines.format().names().iter().map(String::as_str);
            write_row(file, ["LineId"].into_iter().chain(names).chain(["EventId", "EventTemplate"]))?;
        }
        if let Some(file) = &mut values {
            write_row(file, ["log message", "log key", "parameter value vector"])?;
        }
        Ok(Tables { structured, values, time, last: None, lines: 0 })
    }

    /// Writes a parsed line, the last one that `lines` has read.
    pub fn add(&mut self, text: &str, lines: &LineReader, found: &Found) -> Result<()> {
        self.lines += 1;
        if let Some(file) = &mut self.structured {
            let (number, event) = (self.lines.to_string(), event_id(found.key));
            let fields = (0..lines.format().names().len()).map(|field| lines.field(text, field));
            let cells = [number.as_str()].into_iter().chain(fields).chain([event.as_str(), found.template.as_str()]);
            write_row(file, cells)?;
        }
        if let Some(file) = &mut self.values {
            let time = self.time.as_mut().and_then(|time| {
                let fields: Vec<&str> = time.fields().iter().map(|field| lines.field(text, *field)).collect();
                time.read(fields.into_iter())
            });
            let elapsed_secs = time.zip(self.last).map_or(0.0, |(now, last)| now.since(last) as f64 / 1e6);
            self.last = time.or(self.last);
            let parameters = found.parameters.iter().map(|value| serde_json::json!(value));
            let vector: Vec<serde_json::Value> =
                [serde_json::json!(elapsed_secs)].into_iter().chain(parameters).collect();
            let vector = serde_json::to_string(&vector)?;
            write_row(file, [lines.content(text), found.template.as_str(), vector.as_str()])?;
        }
        Ok(())
    }

    /// Writes what is buffered, and the templates.
    pub fn finish(self, parse: &Parse, parser: &Parser) -> Result<()> {
        for mut file in [self.structured, self.values].into_iter().flatten() {
            file.flush()?;
        }
        let Some(mut file) = open(parse.templates_csv.as_deref())? else { return Ok(()) };
        write_row(&mut file, ["EventId", "EventTemplate", "Occurrences"])?;
        for (key, template, lines) in parser.templates() {
            write_row(&mut file, [event_id(key).as_str(), template.as_str(), lines.to_string().as_str()])?;
        }
        Ok(file.flush()?)
    }
}

fn event_id(key: u32) -> String {
    format!("E{key}")
}

fn open(path: Option<&Path>) -> Result<Option<BufWriter<File>>> {
    let open = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    Ok(path.map(open).transpose()?.map(BufWriter::new))
}

fn write_row<'a>(file: &mut impl Write, cells: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    Ok(writeln!(file, "{}", cells.join(","))?)
}
