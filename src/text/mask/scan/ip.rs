//! `\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`: four numbers between dots.

use super::dotted::end_of_numbers;
use super::{DIGIT, closes, opens, run_start};
use memchr::memchr;

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let dot = at + memchr(b'.', line.get(at..)?)?;
        let start = run_start(line, from, dot, DIGIT);
        if (1..=3).contains(&(dot - start))
            && opens(line, start)
            && let Some(end) = end_of_numbers(line, dot, 3)
            && closes(line, end)
        {
            return Some((start, end));
        }
        at = dot + 1;
    }
}
