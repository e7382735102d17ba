//! A place in JSON that is known to be valid as far as it goes (see [`super::valid`]): members are read, bodies passed over by
//! their brackets.
//!
//! Invariant: each method that reads goes forward, or returns `None` where the text ends too early.

use crate::audit::decode::len_of_value;
use memchr::memchr2;
use std::borrow::Cow;

/// The rest of a JSON text.
pub(super) struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    pub fn new(json: &'t str) -> Cursor<'t> {
        Cursor(json)
    }

    pub fn rest(&self) -> &'t str {
        self.0
    }

    /// The next byte behind white space, which is passed over.
    pub fn peek(&mut self) -> Option<u8> {
        let space = self.0.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.0 = self.0.get(space..)?;
        self.0.bytes().next()
    }

    /// Passes over this byte.
    pub fn pass(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.take(1).map(drop)
    }

    /// Whether an object or a list has another part: of its brackets the opening one is passed over before the `first`, the closing
    /// one behind the last.
    pub fn more(&mut self, opening: u8, closing: u8, first: bool) -> Option<bool> {
        if first {
            self.pass(opening)?;
        }
        if self.peek()? == closing {
            return self.take(1).map(|_| false);
        }
        if !first {
            self.pass(b',')?;
        }
        Some(true)
    }

    /// Passes over one value of any shape.
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' => {
                let len = len_of_value(self.0.as_bytes())?;
                self.take(len).map(drop)
            }
            b'"' => self.literal().map(drop),
            _ => self.word().map(drop),
        }
    }

    /// A number, `true`, `false` or `null`.
    pub fn word(&mut self) -> Option<&'t str> {
        let len = self.0.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        if len == 0 { None } else { self.take(len) }
    }

    /// The text of a string.
    pub fn string(&mut self) -> Option<Cow<'t, str>> {
        let (literal, escaped) = self.literal()?;
        if escaped {
            return serde_json::from_str(literal).ok().map(Cow::Owned);
        }
        literal.get(1..literal.len() - 1).map(Cow::Borrowed)
    }

    /// A string with its quotes, and whether there are escapes in it.
    fn literal(&mut self) -> Option<(&'t str, bool)> {
        self.peek().filter(|byte| *byte == b'"')?;
        let (mut end, mut escaped) = (1, false);
        loop {
            let bytes = self.0.as_bytes();
            end += memchr2(b'"', b'\\', bytes.get(end..)?)?;
            if bytes.get(end) == Some(&b'"') {
                return Some((self.take(end + 1)?, escaped));
            }
            (end, escaped) = (end + 2, true);
        }
    }

    fn take(&mut self, len: usize) -> Option<&'t str> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}
