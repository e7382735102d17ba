//! `([0-9a-f]{6,} ?){3,}`: hexadecimal digits in three or more groups of six, with or without a space between.
//!
//! A run of n digits counts as up to n / 6 groups. A space behind the last run belongs to the match where it may end there.

use super::{LOWER_HEX, closes, next_run, run_end};

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let (start, end) = next_run(line, at, 6, LOWER_HEX)?;
        if let Some(end) = end_of_groups(line, start, end) {
            return Some((start, end));
        }
        at = end;
    }
}

/// End of the match whose first run is this one.
fn end_of_groups(line: &[u8], start: usize, end: usize) -> Option<usize> {
    let (mut at, mut end, mut groups) = (start, end, 0);
    // Where a match may end, once there are groups enough.
    let mut last = None;
    loop {
        let before = groups;
        groups += (end - at) / 6;
        if line.get(end) != Some(&b' ') {
            // Letters right behind: this run is out, and the one before it ends without its space.
            return if closes(line, end) { (groups >= 3).then_some(end) } else { last.filter(|_| before >= 3) };
        }
        last = Some(end);
        let next = run_end(line, end + 1, LOWER_HEX);
        if next - end < 7 {
            let with_space = closes(line, end + 1);
            return (groups >= 3).then_some(if with_space { end + 1 } else { end });
        }
        (at, end) = (end + 1, next);
    }
}
