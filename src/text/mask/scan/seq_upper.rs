//! `([0-9A-F]{4} ?){4,}`: hexadecimal digits in four or more groups of four, with or without a space between.

use super::{UPPER_HEX, closes, is_at, next_run};

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let (start, end) = next_run(line, at, 4, UPPER_HEX)?;
        if let Some(end) = end_of_groups(line, start) {
            return Some((start, end));
        }
        at = end;
    }
}

/// End of the match that begins at `start`.
fn end_of_groups(line: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut groups) = (start, 0);
    let mut last = None;
    while (at..at + 4).all(|at| is_at(line, at, UPPER_HEX)) {
        let end = at + 4;
        groups += 1;
        let has_space = line.get(end) == Some(&b' ');
        at = if has_space { end + 1 } else { end };
        if groups >= 4 {
            // With its space where nothing but that follows; a match that ends earlier is only taken if a longer one fails.
            let end = if closes(line, at) { Some(at) } else { has_space.then_some(end) };
            last = end.or(last);
        }
    }
    last
}
