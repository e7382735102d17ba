//! How deep in brackets a place of a JSON text stands: all that cutting a document into records needs to know of JSON.

/// Nesting of which the kinds of bracket are kept; deeper ones are only counted, so that memory is bounded.
const DEPTH_KEPT: usize = 1 << 12;

/// Brackets open at a place of a JSON text, strings respected. A closing bracket that fits nothing is ignored, and a
/// string ends with its line (a raw newline is illegal in it), so that damage stays where it is.
#[derive(Default)]
pub(super) struct Nesting {
    /// The closing brackets awaited.
    kept: Vec<u8>,
    /// Brackets open beyond those kept.
    beyond: u64,
    /// Whether the place is in a string.
    pub(super) in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Brackets open.
    pub(super) fn depth(&self) -> u64 {
        self.kept.len() as u64 + self.beyond
    }

    /// Whether the next byte is one of a string's own, unless it is a quote, a backslash or a newline.
    pub(super) fn in_text(&self) -> bool {
        self.in_string && !self.escaped
    }

    /// Goes on by a byte.
    pub(super) fn step(&mut self, byte: u8) {
        if self.in_string {
            let ends = byte == b'\n' || (byte == b'"' && !self.escaped);
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !ends;
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.escaped = false;
            }
            b'{' => self.open(b'}'),
            b'[' => self.open(b']'),
            b'}' | b']' if self.beyond > 0 => self.beyond -= 1,
            b'}' | b']' if self.kept.last() == Some(&byte) => {
                self.kept.pop();
            }
            _ => {}
        }
    }

    /// Opens a bracket that `closing` closes.
    pub(super) fn open(&mut self, closing: u8) {
        if self.kept.len() < DEPTH_KEPT {
            self.kept.push(closing);
        } else {
            self.beyond += 1;
        }
    }
}

/// Whether `text` is one whole JSON object or array, as far as brackets tell.
pub(super) fn is_whole(text: &[u8]) -> bool {
    let mut nesting = Nesting::default();
    for byte in text {
        nesting.step(*byte);
    }
    nesting.depth() == 0 && !nesting.in_string && matches!(text.trim_ascii_end().last(), Some(b'}' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_is_what_closes_everything() {
        for text in ["{}", "[1]\r", "{\"a\":\"}\\\"{\"}", "{\"a\":[{}]} "] {
            assert!(is_whole(text.as_bytes()), "{text}");
        }
        for text in ["", "1", "{", "{\"a\":[}", "{\"a\":\"}", "}{"] {
            assert!(!is_whole(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn depth_beyond_what_is_kept_is_counted() {
        let mut nesting = Nesting::default();
        let deep = 3 * DEPTH_KEPT;
        (0..deep).for_each(|_| nesting.step(b'['));
        assert_eq!((nesting.depth(), nesting.kept.len()), (deep as u64, DEPTH_KEPT));
        (0..deep).for_each(|_| nesting.step(b']'));
        assert_eq!(nesting.depth(), 0);
    }
}
