//! A glance at a text, sixteen places at a time: can a token or the scheme of a credential begin anywhere in it, and has it a
//! mark by which a URI is more than a path? Nearly all texts end here, so it must be cheap, and may say yes too often but never
//! no.

use wide::u8x16;

/// Places looked at together.
const PLACES: usize = 16;

/// A window: the places, and the three bytes behind the last one.
const WINDOW_BYTES: usize = PLACES + 3;

/// What was seen.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    /// `eyJ` stands somewhere, with which each JSON Web Token begins, or what may be the start of `Bearer` or `Basic` in any
    /// case: a `b`, an `e` or `a`, any letter, an `r` or `i`. With fewer letters every `database` would be searched.
    pub credential: bool,
    /// So does a question mark, a percent sign or an `@`.
    pub mark: bool,
}

/// Looks at a text.
pub(super) fn glance(text: &str) -> Glance {
    let text = text.as_bytes();
    let (mut credentials, mut marks) = (u8x16::ZERO, u8x16::ZERO);
    let mut see = |window: &[u8; WINDOW_BYTES]| {
        credentials |= begins(window);
        marks |= has_mark(window);
    };
    let mut at = 0;
    while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<WINDOW_BYTES>) {
        see(window);
        at += PLACES;
    }
    let rest = text.get(at..).unwrap_or_default();
    let mut last = [0; WINDOW_BYTES];
    if let Some(start) = last.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    see(&last);
    // These lie before the places of the first window that are looked at for marks.
    let at_start = text.iter().take(WINDOW_BYTES - PLACES).any(|byte| matches!(byte, b'?' | b'%' | b'@'));
    Glance { credential: credentials.to_bitmask() != 0, mark: at_start || marks.to_bitmask() != 0 }
}

fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

/// At which places of the window a credential may begin.
#[inline]
fn begins(window: &[u8; WINDOW_BYTES]) -> u8x16 {
    let ([first @ .., _, _, _], [_, second @ .., _, _], [_, _, third @ .., _], [_, _, _, fourth @ ..]) =
        (window, window, window, window);
    let (first, second) = (u8x16::new(*first), u8x16::new(*second));
    let (third, fourth) = (u8x16::new(*third), u8x16::new(*fourth));
    let token = is(first, b'e') & is(second, b'y') & is(third, b'J');
    // the bit in which capitals differ
    let bit = u8x16::splat(0x20);
    let (first, second, fourth) = (first | bit, second | bit, fourth | bit);
    token | (is(first, b'b') & (is(second, b'e') | is(second, b'a')) & (is(fourth, b'r') | is(fourth, b'i')))
}

/// At which of the last places of the window a mark stands: windows overlap, so none is left out.
#[inline]
fn has_mark([_, _, _, places @ ..]: &[u8; WINDOW_BYTES]) -> u8x16 {
    let places = u8x16::new(*places);
    is(places, b'?') | is(places, b'%') | is(places, b'@')
}

#[cfg(test)]
mod tests {
    use super::super::text::{JWT_START, SCHEMES};
    use super::*;
    use proptest::prelude::*;

    fn plainly(text: &str) -> Glance {
        let may_begin = |four: &[u8]| match four.to_ascii_lowercase()[..] {
            [first, second, _, fourth] => first == b'b' && b"ea".contains(&second) && b"ri".contains(&fourth),
            _ => false,
        };
        let credential = text.contains("eyJ") || text.as_bytes().windows(4).any(may_begin);
        Glance { credential, mark: text.contains(['?', '%', '@']) }
    }

    proptest! {
        #[test]
        fn same_as_looking_for_each(head in "[bBeEaArRiIyJx?]{0,40}", filler in 0usize..40, tail in "[bBeEaArRiIyJx%@]{0,5}") {
            let text = format!("{head}{}{tail}", "x".repeat(filler));
            prop_assert_eq!(glance(&text), plainly(&text));
        }

        #[test]
        fn of_any_text_too(text in ".{0,60}") {
            prop_assert_eq!(glance(&text), plainly(&text));
        }
    }

    /// What it looks for is what stands there, wherever that is.
    #[test]
    fn schemes_are_seen() {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let schemes = SCHEMES.iter().flat_map(|word| [word.to_string(), word.to_uppercase(), capital(word)]);
        for word in schemes.chain([JWT_START.to_owned() + "hbG"]) {
            for before in 0..40 {
                assert!(glance(&format!("{}{word}", "x".repeat(before))).credential, "{word} at {before}");
            }
        }
    }
}
