//! Text from logs on a terminal: names in audit events are chosen by clients, and may hold escape sequences.

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
    }
}
