//! Numbers in as few bits as they need.

const WORD_BYTES: usize = size_of::<u64>();

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

/// Most bits of numbers that are packed eight at a time: these are two words then.
pub const MOST_GROUP_WIDTH: u32 = 16;

/// Appends numbers of `width` bits each, up to 32, lowest bits first, and zeros up to the next eight numbers.
pub fn pack_groups(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let (groups, rest) = numbers.as_chunks::<8>();
    out.reserve((groups.len() + 1) * width as usize + WORD_BYTES);
    if width <= MOST_GROUP_WIDTH {
        groups.iter().for_each(|group| pack_group(group, width, out));
    } else {
        pack(groups.as_flattened().iter().map(|number| u64::from(*number)), width, out);
    }
    if !rest.is_empty() {
        let end = out.len() + width as usize;
        pack(rest.iter().map(|number| u64::from(*number)), width, out);
        out.resize(end, 0);
    }
}

/// Eight numbers of at most 16 bits: they are as many bytes as each has bits, two words at most.
#[inline]
fn pack_group(group: &[u32; 8], width: u32, out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h] = *group;
    // No number depends on the one before it but by its place.
    let two = |low: u32, high: u32| u64::from(low) | u64::from(high) << width;
    let four = |low: u64, high: u64| low | high << (2 * width);
    let (low, high) = (four(two(a, b), two(c, d)), four(two(e, f), two(g, h)));
    let word = u128::from(low) | u128::from(high) << (4 * width);
    let end = out.len() + width as usize;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_are_packed_as_each_number(numbers in prop::collection::vec(any::<u32>(), 0..40), width in 1..=32u32) {
            let numbers: Vec<u32> = numbers.iter().map(|number| number >> (u32::BITS - width)).collect();
            let (mut groups, mut plain) = (vec![9], vec![9]);
            pack_groups(&numbers, width, &mut groups);
            pack(numbers.iter().map(|number| u64::from(*number)), width, &mut plain);
            plain.resize(1 + numbers.len().div_ceil(8) * width as usize, 0);
            prop_assert_eq!(groups, plain);
        }
    }
}
