//! A glance at a text, sixteen places at a time: can a token or the scheme of a credential begin anywhere in it? Nearly all
//! texts end here, so it must be cheap, and may say yes too often but never no.

use wide::u8x16;

/// Places looked at together.
const PLACES: usize = 16;

/// A window: the places, and the two bytes behind the last one.
const WINDOW_BYTES: usize = PLACES + 2;

/// Whether `eyJ` stands anywhere, with which each JSON Web Token begins, or the first three letters of `Bearer` or `Basic` in
/// any case (or of `bes` or `baa`, which comes of looking at each letter alone).
pub(super) fn may_hold_credential(text: &str) -> bool {
    let text = text.as_bytes();
    let mut at = 0;
    while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<WINDOW_BYTES>) {
        if begins(window) {
            return true;
        }
        at += PLACES;
    }
    let rest = text.get(at..).unwrap_or_default();
    let mut last = [0; WINDOW_BYTES];
    match last.get_mut(..rest.len()) {
        Some(start) => start.copy_from_slice(rest),
        None => return true,
    }
    begins(&last)
}

/// Whether one of the beginnings stands at any place of the window.
fn begins(window: &[u8; WINDOW_BYTES]) -> bool {
    let ([first @ .., _, _], [_, second @ .., _], [_, _, third @ ..]) = (window, window, window);
    let (first, second, third) = (u8x16::new(*first), u8x16::new(*second), u8x16::new(*third));
    let is = |bytes: u8x16, byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let token = is(first, b'e') & is(second, b'y') & is(third, b'J');
    // the bit in which capitals differ
    let bit = u8x16::splat(0x20);
    let (first, second, third) = (first | bit, second | bit, third | bit);
    let scheme = is(first, b'b') & (is(second, b'e') | is(second, b'a')) & (is(third, b'a') | is(third, b's'));
    (token | scheme).to_bitmask() != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plainly(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        text.contains("eyJ") || ["bea", "bas", "bes", "baa"].iter().any(|start| lower.contains(start))
    }

    proptest! {
        #[test]
        fn same_as_looking_for_each(head in "[bBeEaAsSyJx]{0,40}", filler in 0usize..40, tail in "[bBeEaAsSyJx]{0,4}") {
            let text = format!("{head}{}{tail}", "x".repeat(filler));
            prop_assert_eq!(may_hold_credential(&text), plainly(&text));
        }

        #[test]
        fn of_any_text_too(text in ".{0,60}") {
            prop_assert_eq!(may_hold_credential(&text), plainly(&text));
        }
    }
}
