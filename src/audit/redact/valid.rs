//! How far a record is valid JSON: the part of it that may be read by its quotes and brackets alone.
//!
//! Behind a defect a quote may begin a string or end one, so nobody can tell there what is a member's name and what a secret.
//! Invariant: a [`Valid`] begins a JSON text and holds no byte at which it stops being one.

use serde::Deserialize as _;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Bytes of a record that are looked at.
const MAX_LEN: usize = 64 * 1024;

/// A record that is no event, with what is known of it.
#[derive(Copy, Clone, Debug)]
pub enum Unusable<'t> {
    /// Bytes of any kind.
    Bytes(&'t [u8]),
    /// A JSON text that `serde_json` read to its end.
    Json(&'t str),
    /// A text that `serde_json` read, as whatever type, until this error: no wrong type, but damage.
    Damaged(&'t str, &'t serde_json::Error),
}

impl Unusable<'_> {
    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Unusable::Bytes(bytes) => bytes.len(),
            Unusable::Json(text) | Unusable::Damaged(text, _) => text.len(),
        }
    }
}

/// The beginning of a text, as far as it is valid JSON.
pub(super) struct Valid<'t>(Cow<'t, str>);

impl<'t> Valid<'t> {
    /// That of `record`, 64 KiB at most.
    pub fn of(record: Unusable<'t>) -> Valid<'t> {
        match record {
            Unusable::Bytes(bytes) => {
                let text = lossy(bytes.get(..MAX_LEN).unwrap_or(bytes));
                let len = valid_len(&text);
                Valid(match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.get(..len).unwrap_or_default()),
                    Cow::Owned(mut text) => {
                        text.truncate(len);
                        Cow::Owned(text)
                    }
                })
            }
            Unusable::Json(text) => Valid(Cow::Borrowed(first(text, MAX_LEN))),
            Unusable::Damaged(text, error) => Valid(Cow::Borrowed(first(text, len_before(text, error).min(MAX_LEN)))),
        }
    }

    pub fn text(&self) -> &str {
        self.0.trim_start_matches('\u{feff}')
    }
}

/// At most `len` bytes of `text`.
fn first(text: &str, len: usize) -> &str {
    text.get(..text.floor_char_boundary(len)).unwrap_or_default()
}

/// How much of `text`, of which nothing is known, is valid JSON; all of it where something follows a whole value.
fn valid_len(text: &str) -> usize {
    let json = text.trim_start_matches('\u{feff}');
    match IgnoredAny::deserialize(&mut serde_json::Deserializer::from_str(json)) {
        Ok(_) => text.len(),
        Err(error) => text.floor_char_boundary(text.len() - json.len() + len_before(json, &error)),
    }
}

/// Bytes of `\uXXXX`.
const ESCAPE_LEN: usize = 6;

/// How much of `text` stands before the byte that `error` is about. (Its column counts bytes, that one mostly included.)
fn len_before(text: &str, error: &serde_json::Error) -> usize {
    let line_start = match error.line().checked_sub(2) {
        Some(newline) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(newline).map_or(0, |at| at + 1),
        None => 0,
    };
    let end = if error.is_eof() { text.len() } else { (line_start + error.column()).saturating_sub(1).min(text.len()) };
    // The digits of `\u` are passed over before they are looked at, if they are: a quote among them is none.
    let last = end.saturating_sub(ESCAPE_LEN);
    let escape = text.as_bytes().get(last..end).and_then(|bytes| memchr::memmem::find(bytes, b"\\u"));
    escape.map_or(end, |at| last + at)
}

/// `bytes` as [`String::from_utf8_lossy`] has it, which goes byte by byte also where all is well.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut text = String::new();
    let mut rest = bytes;
    loop {
        match str::from_utf8(rest) {
            Ok(whole) if text.is_empty() => return Cow::Borrowed(whole),
            Ok(last) => {
                text.push_str(last);
                return Cow::Owned(text);
            }
            Err(error) => {
                let (valid, odd) = rest.split_at(error.valid_up_to());
                text.push_str(str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                rest = error.error_len().and_then(|len| odd.get(len..)).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn before(text: &str) -> &str {
        let error = serde_json::from_str::<Value>(text).unwrap_err();
        &text[..len_before(text, &error)]
    }

    /// Whether `json` begins with a whole value, or with one that only lacks its end: maybe the digits of a number, but not those of an
    /// escape, which `serde_json` misses without looking at what is there.
    fn can_go_on(json: &str) -> bool {
        [json, &format!("{json}0")].into_iter().any(|json| {
            let read = IgnoredAny::deserialize(&mut serde_json::Deserializer::from_str(json));
            let unpaired = json.replace(r"\\", "");
            let blind = unpaired.get(unpaired.len().saturating_sub(5)..).is_some_and(|end| end.contains("\\u"));
            read.map_or_else(|error| error.is_eof() && !blind, |_| true)
        })
    }

    #[test]
    fn what_is_damaged_ends_before_the_damage() {
        for (valid, damage) in [
            ("{\"a\":1", "x}"),
            ("{\"a\":1,", "}"),
            ("{\"a\":\"b", "\n\"}"),
            ("{\n\"a\":1,\n\"b\":", "?}"),
            ("[1,\n", ",]"),
            ("{\"é\":", ":1}"),
            ("{} ", "x"),
        ] {
            let text = format!("{valid}{damage}");
            let before = before(&text);
            assert!(valid.starts_with(before) && before.len() + 1 >= valid.len(), "{text:?}: {before:?}");
        }
        assert_eq!(before("{\"a\":\n\"b"), "{\"a\":\n\"b");
        // the quote behind `\u` ends nothing
        assert_eq!(before(r#"{"a":"7","x":"\u"},"y":1}"#), r#"{"a":"7","x":""#);
        assert_eq!(before(r#"{"a":"7","x":"\u"}"#), r#"{"a":"7","x":""#);
        assert_eq!(before(r#"{"x":"\u00e9","y":"\u12"#), r#"{"x":"\u00e9","y":""#);
    }

    proptest! {
        #[test]
        fn replaced_bytes_are_those_of_the_standard_library(bytes in prop::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(b'a'), 1 => Just(0xe2), 1 => Just(0x82), 1 => Just(0xac)], 0..60)) {
            prop_assert_eq!(lossy(&bytes), String::from_utf8_lossy(&bytes));
        }

        /// What is taken for valid can be completed: nothing in it is an error but that it ends.
        #[test]
        fn what_is_valid_only_lacks_its_end(at in any::<prop::sample::Index>(), with in "[\"\\\\u{}:,a1\n\u{1}é]{0,4}", cut in 0usize..4) {
            let json = r#"{"a":"b\u0020c","d":[1,-2.5e3,true,null,{"é":"f\\"}],"g":{}}"#;
            let at = at.index(json.len());
            let (Some(head), Some(tail)) = (json.get(..at), json.get((at + cut).min(json.len())..)) else { return Ok(()) };
            let text = format!("{head}{with}{tail}");
            let valid = Valid::of(Unusable::Bytes(text.as_bytes()));
            prop_assert!(can_go_on(valid.text()), "{text:?}: {:?}", valid.text());
            if let Err(error) = serde_json::from_str::<Value>(&text) {
                let valid = Valid::of(Unusable::Damaged(&text, &error));
                prop_assert!(text.starts_with(valid.text()) && can_go_on(valid.text()), "{text:?}: {:?}", valid.text());
            }
        }
    }
}
