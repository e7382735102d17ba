//! Parquet's `DELTA_BINARY_PACKED`: what each number adds to the one before it, in as few bits as the largest needs.
//!
//! ```text
//! head:  values a block, miniblocks a block, how many numbers, the first number
//! block: the least difference, the bits that each miniblock needs, the miniblocks: differences above the least
//! ```

use super::bits;

/// Differences of a block, and of each of its miniblocks.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;
const MINIBLOCKS: usize = BLOCK / MINIBLOCK;

/// Appends numbers. Those of 32 bits are `narrow`: their differences wrap around within 32 bits, as readers expect.
pub fn put(numbers: &[i64], narrow: bool, out: &mut Vec<u8>) {
    bits::put_varint(BLOCK as u64, out);
    bits::put_varint(MINIBLOCKS as u64, out);
    bits::put_varint(numbers.len() as u64, out);
    bits::put_zigzag(numbers.first().copied().unwrap_or(0), out);
    let mut differences = Vec::with_capacity(BLOCK);
    for start in (0..numbers.len().saturating_sub(1)).step_by(BLOCK) {
        let block = numbers.iter().skip(start).take(BLOCK);
        let pairs = block.zip(numbers.iter().skip(start + 1));
        differences.clear();
        differences.extend(
            pairs
                .map(|(before, number)| number.wrapping_sub(*before))
                .map(|difference| if narrow { i64::from(difference as i32) } else { difference }),
        );
        put_block(&differences, out);
    }
}

fn put_block(differences: &[i64], out: &mut Vec<u8>) {
    let least = differences.iter().copied().reduce(i64::min).unwrap_or(0);
    bits::put_zigzag(least, out);
    let above = |difference: &i64| difference.wrapping_sub(least) as u64;
    let widths = out.len();
    out.extend_from_slice(&[0; MINIBLOCKS]);
    for (n, miniblock) in differences.chunks(MINIBLOCK).enumerate() {
        // All bits of all differences together need as many bits as the largest.
        let width = bits::width_of(miniblock.iter().fold(0, |all, difference| all | above(difference)));
        if let Some(byte) = out.get_mut(widths + n) {
            *byte = width as u8;
        }
        match width {
            // Nothing differs: the positions of a file do not, all but the offsets.
            0 => {}
            1..=bits::MOST_GROUP_WIDTH => {
                let mut narrow = [0; MINIBLOCK];
                narrow.iter_mut().zip(miniblock).for_each(|(number, difference)| *number = above(difference) as u32);
                bits::pack_groups(&narrow, width, out);
            }
            _ => {
                let end = out.len() + MINIBLOCK * width as usize / 8;
                bits::pack(miniblock.iter().map(above), width, out);
                out.resize(end, 0);
            }
        }
    }
}
