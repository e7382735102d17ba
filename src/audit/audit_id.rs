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

/// The text of which [`audit_uuid`] made `bits`.
pub fn audit_uuid_text(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
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
            prop_assert_eq!(audit_uuid(&audit_uuid_text(bits)), Some(bits));
            if let Some(bits) = audit_uuid(&text) {
                prop_assert_eq!(audit_uuid_text(bits), text);
            }
        }
    }
}
