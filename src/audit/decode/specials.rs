//! Where strings end: quotes, backslashes and control characters, found out for 64 bytes at a time and kept.
//!
//! ```text
//! "verb":"get","user":{"username":"alice"…     64 bytes
//! 1····11···1·1····1·1········11·····1         their bits: the end of a string is a shift and a count away
//! ```
//! An event has some eighty strings, of ten bytes on average: looking at the bytes of each anew cost more than finding its end.

use super::lanes::{BLOCK_BYTES, Block, Lanes, Task, dispatch};

/// The bits of the block that was looked at last.
#[derive(Debug)]
pub(super) struct Specials {
    /// Number of the block.
    block: usize,
    bits: u64,
}

impl Default for Specials {
    fn default() -> Specials {
        Specials { block: usize::MAX, bits: 0 }
    }
}

impl Specials {
    /// Place of the first quote, backslash or control character of `text` from `from` on. Always asked of the same text.
    #[inline]
    pub(super) fn next(&mut self, text: &str, from: usize) -> Option<usize> {
        let (mut block, mut passed) = (from / BLOCK_BYTES, from % BLOCK_BYTES);
        loop {
            if self.block != block {
                *self = Specials { block, bits: bits_of(text.as_bytes(), block)? };
            }
            let left = self.bits >> passed;
            if left != 0 {
                return Some(block * BLOCK_BYTES + passed + left.trailing_zeros() as usize);
            }
            (block, passed) = (block + 1, 0);
        }
    }
}

/// A bit for each byte of a block; `None` behind the end of the text.
fn bits_of(text: &[u8], block: usize) -> Option<u64> {
    let rest = text.get(block * BLOCK_BYTES..).filter(|rest| !rest.is_empty())?;
    match rest.first_chunk() {
        Some(block) => Some(dispatch(SpecialsOf(block))),
        None => {
            let mut last = [b' '; BLOCK_BYTES];
            last.get_mut(..rest.len())?.copy_from_slice(rest);
            Some(dispatch(SpecialsOf(&last)))
        }
    }
}

struct SpecialsOf<'b>(&'b Block);

impl Task for SpecialsOf<'_> {
    type Output = u64;

    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) -> u64 {
        lanes.specials(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// In whatever order it is asked.
        #[test]
        fn same_as_a_byte_at_a_time(
            text in "([a-zé]{0,30}[\"\\\\\n\u{1f} ]){0,12}[a-z]{0,90}",
            from in prop::collection::vec(0usize..260, 1..20),
        ) {
            let mut specials = Specials::default();
            for from in from {
                let plain = text.bytes().skip(from).position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
                prop_assert_eq!(specials.next(&text, from), plain.map(|at| from + at));
            }
        }
    }
}
