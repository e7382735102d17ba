//! Sixty-four bytes as bits: which of them are quotes, backslashes, brackets.
//!
//! Three ways with the same result: [`Narrow`], sixteen bytes at a time, which every processor can, `V3`, thirty-two at a time, for
//! processors with AVX2, and `V4`, all of them at once, for those with AVX-512. Which one is possible is found out when the program runs.

use wide::u8x16;

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, __m512i};

/// Bytes looked at together.
pub(super) const BLOCK_BYTES: usize = 64;

/// Those bytes.
pub(super) type Block = [u8; BLOCK_BYTES];

/// A bit for each byte of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Structure {
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    /// `{` and `[`.
    pub(super) opening: u64,
    /// `}` and `]`.
    pub(super) closing: u64,
}

/// A way to look at blocks.
pub(super) trait Lanes: Copy {
    /// What JSON is nested by.
    fn structure(self, block: &Block) -> Structure;

    /// What ends a string or is no plain part of one: quotes, backslashes and control characters.
    fn specials(self, block: &Block) -> u64;
}

/// The bit that `{` and `[` differ in, and `}` and `]`.
const BRACKET_BIT: u8 = 0x20;

/// The last control character.
const LAST_CONTROL: u8 = 0x1f;

/// Sixteen bytes at a time.
#[derive(Copy, Clone, Debug)]
pub(super) struct Narrow;

impl Lanes for Narrow {
    #[inline(always)]
    fn structure(self, block: &Block) -> Structure {
        let mut found = Structure { quotes: 0, backslashes: 0, opening: 0, closing: 0 };
        let (parts, _) = block.as_chunks::<16>();
        for (part, shift) in parts.iter().zip([0, 16, 32, 48]) {
            let bytes = u8x16::new(*part);
            let folded = bytes | u8x16::splat(BRACKET_BIT);
            let bits = |bytes: u8x16, byte: u8| u64::from(bytes.simd_eq(u8x16::splat(byte)).to_bitmask()) << shift;
            found.quotes |= bits(bytes, b'"');
            found.backslashes |= bits(bytes, b'\\');
            found.opening |= bits(folded, b'{');
            found.closing |= bits(folded, b'}');
        }
        found
    }

    #[inline(always)]
    fn specials(self, block: &Block) -> u64 {
        let (parts, _) = block.as_chunks::<16>();
        parts.iter().zip([0, 16, 32, 48]).fold(0, |bits, (part, shift)| {
            let bytes = u8x16::new(*part);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let control = bytes.min(u8x16::splat(LAST_CONTROL)).simd_eq(bytes);
            bits | u64::from((is(b'"') | is(b'\\') | control).to_bitmask()) << shift
        })
    }
}

// No closures and no adapters of iterators here: each would be a function without the wider instructions, and what stands in it
// would be called where it should be one instruction (5,400 of 33,200 instructions an event of a
// conversion).
#[cfg(target_arch = "x86_64")]
impl Lanes for V3 {
    #[inline(always)]
    fn structure(self, block: &Block) -> Structure {
        let [low, high]: [__m256i; 2] = pulp::cast(*block);
        let bit = self.avx._mm256_set1_epi8(BRACKET_BIT as i8);
        let (low_folded, high_folded) = (self.avx2._mm256_or_si256(low, bit), self.avx2._mm256_or_si256(high, bit));
        Structure {
            quotes: both(self, equal(self, low, b'"'), equal(self, high, b'"')),
            backslashes: both(self, equal(self, low, b'\\'), equal(self, high, b'\\')),
            opening: both(self, equal(self, low_folded, b'{'), equal(self, high_folded, b'{')),
            closing: both(self, equal(self, low_folded, b'}'), equal(self, high_folded, b'}')),
        }
    }

    #[inline(always)]
    fn specials(self, block: &Block) -> u64 {
        let [low, high]: [__m256i; 2] = pulp::cast(*block);
        both(self, special(self, low), special(self, high))
    }
}

