//! Points in time as whole microseconds, the resolution of audit events (`MicroTime`).
//!
//! The API server writes one form only, `2026-11-21T07:10:15.863533Z`; it is read by hand, since an event has two of them.
//! Any other RFC 3339 text (offsets, lower case, leap seconds) takes the long way through jiff. Digits below a microsecond
//! are cut off.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Microseconds since the Unix epoch, UTC.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    /// Before everything: the watermark of a stream of which nothing is known.
    pub const MIN: Micros = Micros(i64::MIN);
    /// After everything: the watermark of a stream that has ended.
    pub const MAX: Micros = Micros(i64::MAX);

    /// This point moved by `delta_us`, without overflow.
    pub fn plus(self, delta_us: i64) -> Micros {
        Micros(self.0.saturating_add(delta_us))
    }

    /// Microseconds from `earlier` to this point; negative when it lies before.
    pub fn since(self, earlier: Micros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The start of the unit of `unit_us` microseconds that holds this point.
    pub fn floor(self, unit_us: i64) -> Micros {
        Micros(self.0.saturating_sub(self.0.rem_euclid(unit_us)))
    }
}

/// First and last accepted second: 1970-01-01 to 2262-01-01, what every table format can hold in 64 bits of nanoseconds.
const RANGE_SECS: std::ops::Range<i64> = 0..9_214_646_400;

/// Why a text is no point in time.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or a date that does not exist.
    #[error("not an RFC 3339 time; write it as 2026-11-21T07:10:15.863533Z")]
    Syntax,
    /// A time at which no audit event can have been written.
    #[error("absurd time: before 1970 or after 2261; check the clock that wrote it")]
    Absurd,
}

impl FromStr for Micros {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Micros, TimeError> {
        let micros = match fixed_form(text.as_bytes()) {
            Some(micros) => micros,
            None => text.parse::<jiff::Timestamp>().map_err(|_| TimeError::Syntax)?.as_microsecond(),
        };
        if RANGE_SECS.contains(&micros.div_euclid(1_000_000)) { Ok(Micros(micros)) } else { Err(TimeError::Absurd) }
    }
}

impl fmt::Display for Micros {
    /// RFC 3339 in UTC with six decimals; the bare number for points outside the calendar (`MIN`, `MAX`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// Microseconds of `YYYY-MM-DDTHH:MM:SS[.f{1,9}]Z`; `None` for any other form and for fields out of range.
fn fixed_form(text: &[u8]) -> Option<i64> {
    let (seconds, fraction) = text.strip_suffix(b"Z")?.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1] = seconds else {
        return None;
    };
    let [century, years, month, day] = pairs([y0, y1, y2, y3, m0, m1, d0, d1])?;
    let [hour, minute, second, _] = pairs([h0, h1, i0, i1, s0, s1, b'0', b'0'])?;
    let year = century * 100 + years;
    if day == 0 || day > days_in_month(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * 86_400 + i64::from((hour * 60 + minute) * 60 + second);
    Some(seconds * 1_000_000 + i64::from(micros_of_fraction(fraction)?))
}

/// The values of four pairs of ASCII digits; `None` where there is another byte. All eight at once, since an event has forty digits
/// of time and one at a time they took 1 % of a conversion.
#[inline]
fn pairs(digits: [u8; 8]) -> Option<[u32; 4]> {
    let bytes = u64::from_le_bytes(digits);
    let above_nine = bytes.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if (bytes & 0xf0f0_f0f0_f0f0_f0f0) | above_nine >> 4 != 0x3333_3333_3333_3333 {
        return None;
    }
    let values = bytes & 0x0f0f_0f0f_0f0f_0f0f;
    let [first, _, second, _, third, _, fourth, _] = (values * 10 + (values >> 8)).to_le_bytes();
    Some([first, second, third, fourth].map(u32::from))
}

/// Microseconds of an empty text or of a dot with one to nine digits.
#[inline]
fn micros_of_fraction(fraction: &[u8]) -> Option<u32> {
    if let &[b'.', a, b, c, d, e, f] = fraction {
        let [high, middle, low, _] = pairs([a, b, c, d, e, f, b'0', b'0'])?;
        return Some((high * 100 + middle) * 100 + low);
    }
    let Some((b'.', digits)) = fraction.split_first() else {
        return fraction.is_empty().then_some(0);
    };
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let shown = digits.iter().take(6).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((digits.len()..6).fold(shown, |sum, _| sum * 10))
}

/// Days of a month in the Gregorian calendar; `None` for a month that does not exist.
fn days_in_month(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. The year is taken to begin in March, so that the leap day
/// comes last and the lengths of the months before it follow one line, (153 m + 2) / 5.
fn days_since_epoch(year: u32, month: u32, day: u32) -> i64 {
    // four hundred years later, so that no year lies before the year 0: the calendar repeats after them
    let year = year + 400;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    i64::from(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1) - DAYS_IN_400_YEARS - DAYS_BEFORE_EPOCH
}

/// Days of four hundred years.
const DAYS_IN_400_YEARS: i64 = 146_097;

/// Days from March 1 of the year 0 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T12:34:56.7Z", 1_709_210_096_700_000),
            ("2024-02-29T12:34:56.123456789Z", 1_709_210_096_123_456),
            ("2024-02-29T14:34:56.123456+02:00", 1_709_210_096_123_456),
            ("2024-02-29t12:34:56z", 1_709_210_096_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn errors() {
        for text in [
            "",
            "Z",
            "yesterday",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00.Z",
            "20é4-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Micros>(), Err(TimeError::Syntax), "{text}");
        }
        for text in
            ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z", "2262-01-01T00:00:00Z"]
        {
            assert_eq!(text.parse::<Micros>(), Err(TimeError::Absurd), "{text}");
        }
        assert!("2261-12-31T23:59:59.999999Z".parse::<Micros>().is_ok());
    }

    #[test]
    fn the_ends_can_be_shown() {
        assert_eq!(Micros::MAX.to_string(), "9223372036854775807us");
        assert_eq!(Micros(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    proptest! {
        #[test]
        fn text_reads_back(micros in 0..9_214_646_400_000_000_i64) {
            let text = Micros(micros).to_string();
            prop_assert_eq!(fixed_form(text.as_bytes()), Some(micros));
            prop_assert_eq!(text.parse(), Ok(Micros(micros)));
        }

        #[test]
        fn the_short_way_agrees_with_jiff(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z") {
            let long_way = text.parse::<jiff::Timestamp>().ok().map(|t| t.as_nanosecond().div_euclid(1_000));
            prop_assert_eq!(fixed_form(text.as_bytes()).map(i128::from), long_way);
        }
    }
}
