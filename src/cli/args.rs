//! Arguments that several commands share.

use crate::audit::time::Micros;
use std::str::FromStr;

/// A point in time on the command line: RFC 3339, or a date, which is its first moment in UTC.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Moment(pub Micros);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let date = |text: &str| -> Option<jiff::Timestamp> {
            let date: jiff::civil::Date = text.parse().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        // A date is tried only where there is no clock time, which a date would silently drop.
        let moment = match text.len() {
            10 => date(text),
            _ => text.parse::<jiff::Timestamp>().ok(),
        };
        moment
            .map(|moment| Moment(Micros(moment.as_microsecond())))
            .ok_or_else(|| "write a date, 2026-03-01, or a time with its zone, 2026-03-01T08:30:00Z".to_owned())
    }
}

/// A time for people: UTC, to the second.
pub fn clock(at: Micros) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// A time for programs: RFC 3339 in UTC, to the microsecond.
pub fn rfc3339(at: Micros) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(moment) => format!("{moment:.6}"),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_or_a_time_with_zone() {
        let midnight = Moment(Micros(1_772_323_200_000_000));
        assert_eq!("2026-03-01".parse(), Ok(midnight));
        assert_eq!("2026-03-01T00:00:00Z".parse(), Ok(midnight));
        assert_eq!("2026-03-01T02:00:00+02:00".parse(), Ok(midnight));
        for text in ["", "yesterday", "2026-02-30", "2026-03-01T08:30:00"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?} was read as a moment");
        }
        assert_eq!(clock(midnight.0), "2026-03-01 00:00:00");
        assert_eq!(rfc3339(midnight.0), "2026-03-01T00:00:00.000000Z");
        assert_eq!(clock(Micros::MIN), "-");
    }
}
