//! Block ids and paths of loghub's published masks.

use super::{DIGIT, run_end};
use memchr::{memchr, memmem};

/// What a block id begins with.
const BLOCK: &[u8] = b"blk_";

/// `blk_-?\d+`.
pub(super) fn find_block(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let start = at + memmem::find(line.get(at..)?, BLOCK)?;
        let sign = start + BLOCK.len();
        let digits = sign + usize::from(line.get(sign) == Some(&b'-'));
        let end = run_end(line, digits, DIGIT);
        if end > digits {
            return Some((start, end));
        }
        at = sign;
    }
}

/// `/.+?\s`: from a slash to the first white space behind its next character.
pub(super) fn find_path(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let start = at + memchr(b'/', line.get(at..)?)?;
        if line.get(start + 1) != Some(&b'\n') {
            // If none stands behind this slash, none does behind a later one.
            let behind = line.get(start + 2..)?.iter().position(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))?;
            return Some((start, start + 2 + behind + 1));
        }
        at = start + 1;
    }
}
