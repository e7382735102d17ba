//! The time of a log line, from its fields and a `strptime` format.
//!
//! Times are taken as UTC where the format has no zone. Without a date, a step back of more than half a day is taken for
//! midnight; without a year, one of more than half a year for New Year.

use crate::audit::time::Micros;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// What a format leaves out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Lacks {
    Nothing,
    /// Every day is 1970-01-01 and those that follow.
    Date,
    /// Every year is 1972, and those that follow have a February 29 too.
    Year,
}

/// A format that cannot be read with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeFormatError {
    /// A field that the log format does not have.
    #[error("the time is to be read from <{0}>, which the log format does not have")]
    NoField(String),
    /// Not even a time of day.
    #[error("time format {0:?} has no %H or %s: give one such as %Y-%m-%d %H:%M:%S.%f")]
    NoTime(String),
}

/// Reads times of one format, in the order of a log.
pub struct TimeReader {
    format: String,
    /// Places of the fields whose texts, joined by a space, are the time.
    fields: Vec<usize>,
    lacks: Lacks,
    /// Added to what is read, for days or years that have passed.
    turned_us: i64,
    last: Option<Micros>,
    text: String,
    last_text: String,
}

impl TimeReader {
    /// Reads times from `fields`, places of a log format's fields.
    ///
    /// # Errors
    /// [`TimeFormatError::NoTime`] when the format has no time of day.
    pub fn new(format: &str, fields: Vec<usize>) -> Result<TimeReader, TimeFormatError> {
        let has = |letters: &[&str]| letters.iter().any(|letter| format.contains(letter));
        if !has(&["%H", "%I", "%T", "%X", "%c", "%s", "%R", "%k", "%l"]) {
            return Err(TimeFormatError::NoTime(format.into()));
        }
        let lacks = if has(&["%Y", "%y", "%F", "%D", "%s", "%c", "%C", "%G"]) {
            Lacks::Nothing
        } else if has(&["%d", "%e", "%j", "%m", "%b", "%B", "%h"]) {
            Lacks::Year
        } else {
            Lacks::Date
        };
        let format = if lacks == Lacks::Year { format!("%Y {format}") } else { format.to_owned() };
        Ok(TimeReader {
            format,
            fields,
            lacks,
            turned_us: 0,
            last: None,
            text: String::new(),
            last_text: String::new(),
        })
    }

    /// The places of the fields.
    pub fn fields(&self) -> &[usize] {
        &self.fields
    }

    /// Where it stands, to be saved: what has turned, and the last time.
    pub fn state(&self) -> (i64, Option<Micros>) {
        (self.turned_us, self.last)
    }

    /// Goes on from a saved place.
    pub fn restore(&mut self, (turned_us, last): (i64, Option<Micros>)) {
        (self.turned_us, self.last) = (turned_us, last);
        self.last_text.clear();
    }

    /// The time that these texts say; none where they do not fit.
    pub fn read<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Option<Micros> {
        self.text.clear();
        for text in texts {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(text);
        }
        // Lines of one second stand together.
        if self.text == self.last_text && self.last.is_some() {
            return self.last;
        }
        let read = self.parse(&self.text)?;
        let mut time = read.plus(self.turned_us);
        let turn_us = match self.lacks {
            Lacks::Nothing => None,
            Lacks::Date => Some(DAY_US),
            Lacks::Year => Some(366 * DAY_US),
        };
        if let (Some(turn_us), Some(last)) = (turn_us, self.last)
            && last.since(time) > turn_us / 2
        {
            self.turned_us = self.turned_us.saturating_add(turn_us);
            time = read.plus(self.turned_us);
        }
        self.last = Some(time);
        std::mem::swap(&mut self.last_text, &mut self.text);
        Some(time)
    }

    fn parse(&self, text: &str) -> Option<Micros> {
        let with_year;
        let text = match self.lacks {
            Lacks::Year => {
                with_year = format!("1972 {text}");
                &with_year
            }
            _ => text,
        };
        let parsed = strtime::parse(&self.format, text).ok()?;
        if let Ok(timestamp) = parsed.to_timestamp() {
            return Some(Micros(timestamp.as_microsecond()));
        }
        let time = parsed.to_time().unwrap_or(Time::midnight());
        let date = match self.lacks {
            Lacks::Date => Date::constant(1970, 1, 1),
            _ => parsed.to_date().ok()?,
        };
        let timestamp = DateTime::from_parts(date, time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(Micros(timestamp.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, texts: &[&str]) -> Vec<Option<String>> {
        let mut reader = TimeReader::new(format, vec![0]).unwrap();
        texts.iter().map(|text| reader.read(std::iter::once(*text)).map(|time| time.to_string())).collect()
    }

    #[test]
    fn dates_and_fractions() {
        let one = |format: &str, text: &str| read(format, &[text]).pop().unwrap().unwrap_or_default();
        assert_eq!(one("%y%m%d %H%M%S", "081109 203615"), "2008-11-09T20:36:15.000000Z");
        assert_eq!(one("%Y-%m-%d %H:%M:%S,%f", "2015-07-29 17:41:44,747"), "2015-07-29T17:41:44.747000Z");
        assert_eq!(one("%H:%M:%S.%f", "00:00:01.000250"), "1970-01-01T00:00:01.000250Z");
        assert_eq!(one("%s", "1117838570"), "2005-06-03T22:42:50.000000Z");
        assert_eq!(one("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700"), "2000-10-10T20:55:36.000000Z");
        assert_eq!(one("%H:%M:%S", "noon"), "");
    }

    #[test]
    fn midnight_and_new_year() {
        assert_eq!(
            read("%H:%M:%S", &["23:59:59", "23:59:58", "00:00:01", "12:00:00"])
                .into_iter()
                .flatten()
                .collect::<Vec<_>>(),
            [
                "1970-01-01T23:59:59.000000Z",
                "1970-01-01T23:59:58.000000Z",
                "1970-01-02T00:00:01.000000Z",
                "1970-01-02T12:00:00.000000Z"
            ]
        );
        let years = read("%b %d %H:%M:%S", &["Feb 29 10:00:00", "Dec 31 23:00:00", "Jan 1 01:00:00"]);
        assert_eq!(years[0].as_deref(), Some("1972-02-29T10:00:00.000000Z"));
        assert!(years[2] > years[1]);
    }

    #[test]
    fn a_format_without_time_is_refused() {
        assert!(matches!(TimeReader::new("%Y", vec![]), Err(TimeFormatError::NoTime(_))));
    }
}
