//! `0x[a-f0-9A-F]+`.

use super::{ANY_HEX, closes, opens, run_end};
use memchr::memchr;

pub(super) fn find(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let x = at + memchr(b'x', line.get(at..)?)?;
        let zero =
            x.checked_sub(1).filter(|zero| *zero >= from && line.get(*zero) == Some(&b'0') && opens(line, *zero));
        if let Some(start) = zero {
            let end = run_end(line, x + 1, ANY_HEX);
            if end > x + 1 && closes(line, end) {
                return Some((start, end));
            }
        }
        at = x + 1;
    }
}
