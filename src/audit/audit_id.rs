//! Audit ids as 128 bits, where they are UUIDs.

/// The 128 bits of an audit id that is a UUID in its canonical form, lower case with four hyphens; `None` for any other text,
/// so that the id can be written back exactly.
#[inline]
pub fn audit_uuid(audit_id: &str) -> Option<u128> {
    let bytes: &[u8; 36] = audit_id.as_bytes().try_into().ok()?;
    let [a, b, c, d, e, f, g, h, _, i, j, k, l, _, m, n, o, p, _, q, r, s, t, _, u, v, w, x, rest @ ..] = *bytes;
    let words = [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p], [q, r, s, t, u, v, w, x], rest];
    let bits = words.iter().fold(0, |bits, word| bits << 32 | u128::from(value_of_digits(*word)));
    (audit_uuid_text(bits) == *bytes).then_some(bits)
}

/// The number that eight hexadecimal digits say, all at once; any number for what are none.
#[inline]
fn value_of_digits(digits: [u8; 8]) -> u32 {
    let digits = u64::from_be_bytes(digits);
    // letters have this bit, and count from nine on
    let letters = digits >> 6 & ONES;
    let apart = (digits & (ONES * 15)) + letters * 9;
    let apart = (apart | apart >> 4) & 0x00ff_00ff_00ff_00ff;
    let apart = (apart | apart >> 8) & 0x0000_ffff_0000_ffff;
    (apart | apart >> 16) as u32
}

/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The first `N` hexadecimal digits of `bits`, as ASCII.
#[inline]
pub fn hex<const N: usize>(bits: u128) -> [u8; N] {
    let mut digits = [0; N];
    let word = |shift: u32| eight_digits((bits >> shift) as u32);
    let words = [word(96), word(64), word(32), word(0)];
    for (digit, from) in digits.iter_mut().zip(words.as_flattened()) {
        *digit = *from;
    }
    digits
}

/// The digits of a word, all at once: each to a byte of its own, and those above nine to the letters.
#[inline]
fn eight_digits(word: u32) -> [u8; 8] {
    let apart = u64::from(word);
    let apart = (apart | apart << 16) & 0x0000_ffff_0000_ffff;
    let apart = (apart | apart << 8) & 0x00ff_00ff_00ff_00ff;
    let apart = (apart | apart << 4) & (ONES * 15);
    let letters = (apart + ONES * 6) >> 4 & ONES;
    (apart + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

/// The text of which [`audit_uuid`] made `bits`, as ASCII.
#[inline]
pub fn audit_uuid_text(bits: u128) -> [u8; 36] {
    let digits = hex::<32>(bits);
    let mut text = [b'-'; 36];
    for (from, to) in [(0..8, 0..8), (8..12, 9..13), (12..16, 14..18), (16..20, 19..23), (20..32, 24..36)] {
        if let (Some(group), Some(place)) = (digits.get(from), text.get_mut(to)) {
            place.copy_from_slice(group);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_ids_are_uuids() {
        assert_eq!(audit_uuid("841d3e6d-90d2-43df-8da4-684738bee3d5"), Some(0x841d_3e6d_90d2_43df_8da4_6847_38be_e3d5));
        for text in [
            "",
            "841D3E6D-90d2-43df-8da4-684738bee3d5",
            "841d3e6d90d2-43df-8da4-684738bee3d5-",
            "{841d3e6d-90d2-43df-8da4-684738bee3d}",
        ] {
            assert_eq!(audit_uuid(text), None);
        }
    }

    proptest! {
        #[test]
        fn ids_are_restored_exactly(bits in any::<u128>(), text in "[0-9a-fA-F-]{36}") {
            let restored = String::from_utf8(audit_uuid_text(bits).to_vec()).unwrap();
            prop_assert_eq!(audit_uuid(&restored), Some(bits));
            if let Some(bits) = audit_uuid(&text) {
                prop_assert_eq!(audit_uuid_text(bits).to_vec(), text.into_bytes());
            }
        }
    }
}
