//! Cutting a line into tokens, without copying it.

use super::chars::{is_blank, is_blank_byte};
use std::ops::Range;

/// Place of a token in its text, in bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One behind the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn new(start: usize, end: usize) -> Span {
        let cut = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: cut(start), end: cut(end) }
    }
}

/// A line with the places of its tokens.
#[derive(Copy, Clone)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    spans: &'a [Span],
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, spans: &'a [Span]) -> Tokens<'a> {
        Tokens { text, spans }
    }

    pub(super) fn len(self) -> usize {
        self.spans.len()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        self.spans.iter().map(move |span| self.text.get(span.range()).unwrap_or_default())
    }

    /// The tokens as bytes, which compare without a look at character boundaries.
    pub(super) fn bytes(self) -> impl Iterator<Item = &'a [u8]> {
        self.spans.iter().map(move |span| self.text.as_bytes().get(span.range()).unwrap_or_default())
    }
}

/// Which ASCII bytes end a token: blanks, and delimiters of one ASCII character.
pub(super) struct Splitter {
    ends_token: [bool; 128],
    has_delimiters: bool,
    /// Delimiters that the table cannot hold, with all others then, since their order matters.
    texts: Vec<String>,
}

impl Splitter {
    pub(super) fn new(delimiters: &[String]) -> Splitter {
        let single = |delimiter: &String| delimiter.len() == 1 && delimiter.is_ascii();
        let by_table = delimiters.iter().all(single);
        let mut ends_token = [false; 128];
        for (byte, ends) in (0u8..).zip(&mut ends_token) {
            *ends =
                is_blank_byte(byte) || by_table && delimiters.iter().any(|delimiter| delimiter.as_bytes() == [byte]);
        }
        let texts = if by_table { Vec::new() } else { delimiters.to_vec() };
        Splitter { ends_token, has_delimiters: !delimiters.is_empty(), texts }
    }

    /// Whether a line must go through [`Splitter::without_delimiters`] before it is split.
    pub(super) fn replaces_text(&self) -> bool {
        !self.texts.is_empty()
    }

    /// The line with each delimiter replaced by a space, one after the other.
    pub(super) fn without_delimiters(&self, line: &str) -> String {
        let line = line.trim_matches(is_blank).to_owned();
        self.texts.iter().fold(line, |line, delimiter| line.replace(delimiter.as_str(), " "))
    }

    /// The places of the tokens of `text`. Texts beyond 4 GiB are cut there.
    pub(super) fn split(&self, text: &str, spans: &mut Vec<Span>) {
        spans.clear();
        if text.is_ascii() {
            self.split_ascii(text.as_bytes(), spans);
        } else {
            self.split_chars(text, spans);
        }
    }

    fn split_ascii(&self, text: &[u8], spans: &mut Vec<Span>) {
        let ends = |byte: &u8| self.ends_token.get(usize::from(*byte)).copied().unwrap_or(false);
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let Some(blank) = rest.iter().position(|byte| !ends(byte)) else { return };
            let start = at + blank;
            let rest = text.get(start..).unwrap_or_default();
            let len = rest.iter().position(ends).unwrap_or(rest.len());
            at = start + len;
            spans.push(Span::new(start, at));
        }
    }

    fn split_chars(&self, text: &str, spans: &mut Vec<Span>) {
        let ends = |c: char| match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() && self.has_delimiters => {
                self.ends_token.get(usize::from(byte)).copied().unwrap_or(false)
            }
            _ => is_blank(c),
        };
        let mut start = None;
        for (at, c) in text.char_indices() {
            match (ends(c), start) {
                (true, Some(first)) => {
                    spans.push(Span::new(first, at));
                    start = None;
                }
                (false, None) => start = Some(at),
                _ => {}
            }
        }
        if let Some(first) = start {
            spans.push(Span::new(first, text.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str, delimiters: &[&str]) -> Vec<String> {
        let splitter = Splitter::new(&delimiters.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let owned;
        let text = match splitter.replaces_text() {
            true => {
                owned = splitter.without_delimiters(text);
                &owned
            }
            false => text,
        };
        let mut spans = Vec::new();
        splitter.split(text, &mut spans);
        Tokens::new(text, &spans).iter().map(str::to_owned).collect()
    }

    #[test]
    fn delimiters() {
        assert_eq!(split(" a_b=c  d", &["_", "="]), ["a", "b", "c", "d"]);
        assert_eq!(split("a::b:c", &["::"]), ["a", "b:c"]);
        assert_eq!(split("é=ü", &["="]), ["é", "ü"]);
        // One after the other: the space of the first makes a match of the second.
        assert_eq!(split("xabcy", &["ab", " c"]), ["x", "y"]);
        assert_eq!(split("abc", &[""]), ["a", "b", "c"]);
    }

    proptest! {
        #[test]
        fn the_ascii_way_agrees_with_characters(text in "[a-c \t\u{1c}=_é\u{a0}]{0,30}") {
            let plain: Vec<&str> = text.split(is_blank).filter(|token| !token.is_empty()).collect();
            prop_assert_eq!(split(&text, &[]), plain);
            let replaced = text.replace('=', " ");
            let plain: Vec<&str> = replaced.split(is_blank).filter(|token| !token.is_empty()).collect();
            prop_assert_eq!(split(&text, &["="]), plain);
        }
    }
}
