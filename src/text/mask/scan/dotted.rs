//! Numbers and addresses of loghub's published masks, without guards.

use super::{DIGIT, run_end, run_start};
use memchr::memchr;

/// `(\d+\.){3}\d+`: four numbers between dots.
pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let dot = at + memchr(b'.', line.get(at..)?)?;
        let start = run_start(line, from, dot, DIGIT);
        if start < dot
            && let Some(end) = end_of_numbers(line, dot, usize::MAX)
        {
            return Some((start, end));
        }
        at = dot + 1;
    }
}

/// `(\d+\.){3}\d+(:\d+)?`: the same with a port behind it, where there is one.
pub(super) fn find_with_port(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let (start, end) = find(line, from)?;
    let port = run_end(line, end + 1, DIGIT);
    let has_port = line.get(end) == Some(&b':') && port > end + 1;
    Some((start, if has_port { port } else { end }))
}

/// End of the three numbers that follow, each behind a dot, the first of which stands at `dot`; none with more digits than this.
pub(super) fn end_of_numbers(line: &[u8], dot: usize, most_digits: usize) -> Option<usize> {
    let mut at = dot;
    for _ in 0..3 {
        if line.get(at) != Some(&b'.') {
            return None;
        }
        let end = run_end(line, at + 1, DIGIT);
        if !(1..=most_digits).contains(&(end - at - 1)) {
            return None;
        }
        at = end;
    }
    Some(at)
}

/// `((\d+\.){3}\d+,?)+`: addresses one behind the other, with or without commas.
pub(super) fn find_list(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let (start, mut end) = find(line, from)?;
    loop {
        let has_comma = line.get(end) == Some(&b',');
        end += usize::from(has_comma);
        let dot = run_end(line, end, DIGIT);
        match if dot > end { end_of_numbers(line, dot, usize::MAX) } else { None } {
            Some(next) => end = next,
            None => return Some((start, end)),
        }
    }
}

/// `\d+`.
pub(super) fn find_digits(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let first = from + line.get(from..)?.iter().position(u8::is_ascii_digit)?;
    Some((first, run_end(line, first, DIGIT)))
}
