//! Audit ids as 128 bits, where they are UUIDs.

/// The 128 bits of an audit id that is a UUID in its canonical form, lower case with four hyphens; `None` for any other text,
/// so that the id can be written back exactly.
pub fn audit_uuid(audit_id: &str) -> Option<u128> {
    let bytes = audit_id.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    bytes.iter().enumerate().try_fold(0_u128, |bits, (index, byte)| match (index, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(bits),
        (8 | 13 | 18 | 23, _) => None,
        (_, b'0'..=b'9') => Some(bits << 4 | u128::from(byte - b'0')),
        (_, b'a'..=b'f') => Some(bits << 4 | u128::from(byte - b'a' + 10)),
        _ => None,
    })
}

/// The first `N` hexadecimal digits of `bits`, as ASCII.
pub fn hex<const N: usize>(bits: u128) -> [u8; N] {
    let mut digits = [0; N];
    for (place, digit) in digits.iter_mut().enumerate() {
        let nibble = (bits >> (124 - 4 * place.min(31))) as u8 & 15;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    digits
}

/// The text of which [`audit_uuid`] made `bits`, as ASCII.
pub fn audit_uuid_text(bits: u128) -> [u8; 36] {
    let mut digits = hex::<32>(bits).into_iter();
    let mut text = [b'-'; 36];
    for (place, byte) in text.iter_mut().enumerate() {
        if !matches!(place, 8 | 13 | 18 | 23) {
            *byte = digits.next().unwrap_or(b'0');
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
