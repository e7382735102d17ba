//! Numbers in as few bits as they need.

/// The bits that every number up to `largest` fits in.
pub fn width_of(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

/// Appends numbers of `width` bits each, lowest bits first, zeros to the end of the last byte.
pub fn pack(numbers: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut held) = (0, 0);
    for number in numbers {
        word |= number << held;
        held += width;
        if held >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            held -= u64::BITS;
            word = number.checked_shr(width - held).unwrap_or(0);
        }
    }
    out.extend(word.to_le_bytes().into_iter().take(held.div_ceil(8) as usize));
}

/// Appends a number in groups of seven bits, the lowest first.
pub fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number of either sign: small ones of both take few bytes.
pub fn put_zigzag(number: i64, out: &mut Vec<u8>) {
    put_varint(((number << 1) ^ (number >> 63)) as u64, out);
}
