//! Where strings end: quotes, backslashes and control characters, found out for 256 bytes at a time and kept.
//!
//! ```text
//! "verb":"get","user":{"username":"alice"…     four blocks of 64 bytes
//! 1····11···1·1····1·1········11·····1         their bits: the end of a string is a shift and a count away
//! ```
//! An event has dozens of short strings: looking at the bytes of each anew cost more than finding its end.
//! Four blocks, because asking for the processor's wider instructions has a price of its own.

use super::lanes::{BLOCK_BYTES, Block, Lanes, Task, dispatch};

/// Blocks looked at together.
const BLOCKS: usize = 4;

/// The bits of the blocks that were looked at last.
#[derive(Debug)]
pub(super) struct Specials {
    /// Number of the first block, in fours.
    four: usize,
    /// Of each block, and none at all for the one behind them.
    bits: [u64; BLOCKS + 1],
}

impl Default for Specials {
    fn default() -> Specials {
        Specials { four: usize::MAX, bits: [0; BLOCKS + 1] }
    }
}

impl Specials {
    /// Place of the first quote, backslash or control character of `text` from `from` on. Always asked of the same text.
    #[inline]
    pub(super) fn next(&mut self, text: &str, from: usize) -> Option<usize> {
        let (mut block, mut passed) = (from / BLOCK_BYTES, from % BLOCK_BYTES);
        loop {
            if self.four != block / BLOCKS {
                self.turn_to(text.as_bytes(), block / BLOCKS)?;
            }
            let left = self.bits.get(block % BLOCKS)? >> passed;
            if left != 0 {
                return Some(block * BLOCK_BYTES + passed + left.trailing_zeros() as usize);
            }
            (block, passed) = (block + 1, 0);
        }
    }

    /// The same, but only from the blocks that were looked at last, and from the next 64 bytes; `None` where there is none.
    #[inline(always)]
    pub(super) fn near(&self, from: usize) -> Option<usize> {
        let (block, passed) = (from / BLOCK_BYTES, from % BLOCK_BYTES);
        let at = block % BLOCKS;
        let (here, behind) = (self.bits.get(at)? >> passed, self.bits.get(at + 1)? << 1 << (BLOCK_BYTES - 1 - passed));
        let next = here | behind;
        (self.four == block / BLOCKS && next != 0).then(|| from + next.trailing_zeros() as usize)
    }

    /// Looks at four blocks; `None` behind the end of the text.
    #[inline(never)]
    fn turn_to(&mut self, text: &[u8], four: usize) -> Option<()> {
        let rest = text.get(four * BLOCKS * BLOCK_BYTES..).filter(|rest| !rest.is_empty())?;
        let (blocks, tail) = rest.as_chunks();
        let [a, b, c, d] = match blocks.first_chunk() {
            Some(blocks) => dispatch(SpecialsOf(blocks)),
            None => {
                let mut last = [[b' '; BLOCK_BYTES]; BLOCKS];
                last.iter_mut().zip(blocks).for_each(|(last, block)| *last = *block);
                last.get_mut(blocks.len())?.get_mut(..tail.len())?.copy_from_slice(tail);
                dispatch(SpecialsOf(&last))
            }
        };
        (self.four, self.bits) = (four, [a, b, c, d, 0]);
        Some(())
    }
}

struct SpecialsOf<'b>(&'b [Block; BLOCKS]);

impl Task for SpecialsOf<'_> {
    type Output = [u64; BLOCKS];

    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) -> [u64; BLOCKS] {
        let [a, b, c, d] = self.0;
        [lanes.specials(a), lanes.specials(b), lanes.specials(c), lanes.specials(d)]
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
            text in "([a-zé]{0,30}[\"\\\\\n\u{1f} ]){0,12}[a-z]{0,300}",
            from in prop::collection::vec(0usize..700, 1..20),
        ) {
            let mut specials = Specials::default();
            for from in from {
                let plain = text.bytes().skip(from).position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
                let next = specials.next(&text, from);
                prop_assert_eq!(next, plain.map(|at| from + at));
                let near = next.filter(|at| at / BLOCK_BYTES / BLOCKS == from / BLOCK_BYTES / BLOCKS && at - from < BLOCK_BYTES);
                prop_assert!(near.is_none() || specials.near(from) == near);
                prop_assert!(specials.near(from + 1).is_none_or(|at| text.bytes().skip(from + 1).position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) == Some(at - from - 1)));
            }
        }
    }
}
