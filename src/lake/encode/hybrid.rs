//! Parquet's hybrid of run lengths and bit packing, in which levels and indices into a dictionary are written.
//!
//! ```text
//! run of one value: (length << 1) as a varint, the value in whole bytes
//! packed values:    (groups << 1 | 1) as a varint, eight values a group, `width` bits each, lowest bits first
//! ```

use super::bits;

/// Values that are packed together.
const GROUP: usize = 8;
/// Shortest run that ends packed values; a shorter one costs more in headers than it saves.
const SHORTEST_RUN: usize = 2 * GROUP;
/// Bits in a word of levels.
const WORD: usize = 64;

/// Appends `values`, each of `width` bits.
pub fn put(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut rest = values;
    while let Some(first) = rest.first() {
        let run = run_len(rest, *first);
        let packed = if run >= SHORTEST_RUN || run == rest.len() { 0 } else { packed_len(rest) };
        if packed == 0 {
            put_run(run, *first, width, out);
            rest = rest.get(run..).unwrap_or_default();
        } else {
            let (packed, after) = rest.split_at_checked(packed).unwrap_or((rest, &[]));
            bits::put_varint(((packed.len().div_ceil(GROUP) as u64) << 1) | 1, out);
            bits::pack_groups(packed, width, out);
            rest = after;
        }
    }
}

/// Appends the first `len` of `bits`, each as a value of one bit, lowest first.
pub fn put_bits(bits: &[u8], len: usize, out: &mut Vec<u8>) {
    let word =
        |n: usize| bits.chunks_exact(WORD / 8).nth(n).and_then(|word| Some(u64::from_le_bytes(word.try_into().ok()?)));
    let whole = len / WORD;
    let mut at = 0;
    while at < whole {
        let first = word(at).unwrap_or_default();
        let run = (at..whole).take_while(|n| word(*n) == Some(first)).count();
        if first == 0 || first == u64::MAX {
            put_run(run * WORD, (first & 1) as u32, 1, out);
            at += run;
            continue;
        }
        let packed = (at..whole).take_while(|n| !matches!(word(*n), Some(0 | u64::MAX))).count();
        bits::put_varint(((packed * WORD / GROUP) as u64) << 1 | 1, out);
        out.extend_from_slice(bits.get(at * WORD / 8..(at + packed) * WORD / 8).unwrap_or_default());
        at += packed;
    }
    let tail: Vec<u32> = (whole * WORD..len)
        .map(|bit| u32::from(bits.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)))
        .collect();
    put(&tail, 1, out);
}

/// Appends a run of `len` times one value of `width` bits.
pub fn put_run(len: usize, value: u32, width: u32, out: &mut Vec<u8>) {
    bits::put_varint((len as u64) << 1, out);
    let bytes = value.to_le_bytes();
    out.extend_from_slice(bytes.get(..width.div_ceil(8) as usize).unwrap_or(&bytes));
}

/// How many of the first values equal `first`.
fn run_len(values: &[u32], first: u32) -> usize {
    let same = values.chunks_exact(GROUP).take_while(|group| is_same(group, first)).count() * GROUP;
    same + values.iter().skip(same).take(GROUP).take_while(|value| **value == first).count()
}

/// Whether all of a group equals `first`: without a branch a value.
fn is_same(group: &[u32], first: u32) -> bool {
    group.iter().fold(0, |difference, value| difference | (value ^ first)) == 0
}

/// How many of the first values, in whole groups, come before a run that is worth its header. The last group may be short.
fn packed_len(values: &[u32]) -> usize {
    let mut starts = (0..values.len()).step_by(GROUP);
    let starts_run = |start: &usize| {
        let rest = values.get(*start..).unwrap_or_default();
        let (Some(first), Some(run)) = (rest.first(), rest.get(..SHORTEST_RUN)) else { return false };
        is_same(run, *first)
    };
    starts.find(starts_run).unwrap_or(values.len())
}
