//! Hive partition folders: `cluster=…/date=…`, with values that cannot leave their folder whatever they hold.

use crate::audit::hash::{Id, hash};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Hive's name for a partition without a value.
pub const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;

/// Longest encoded value, in bytes; with `cluster=` it stays far below the 255 of common file systems.
const MAX_BYTES: usize = 100;

/// Kept as they are beside letters and digits. `~` is not: it marks a shortened value.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A partition value as part of a folder's name. Different values give different texts.
pub fn encode(value: &str) -> String {
    if value.is_empty() {
        return NO_VALUE.to_owned();
    }
    let mut text = utf8_percent_encode(value, ENCODED).to_string();
    if text.starts_with('.') {
        text.replace_range(..1, "%2E");
    }
    if text == NO_VALUE {
        text.replace_range(..1, "%5F");
    }
    if text.len() > MAX_BYTES {
        let mut end = MAX_BYTES - 17;
        // Never cut an escape in two.
        while text.as_bytes().iter().take(end).rev().take(2).any(|b| *b == b'%') {
            end -= 1;
        }
        text.truncate(end);
        text = format!("{text}~{}", Id(hash(&[value])));
    }
    text
}

/// Day since the Unix epoch that holds a time.
pub fn day_of(at_us: i64) -> i64 {
    at_us.div_euclid(DAY_US)
}

/// `2024-01-31`; [`NO_VALUE`] for days outside the years 0–9999, which no calendar of a reader knows.
pub fn date_text(day: i64) -> String {
    let date = day
        .checked_mul(86_400)
        .and_then(|secs| jiff::Timestamp::from_second(secs).ok())
        .map(|at| jiff::tz::Offset::UTC.to_datetime(at).date());
    match date {
        Some(date) if date.year() >= 0 => date.to_string(),
        _ => NO_VALUE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay() {
        assert_eq!(encode("prod-eu_1.example"), "prod-eu_1.example");
        assert_eq!(encode("../x"), "%2E.%2Fx");
        assert_eq!(encode("a=b\0"), "a%3Db%00");
        assert_eq!(encode(""), NO_VALUE);
        assert_ne!(encode(NO_VALUE), NO_VALUE);
    }

    #[test]
    fn dates() {
        assert_eq!(date_text(day_of(0)), "1970-01-01");
        assert_eq!(date_text(day_of(-1)), "1969-12-31");
        assert_eq!(date_text(day_of(1_706_659_200_000_000)), "2024-01-31");
        assert_eq!(date_text(day_of(i64::MAX)), NO_VALUE);
        assert_eq!(date_text(day_of(i64::MIN)), NO_VALUE);
        assert_eq!(date_text(i64::MAX), NO_VALUE);
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_folder(value in prop_oneof![any::<String>(), "[./=~%\0 -]{0,300}", "\\PC{200,400}"]) {
            let text = encode(&value);
            prop_assert!(!text.is_empty() && text.len() <= MAX_BYTES);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%~".contains(&b)));
            prop_assert!(!text.starts_with('.'));
            if !text.contains('~') && text != NO_VALUE {
                let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap();
                prop_assert_eq!(decoded.as_ref(), value.as_str());
            }
        }

        #[test]
        fn long_names_differ(a in "[a-z]{150}", b in "[a-z]{150}") {
            let prefix = "p".repeat(200);
            prop_assume!(a != b);
            prop_assert_ne!(encode(&format!("{prefix}{a}")), encode(&format!("{prefix}{b}")));
        }
    }
}
