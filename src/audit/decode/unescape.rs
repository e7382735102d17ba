//! The text of a JSON string: what log shippers wrap has a backslash before each quote of the event, one in nine bytes of the sample log.
//!
//! The escapes of one letter are undone here, between them whole stretches are copied. Everything else, `\u` and what is no string at
//! all, is left to `serde_json`.

use memchr::memchr2;

/// The text of `literal`, a string with its quotes.
pub(super) fn unescape(literal: &str) -> Result<String, serde_json::Error> {
    match short_escapes(literal) {
        Some(text) => Ok(text),
        None => serde_json::from_str(literal),
    }
}

/// The text, if `literal` is a string without escapes but those of one letter.
fn short_escapes(literal: &str) -> Option<String> {
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    // without an early end, so that the compiler may look at many at a time
    if rest.bytes().fold(false, |control, byte| control | (byte < b' ')) {
        return None;
    }
    let mut text = String::with_capacity(rest.len());
    while let Some(at) = memchr2(b'\\', b'"', rest.as_bytes()) {
        if rest.as_bytes().get(at) == Some(&b'"') {
            return None;
        }
        let letter = match rest.as_bytes().get(at + 1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            _ => return None,
        };
        text.push_str(rest.get(..at)?);
        text.push(letter);
        rest = rest.get(at + 2..)?;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_is_serde_jsons(text in "([\"\\\\/\n\t\r\u{8}\u{c}\u{1}é€a-d ]|[a-z]{0,40}){0,20}") {
            let literal = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&literal).unwrap(), text.clone());
            prop_assert_eq!(short_escapes(&literal).is_some(), !text.contains('\u{1}'));
        }

        #[test]
        fn what_is_no_string_is_none_here_either(literal in "\"?([\"\\\\/nu0\n\u{1}é]|[a-c]{0,4}){0,12}\"?") {
            prop_assert_eq!(unescape(&literal).ok(), serde_json::from_str::<String>(&literal).ok());
        }
    }

    #[test]
    fn other_escapes_are_serde_jsons() {
        assert_eq!(unescape(r#""\/\u00e9\ud83d\ude00""#).unwrap(), "/é😀");
        assert_eq!(unescape(r#""\/\"""#).unwrap(), "/\"");
        assert_eq!(unescape("\"\"").unwrap(), "");
        for bad in [r#""\ud800""#, r#""\x""#, r#""\""#, "\"", ""] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }
}
