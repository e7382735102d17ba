//! A cheap look at the time of the first event in a piece of log, without decoding it.

use crate::audit::time::Micros;
use memchr::memmem;

/// The time of the first event in `bytes`: its stage timestamp, or where no event has one, the time its request came.
/// Both are found behind their key, also inside JSON that stands escaped in a string.
pub(in crate::source) fn first_event_time(bytes: &[u8]) -> Option<Micros> {
    first_behind(bytes, b"stageTimestamp").or_else(|| first_behind(bytes, b"requestReceivedTimestamp"))
}

fn first_behind(bytes: &[u8], key: &[u8]) -> Option<Micros> {
    memmem::find_iter(bytes, key).find_map(|at| time_value(bytes.get(at + key.len()..)?))
}

/// Reads `": "2024-01-02T03:04:05.678901Z"`, with any number of backslashes before the quotes.
fn time_value(rest: &[u8]) -> Option<Micros> {
    let value = between(between(rest)?.strip_prefix(b":")?)?;
    let end = value.iter().take(40).position(|b| matches!(b, b'"' | b'\\'))?;
    let text = std::str::from_utf8(value.get(..end)?).ok()?;
    Some(Micros(text.parse::<jiff::Timestamp>().ok()?.as_microsecond()))
}

/// What follows a quote and the blanks around it.
fn between(bytes: &[u8]) -> Option<&[u8]> {
    let quote = bytes.trim_ascii_start();
    let slashes = quote.iter().take_while(|b| **b == b'\\').count();
    Some(quote.get(slashes..)?.strip_prefix(b"\"")?.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_plain_spaced_and_escaped() {
        let want = Some(Micros(1_704_164_645_678_901));
        for text in [
            r#"{"stageTimestamp":"2024-01-02T03:04:05.678901Z"}"#,
            r#"{ "stageTimestamp" : "2024-01-02T03:04:05.678901Z" }"#,
            r#"{"log":"{\"stageTimestamp\":\"2024-01-02T03:04:05.678901Z\"}"}"#,
            r#"{"log":"{\\\"stageTimestamp\\\":\\\"2024-01-02T03:04:05.678901Z\\\"}"}"#,
            r#"{"requestReceivedTimestamp":"2024-01-02T03:04:05.678901Z"}"#,
            r#"{"requestReceivedTimestamp":"2020-01-01T00:00:00Z","stageTimestamp":"2024-01-02T04:04:05.678901+01:00"}"#,
            "garbage stageTimestamp\n{\"stageTimestamp\":null}\n{\"stageTimestamp\":\"2024-01-02T03:04:05.678901Z\"}",
        ] {
            assert_eq!(first_event_time(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn nothing_where_there_is_none() {
        for text in
            ["", "stageTimestamp", "stageTimestamp\":\"", "stageTimestamp\":\"never\"", "{\"stageTimestamp\":\"2024"]
        {
            assert_eq!(first_event_time(text.as_bytes()), None, "{text}");
        }
    }
}
