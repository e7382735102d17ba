//! Rows of CSV that hold syslog messages, as log shippers export them, back to log lines.
//!
//! ```text
//! message      <30>Sep 24 10:02:03 host sshd[7]: session opened     ─┐
//! @timestamp   Sep 24, 2020 @ 10:02:04.123                           ├─▶ Sep 24 10:02:04 host sshd[7]: session opened
//!                                                                   ─┘
//! ```

use regex::Regex;
use std::sync::LazyLock;

/// A message: its priority and time, which the timestamp replaces, and its text.
#[expect(clippy::expect_used, reason = "the pattern is a constant that a test compiles")]
static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^<\d+>\s*[A-Z][a-z]{2}\s+\d{1,2}\s+\d{2}:\d{2}:\d{2}\s+(?s:(.*))$").expect("a valid pattern")
});

/// A timestamp: month and day, then anything, then the time of day.
#[expect(clippy::expect_used, reason = "the pattern is a constant that a test compiles")]
static TIMESTAMP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*([A-Z][a-z]{2}\s+\d{1,2}),.*?(\d{2}:\d{2}:\d{2})").expect("a valid pattern"));

/// The line of a row; none where the message or the timestamp has another form. Line ends within a message become spaces.
pub fn line_of(message: &str, timestamp: &str) -> Option<String> {
    let text = MESSAGE.captures(message)?.get(1)?.as_str();
    let stamp = TIMESTAMP.captures(timestamp)?;
    let (day, time) = (stamp.get(1)?.as_str(), stamp.get(2)?.as_str());
    Some(format!("{day} {time} {}", text.replace(['\r', '\n'], " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_time_is_the_timestamps_and_the_text_the_messages() {
        let line = line_of("<30>Sep 24 10:02:03 host sshd[7]: session opened", "Sep 24, 2020 @ 10:02:04.123");
        assert_eq!(line.as_deref(), Some("Sep 24 10:02:04 host sshd[7]: session opened"));
        assert_eq!(line_of("<3>Jan  5 00:00:00 a\nb", "Jan 5, 00:00:01").as_deref(), Some("Jan 5 00:00:01 a b"));
        for (message, timestamp) in
            [("host: text", "Sep 24, 10:02:04"), ("<30>Sep 24 10:02:03 x", "2020-09-24T10:02:04")]
        {
            assert_eq!(line_of(message, timestamp), None);
        }
    }

    proptest! {
        #[test]
        fn no_row_panics(message in "(<\\d{0,3}>)?\\PC{0,40}", timestamp in "\\PC{0,40}") {
            let _ = line_of(&message, &timestamp);
        }
    }
}
