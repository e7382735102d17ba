//! `[\-\+]?\d+`.

use super::{DIGIT, closes, opens, run_end};

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let rest = line.get(at..)?;
        let first = at + rest.iter().position(u8::is_ascii_digit)?;
        let end = run_end(line, first, DIGIT);
        if opens(line, first) && closes(line, end) {
            let sign =
                first.checked_sub(1).filter(|sign| *sign >= from && matches!(line.get(*sign), Some(b'-' | b'+')));
            return Some((sign.filter(|sign| opens(line, *sign)).unwrap_or(first), end));
        }
        at = end;
    }
}
