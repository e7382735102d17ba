//! Finds the end of a JSON object or list without reading what is in it.
//!
//! ```text
//! 64 bytes ─▶ a bit a byte: quotes, backslashes, brackets ─▶ bits within strings masked out ─▶ depth += opening − closing
//! ```
//! Only where the depth could come to zero within a block are its brackets looked at one by one. (The way of bits is that of
//! Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.)
//!
//! Whether the brackets match in kind, and whether what stands between them is JSON, is not looked at.

use super::lanes::{BLOCK_BYTES, Block, Lanes, Structure, Task, dispatch};

/// Length of the object or list that `text` begins with; `None` where it does not end, or none begins.
pub(in crate::audit) fn len_of_value(text: &[u8]) -> Option<usize> {
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return None;
    }
    dispatch(Value(text))
}

/// The text of an object or list, and what follows it.
struct Value<'t>(&'t [u8]);

impl Task for Value<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) -> Option<usize> {
        let mut scan = Scan::default();
        let (blocks, rest) = self.0.as_chunks::<BLOCK_BYTES>();
        for (at, block) in blocks.iter().enumerate() {
            if let Some(end) = scan.block(lanes, block) {
                return Some(at * BLOCK_BYTES + end);
            }
        }
        let mut last = [b' '; BLOCK_BYTES];
        last.get_mut(..rest.len())?.copy_from_slice(rest);
        scan.block(lanes, &last).map(|end| blocks.len() * BLOCK_BYTES + end)
    }
}

/// What is known at the end of a block.
#[derive(Default)]
struct Scan {
    /// Brackets open.
    depth: u32,
    /// All ones within a string, else zero.
    in_string: u64,
    /// One where the next byte is escaped.
    escaped: u64,
}

impl Scan {
    /// Goes over a block; the number of its bytes up to and with the one that closes the value.
    #[inline(always)]
    fn block(&mut self, lanes: impl Lanes, block: &Block) -> Option<usize> {
        let Structure { quotes, backslashes, opening, closing } = lanes.structure(block);
        let strings = within(quotes & !self.escaped_by(backslashes)) ^ self.in_string;
        // the last bit, spread over all
        self.in_string = 0u64.wrapping_sub(strings >> 63);
        let (opening, closing) = (opening & !strings, closing & !strings);
        let closes = closing.count_ones();
        if self.depth > closes {
            self.depth = self.depth + opening.count_ones() - closes;
            return None;
        }
        let mut brackets = opening | closing;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            if opening >> at & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
            brackets &= brackets - 1;
        }
        None
    }

    /// The bytes that follow an odd run of backslashes.
    #[inline(always)]
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let mut escaped = self.escaped;
        let mut left = backslashes & !escaped;
        self.escaped = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            if at == 63 {
                self.escaped = 1;
                break;
            }
            let next = 2u64 << at;
            escaped |= next;
            // the backslash itself is dealt with, and so is the byte that it escapes
            left &= !(next | next >> 1);
        }
        escaped
    }
}

/// Bits from each odd quote up to the quote after it: bit n is the parity of the quotes up to n.
#[inline(always)]
fn within(quotes: u64) -> u64 {
    let pairs = quotes ^ quotes << 1;
    let fours = pairs ^ pairs << 2;
    let eights = fours ^ fours << 4;
    let sixteens = eights ^ eights << 8;
    let halves = sixteens ^ sixteens << 16;
    halves ^ halves << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain way, a byte at a time.
    fn plainly(text: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0u32, false, false);
        for (at, byte) in text.iter().enumerate() {
            match (byte, std::mem::take(&mut escaped)) {
                (b'\\', false) => escaped = true,
                (b'"', false) => in_string = !in_string,
                (b'{' | b'[', _) if !in_string => depth += 1,
                (b'}' | b']', _) if !in_string => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    proptest! {
        #[test]
        fn same_as_a_byte_at_a_time(tail in "[{}\\[\\]\"\\\\ax]{0,200}", filler in 0usize..130) {
            let text = format!("{{{}{tail}", "a".repeat(filler));
            prop_assert_eq!(len_of_value(text.as_bytes()), plainly(text.as_bytes()));
        }

        #[test]
        fn any_json_to_its_end(depth in 0usize..200, text in ".{0,90}", behind in ".{0,40}") {
            let value = serde_json::json!({ "a": [{ "k\"\\": text }, [], "}"], "b": 1 }).to_string();
            let json = format!("{}{value}{}", "[".repeat(depth), "]".repeat(depth));
            prop_assert_eq!(len_of_value(format!("{json}{behind}").as_bytes()), Some(json.len()));
        }
    }

    #[test]
    fn what_is_no_value_or_does_not_end() {
        for text in ["", "1", "\"a\"", "{", "[{]", "{\"}", " {}"] {
            assert_eq!(len_of_value(text.as_bytes()), None, "{text}");
        }
    }
}
