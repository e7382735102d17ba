//! Text from logs on a terminal: names in audit events are chosen by clients, and may hold escape sequences.

use serde_json::Value;
use std::fmt;

/// Prints text with everything that could steer a terminal or hide itself written as an escape (`\u{1b}`).
///
/// ```
/// # use causeway::cli::printable::Printable;
/// assert_eq!(Printable::new("web\u{1b}[2J").to_string(), "web\\u{1b}[2J");
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Printable<'a> {
    text: &'a str,
    keep_newlines: bool,
}

impl<'a> Printable<'a> {
    /// `text` on one line.
    pub fn new(text: &'a str) -> Printable<'a> {
        Printable { text, keep_newlines: false }
    }

    /// `text` on as many lines as it has.
    pub fn lines(text: &'a str) -> Printable<'a> {
        Printable { text, keep_newlines: true }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain_from = 0;
        for (at, c) in self.text.char_indices() {
            if is_unsafe(c) && !(c == '\n' && self.keep_newlines) {
                f.write_str(self.text.get(plain_from..at).unwrap_or_default())?;
                write!(f, "{}", c.escape_default())?;
                plain_from = at + c.len_utf8();
            }
        }
        f.write_str(self.text.get(plain_from..).unwrap_or_default())
    }
}

/// Prints JSON with the same characters escaped within its strings, so that a terminal may show it and a program reads the same
/// values. On one line; `{:#}` spreads it over many.
///
/// ```
/// # use causeway::cli::printable::PrintableJson;
/// assert_eq!(PrintableJson(&serde_json::json!("a\u{9b}31m")).to_string(), r#""a\u009b31m""#);
/// ```
#[derive(Copy, Clone, Debug)]
pub struct PrintableJson<'a>(pub &'a Value);

impl fmt::Display for PrintableJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { format!("{:#}", self.0) } else { self.0.to_string() };
        let mut plain_from = 0;
        // Outside of strings JSON has no such characters, but for the newlines between its lines.
        for (at, c) in text.char_indices().filter(|(_, c)| is_unsafe(*c) && *c != '\n') {
            f.write_str(text.get(plain_from..at).unwrap_or_default())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(f, "\\u{unit:04x}")?;
            }
            plain_from = at + c.len_utf8();
        }
        f.write_str(text.get(plain_from..).unwrap_or_default())
    }
}

/// Control characters (C0, DEL, C1), and those that reorder or hide text: bidirectional controls, zero-width characters, line
/// separators, the byte order mark, tags.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_neutralised() {
        let name = "a\u{1b}]0;title\u{7}b\r\nc\u{9b}31m\u{202e}d";
        assert_eq!(Printable::new(name).to_string(), "a\\u{1b}]0;title\\u{7}b\\r\\nc\\u{9b}31m\\u{202e}d");
        assert_eq!(Printable::lines("a\n\tb").to_string(), "a\n\\tb");
        assert_eq!(Printable::new("größe ✓").to_string(), "größe ✓");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_printed(text: String) {
            let printed = Printable::new(&text).to_string();
            prop_assert!(!printed.chars().any(is_unsafe));
            prop_assert_eq!(printed == text, !text.chars().any(is_unsafe));
        }

        #[test]
        fn json_is_safe_and_reads_back(text in any::<String>(), unsafe_text in "[\u{9b}\u{7f}\u{202e}\u{e0041}\n\u{1b}]{0,9}") {
            let value = serde_json::json!({"name": format!("{unsafe_text}{text}"), &unsafe_text: [text]});
            for printed in [PrintableJson(&value).to_string(), format!("{:#}", PrintableJson(&value))] {
                prop_assert!(!printed.chars().any(|c| is_unsafe(c) && c != '\n'));
                prop_assert_eq!(&serde_json::from_str::<Value>(&printed).unwrap(), &value);
            }
        }
    }
}
