//! Lone surrogates: `\ud800` without its other half is legal JSON but no text. Kubernetes writes U+FFFD for it; so do we.

/// `json` with every lone surrogate escape replaced by `\ufffd`; `None` when there is none.
pub(super) fn mend(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += step;
        at += match (unit(bytes, at), unit(bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                let copy = mended.get_or_insert_with(|| bytes.to_vec());
                if let Some(escape) = copy.get_mut(at..at + 6) {
                    escape.copy_from_slice(b"\\ufffd");
                }
                6
            }
            // past the escaped character, which may be another backslash
            _ => 2,
        };
    }
    mended.and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The UTF-16 unit of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::mend;
    use proptest::prelude::*;

    #[test]
    fn lone_halves_are_replaced_and_pairs_stay() {
        assert_eq!(mend(r#""\ud800""#).as_deref(), Some(r#""\ufffd""#));
        assert_eq!(mend(r#""\udc00\ud83d\ude00\ud83d""#).as_deref(), Some(r#""\ufffd\ud83d\ude00\ufffd""#));
        assert_eq!(mend(r#""\\ud800 \ud83d\ude00 \u0026""#), None);
        assert_eq!(mend(r#""\ud8"#), None);
    }

    proptest! {
        #[test]
        fn mended_strings_can_be_read(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let json = format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
            let mended = mend(&json).unwrap_or(json);
            prop_assert_eq!(serde_json::from_str::<String>(&mended).unwrap(), String::from_utf16_lossy(&units));
        }
    }
}
