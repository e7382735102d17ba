//! Quantities as people write them: `"15m"` for a time, `"4MiB"` for a size. Both print exactly what they hold.

use super::section::{Kind, Leaf};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A length of time, zero or more, in whole microseconds: `"10s"`, `"15m"`, `"1h 30m"`, `"250ms"`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Age(i64);

impl Age {
    /// `secs` seconds.
    pub const fn from_secs(secs: u32) -> Age {
        Age(secs as i64 * 1_000_000)
    }

    /// The length in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The length for timers.
    pub fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.unsigned_abs())
    }
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a length of time.
    #[error("`{0}` is not a length of time; write it like \"10s\", \"15m\" or \"1h 30m\"")]
    Age(String),
    /// Not a size.
    #[error("`{0}` is not a size; write it like \"512KiB\", \"4MiB\" or a number of bytes")]
    Size(String),
}

impl FromStr for Age {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Age, UnitError> {
        let error = || UnitError::Age(text.to_owned());
        let length: SignedDuration = text.trim().parse().map_err(|_| error())?;
        let micros = i64::try_from(length.as_micros()).map_err(|_| error())?;
        if length.is_negative() || length.subsec_nanos() % 1_000 != 0 { Err(error()) } else { Ok(Age(micros)) }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", SignedDuration::from_micros(self.0))
    }
}

/// A number of bytes: `"4MiB"`, `"512KiB"`, `"1GB"`, `"65536"`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

/// Units of [`Size`], the largest first so that printing takes the longest that fits; the decimal ones are only read.
const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Size {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Size {
        Size(bytes)
    }

    /// `count` times 2^20 bytes.
    pub const fn from_mib(count: u32) -> Size {
        Size((count as u64) << 20)
    }

    /// The number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Size, UnitError> {
        let trimmed = text.trim();
        let (digits, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((trimmed.strip_suffix(unit)?, *factor)))
            .unwrap_or((trimmed, 1));
        let count = digits.trim().parse::<u64>().ok();
        count.and_then(|count| count.checked_mul(factor)).map(Size).ok_or_else(|| UnitError::Size(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().take(3).find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

macro_rules! as_text {
    ($($type:ident: $name:literal),*) => {$(
        impl TryFrom<String> for $type {
            type Error = UnitError;
            fn try_from(text: String) -> Result<$type, UnitError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }

        impl Leaf for $type {
            const KIND: Kind = Kind::Text;
            fn type_name() -> String {
                $name.to_owned()
            }
        }
    )*};
}

as_text!(Age: "time", Size: "size");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("15m".parse(), Ok(Age::from_secs(900)));
        assert_eq!("1h 30m".parse(), Ok(Age::from_secs(5_400)));
        assert_eq!("250ms".parse(), Ok(Age(250_000)));
        assert_eq!("4MiB".parse(), Ok(Size(4 << 20)));
        assert_eq!("4 MB".parse(), Ok(Size(4_000_000)));
        assert_eq!("65536".parse(), Ok(Size(65_536)));
        assert_eq!(Age::from_secs(900).to_string(), "15m");
        assert_eq!(Size(4 << 20).to_string(), "4MiB");
        assert_eq!(Size(0).to_string(), "0B");
    }

    #[test]
    fn refuses_what_has_no_unit_or_sense() {
        for text in ["", "10", "-10s", "soon", "1ns"] {
            assert!(text.parse::<Age>().is_err(), "{text:?} was read as a time");
        }
        for text in ["", "MiB", "-1MiB", "1.5MiB", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?} was read as a size");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(micros in 0i64..=i64::MAX / 2, bytes: u64) {
            prop_assert_eq!(Age(micros).to_string().parse(), Ok(Age(micros)));
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = (text.parse::<Age>(), text.parse::<Size>());
        }
    }
}
