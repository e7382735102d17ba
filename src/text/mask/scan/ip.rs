//! `\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`: four numbers between dots.

use super::{DIGIT, closes, opens, run_end, run_start};
use memchr::memchr;

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let dot = at + memchr(b'.', line.get(at..)?)?;
        let start = run_start(line, from, dot, DIGIT);
        if (1..=3).contains(&(dot - start))
            && opens(line, start)
            && let Some(end) = end_of_numbers(line, dot)
        {
            return Some((start, end));
        }
        at = dot + 1;
    }
}

/// End of the match whose first dot stands at `dot`.
fn end_of_numbers(line: &[u8], dot: usize) -> Option<usize> {
    let mut at = dot;
    for _ in 0..3 {
        if line.get(at) != Some(&b'.') {
            return None;
        }
        let end = run_end(line, at + 1, DIGIT);
        if !(2..=4).contains(&(end - at)) {
            return None;
        }
        at = end;
    }
    closes(line, at).then_some(at)
}
