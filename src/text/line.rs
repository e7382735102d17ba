//! From the bytes of a line to its content, or to the reason why it has none.

use super::format::{Fields, LogFormat};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Why a line has no key. Such lines are counted and reported; none stops a run.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddLine {
    /// Longer than a line may be.
    TooLong,
    /// Not UTF-8, or with a NUL byte in it.
    Binary,
    /// It does not fit the log format.
    NoMatch,
}

impl OddLine {
    /// Its name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            OddLine::TooLong => "too_long",
            OddLine::Binary => "binary",
            OddLine::NoMatch => "no_match",
        }
    }

    /// What is wrong, for people.
    pub fn message(self) -> &'static str {
        match self {
            OddLine::TooLong => "the line is longer than the limit",
            OddLine::Binary => "the line is not UTF-8 text, or has a NUL byte",
            OddLine::NoMatch => "the line does not fit the log format",
        }
    }
}

/// Reads lines of one format.
pub struct LineReader {
    format: LogFormat,
    max_bytes: usize,
    fields: Fields,
}

impl LineReader {
    /// A reader of lines of at most `max_bytes`.
    pub fn new(format: LogFormat, max_bytes: usize) -> LineReader {
        LineReader { format, max_bytes, fields: Fields::default() }
    }

    /// The format.
    pub fn format(&self) -> &LogFormat {
        &self.format
    }

    /// The text of a line without its line end, once its fields are read.
    ///
    /// # Errors
    /// The reason why it cannot be parsed.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Result<&'a str, OddLine> {
        let line = without_line_end(line);
        if line.len() > self.max_bytes {
            return Err(OddLine::TooLong);
        }
        let text = std::str::from_utf8(line).map_err(|_| OddLine::Binary)?;
        if memchr::memchr(0, line).is_some() {
            return Err(OddLine::Binary);
        }
        if self.format.read(text, &mut self.fields) { Ok(text) } else { Err(OddLine::NoMatch) }
    }

    /// The content of the line read last.
    pub fn content<'a>(&self, text: &'a str) -> &'a str {
        self.format.content(text, &self.fields)
    }

    /// Where the content of the line read last stands in it.
    pub fn content_range(&self) -> Range<usize> {
        self.format.content_range(&self.fields)
    }

    /// Where a field of the line read last stands in it.
    pub fn field_range(&self, field: usize) -> Range<usize> {
        self.fields.range(field)
    }

    /// A field of the line read last.
    pub fn field<'a>(&self, text: &'a str, field: usize) -> &'a str {
        self.fields.get(text, field)
    }
}

/// A line without `\n`, `\r\n` at its end.
pub fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lines_have_their_reason() {
        let mut reader = LineReader::new(LogFormat::new("<Time>: <Content>").unwrap(), 20);
        assert_eq!(reader.read(b"12: hello\r\n").map(|text| reader.content(text).to_owned()), Ok("hello".into()));
        for (line, odd) in [
            (b"no colon".as_slice(), OddLine::NoMatch),
            (b"", OddLine::NoMatch),
            (b"1: \xff", OddLine::Binary),
            (b"1: \0", OddLine::Binary),
            (b"1: 678901234567890123", OddLine::TooLong),
        ] {
            assert_eq!(reader.read(line), Err(odd));
        }
    }
}
