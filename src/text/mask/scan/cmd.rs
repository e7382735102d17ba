//! `".+?"` behind `executed cmd `.

use memchr::{memchr, memmem};

const BEFORE: &[u8] = b"executed cmd ";

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    // What comes before may overlap the last match.
    let mut at = from.saturating_sub(BEFORE.len());
    loop {
        let start = at + memmem::find(line.get(at..)?, BEFORE)? + BEFORE.len();
        if start >= from
            && line.get(start) == Some(&b'"')
            && let Some(end) = end_of_quote(line, start)
        {
            return Some((start, end));
        }
        at = start - BEFORE.len() + 1;
    }
}

/// One behind the closing quote: not the very next byte, and on the same line.
fn end_of_quote(line: &[u8], open: usize) -> Option<usize> {
    let from = open + 2;
    let close = from + memchr(b'"', line.get(from..)?)?;
    memchr(b'\n', line.get(open..close)?).is_none().then_some(close + 1)
}