/// Comparisons give the bits themselves here.
#[cfg(target_arch = "x86_64")]
impl Lanes for V4 {
    #[inline(always)]
    fn structure(self, block: &Block) -> Structure {
        let bytes: __m512i = pulp::cast(*block);
        let folded = self.avx512f._mm512_or_si512(bytes, self.avx512f._mm512_set1_epi8(BRACKET_BIT as i8));
        Structure {
            quotes: where_equal(self, bytes, b'"'),
            backslashes: where_equal(self, bytes, b'\\'),
            opening: where_equal(self, folded, b'{'),
            closing: where_equal(self, folded, b'}'),
        }
    }

    #[inline(always)]
    fn specials(self, block: &Block) -> u64 {
        let bytes: __m512i = pulp::cast(*block);
        let last_control = self.avx512f._mm512_set1_epi8(LAST_CONTROL as i8);
        let control = self.avx512bw._mm512_cmple_epu8_mask(bytes, last_control);
        control | where_equal(self, bytes, b'"') | where_equal(self, bytes, b'\\')
    }
}

/// A one for each byte that is this one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn where_equal(simd: V4, bytes: __m512i, byte: u8) -> u64 {
    simd.avx512bw._mm512_cmpeq_epi8_mask(bytes, simd.avx512f._mm512_set1_epi8(byte as i8))
}

/// All ones where a byte is this one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn equal(simd: V3, bytes: __m256i, byte: u8) -> __m256i {
    simd.avx2._mm256_cmpeq_epi8(bytes, simd.avx._mm256_set1_epi8(byte as i8))
}

/// All ones where a byte ends a string or is no plain part of one.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn special(simd: V3, bytes: __m256i) -> __m256i {
    let least = simd.avx2._mm256_min_epu8(bytes, simd.avx._mm256_set1_epi8(LAST_CONTROL as i8));
    let control = simd.avx2._mm256_cmpeq_epi8(bytes, least);
    let quote_or_backslash = simd.avx2._mm256_or_si256(equal(simd, bytes, b'"'), equal(simd, bytes, b'\\'));
    simd.avx2._mm256_or_si256(quote_or_backslash, control)
}

/// The highest bits of all bytes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn both(simd: V3, low: __m256i, high: __m256i) -> u64 {
    let (low, high) = (simd.avx2._mm256_movemask_epi8(low) as u32, simd.avx2._mm256_movemask_epi8(high) as u32);
    u64::from(low) | u64::from(high) << 32
}

/// Something to do with one of the ways.
pub(super) trait Task {
    type Output;

    /// Does it; must be inlined, or the processor's wider instructions are not used.
    fn with<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Does it with the best way that the processor knows.
#[inline]
pub(super) fn dispatch<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(wide) = V4::try_new() {
            return wide.vectorize(Call(wide, task));
        }
        if let Some(wide) = V3::try_new() {
            return wide.vectorize(Call(wide, task));
        }
    }
    task.with(Narrow)
}

/// A task, and the way to do it.
#[cfg(target_arch = "x86_64")]
struct Call<L, T>(L, T);

#[cfg(target_arch = "x86_64")]
impl<L: Lanes, T: Task> pulp::NullaryFnOnce for Call<L, T> {
    type Output = T::Output;

    #[inline(always)]
    fn call(self) -> T::Output {
        self.1.with(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is(block: &Block, wanted: impl Fn(u8) -> bool) -> u64 {
        block.iter().zip(0..).fold(0, |bits, (byte, at)| bits | u64::from(wanted(*byte)) << at)
    }

    fn check(lanes: impl Lanes, block: &Block) {
        let plain = Structure {
            quotes: is(block, |byte| byte == b'"'),
            backslashes: is(block, |byte| byte == b'\\'),
            opening: is(block, |byte| matches!(byte, b'{' | b'[')),
            closing: is(block, |byte| matches!(byte, b'}' | b']')),
        };
        assert_eq!(lanes.structure(block), plain);
        assert_eq!(lanes.specials(block), is(block, |byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)));
    }

    proptest! {
        #[test]
        fn same_as_a_byte_at_a_time(block in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[]\x1f\x20\x00;=M".to_vec())], BLOCK_BYTES,
        )) {
            let block: Block = block.try_into().unwrap();
            check(Narrow, &block);
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(wide) = V3::try_new() {
                    check(wide, &block);
                }
                if let Some(wide) = V4::try_new() {
                    check(wide, &block);
                }
            }
        }
    }
}
