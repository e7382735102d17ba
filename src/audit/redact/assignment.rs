//! Credentials that are given by name within free text: `--password=x`, `DB_TOKEN=x`, `password: "x y"`, `--token x`.
//!
//! What a credential is called decides; of a command line in the query of an exec, and of strings in bodies, nothing else can be
//! known. A password without a name (`mysql -px`) stays: the command is evidence that an audit is for.

use super::text::without;
use std::borrow::Cow;

/// Parts of the names of credentials, in lower case.
const NAMES: [&str; 9] = ["token", "password", "passwd", "pwd", "secret", "apikey", "api_key", "api-key", "credential"];

/// `text` without the values of credentials that are named in it.
pub(super) fn redact_assignments(text: &str) -> Cow<'_, str> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(next_word) {
        let (start, end) = (at + word.0, at + word.1);
        at = end;
        if is_credential(text.get(start..end).unwrap_or_default())
            && let Some(value) = value_behind(text, start, end)
        {
            at = value.1;
            spans.push(value);
        }
    }
    without(text, spans)
}

/// Whether `word` is a flag whose value is a credential, in the next word.
pub(super) fn is_credential_flag(word: &str) -> bool {
    word.starts_with('-') && !word.contains(['=', ' ']) && is_credential(word)
}

fn is_credential(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.iter().any(|name| word.contains(name))
}

/// Start and end of the first run of characters of a name.
fn next_word(text: &str) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let start = text.find(is_part)?;
    let len = text.get(start..)?.find(|c| !is_part(c)).unwrap_or(text.len() - start);
    Some((start, start + len))
}

/// Start and end of the value that the name between `start` and `end` is given.
fn value_behind(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let behind = text.get(end..)?;
    // a name may be quoted itself
    let unquoted = behind.trim_start_matches(['"', '\'', '\\']);
    let value = match unquoted.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start_matches([' ', '\t']),
        None if text.get(start..)?.starts_with('-') => {
            let value = behind.trim_start_matches([' ', '\t']);
            (value.len() < behind.len() && !value.starts_with('-')).then_some(value)?
        }
        None => return None,
    };
    let opened = value.trim_start_matches('\\');
    let len = match opened.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = opened.get(1..)?;
            let skipped = value.len() - inner.len();
            skipped + inner.find(quote).unwrap_or(inner.len())
        }
        _ => value.find(char::is_whitespace).unwrap_or(value.len()),
    };
    let from = text.len() - value.len();
    (len > 0).then_some((from, from + len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn named_credentials_go() {
        for (text, kept) in [
            ("mysql --password=x -u root", "mysql --password=REDACTED -u root"),
            ("export DB_TOKEN='x y'; ls", "export DB_TOKEN=REDACTED'; ls"),
            ("--token x --name y", "--token REDACTED --name y"),
            ("password: x\nuser: y", "password: REDACTED\nuser: y"),
            (r#"{"Secret-Key":"x","a":1}"#, r#"{"Secret-Key":REDACTED","a":1}"#),
            (r#"{\"apiKey\": \"x\"}"#, r#"{\"apiKey\": REDACTED"}"#),
            ("PWD=", "PWD="),
            ("--password", "--password"),
            ("--password --verbose", "--password --verbose"),
            ("secret shop/db created, tokens are fine", "secret shop/db created, tokens are fine"),
            ("ls -l /var/run", "ls -l /var/run"),
        ] {
            assert_eq!(redact_assignments(text), kept);
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_password_stays(before in "\\PC{0,10}", value in "[A-Z]{4,9}", after in "\\PC{0,10}") {
            let text = format!("{before} --password={value} {after}");
            prop_assert!(!redact_assignments(&text).contains(&value) || before.contains(&value) || after.contains(&value));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "([a-z]{0,3}|token|pwd|=|:|'|\"|\\\\|é| |--){0,20}") {
            redact_assignments(&text);
        }
    }
}
