//! `([0-9a-f]{2,}:){3,}([0-9a-f]{2,})`: four or more groups of hexadecimal digits between colons.

use super::{LOWER_HEX, closes, next_run, run_end};
use memchr::memchr_iter;

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    memchr_iter(b':', line.get(from..)?).nth(2)?;
    let mut at = from;
    loop {
        let (start, end) = next_run(line, at, 2, LOWER_HEX)?;
        if let Some(end) = end_of_groups(line, end) {
            return Some((start, end));
        }
        at = end;
    }
}

/// End of the match whose first group ends at `end`.
fn end_of_groups(line: &[u8], mut end: usize) -> Option<usize> {
    let mut colons = 0;
    while line.get(end) == Some(&b':') {
        let next = run_end(line, end + 1, LOWER_HEX);
        if next - end < 3 || !closes(line, next) {
            break;
        }
        (end, colons) = (next, colons + 1);
    }
    (colons >= 3).then_some(end)
}
