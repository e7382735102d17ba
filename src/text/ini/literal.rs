//! Python literals as ini files hold them: strings (raw ones too), numbers, lists, maps.

/// A value written as Python source.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `'a'`, `"a"`, `r'a'`.
    Text(String),
    /// `1`, `-2.5`.
    Number(f64),
    /// `[..]` and `(..)`.
    List(Vec<Literal>),
    /// `{'a': 1}`.
    Map(Vec<(String, Literal)>),
}

/// How deep literals may be nested.
const DEEPEST: usize = 16;

impl Literal {
    /// Reads one literal that is the whole text.
    pub fn read(text: &str) -> Option<Literal> {
        let mut reader = Reader { rest: text };
        let literal = reader.literal(0)?;
        reader.blanks();
        reader.rest.is_empty().then_some(literal)
    }

    /// The strings of a list of strings.
    pub fn into_texts(self) -> Option<Vec<String>> {
        let Literal::List(items) = self else { return None };
        let text = |item| if let Literal::Text(text) = item { Some(text) } else { None };
        items.into_iter().map(text).collect()
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, c: char) -> bool {
        self.blanks();
        let Some(rest) = self.rest.strip_prefix(c) else { return false };
        self.rest = rest;
        true
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        self.blanks();
        if depth > DEEPEST {
            return None;
        }
        if self.take('[') {
            return self.items(']', depth);
        }
        if self.take('(') {
            return self.items(')', depth);
        }
        if self.take('{') {
            return self.entries(depth);
        }
        let raw = self.rest.strip_prefix(['r', 'R']).filter(|rest| rest.starts_with(['\'', '"']));
        if let Some(rest) = raw {
            self.rest = rest;
        }
        if self.rest.starts_with(['\'', '"']) {
            return self.text(raw.is_some()).map(Literal::Text);
        }
        let end = self.rest.find([',', ']', ')', '}', ':']).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number.trim().parse().ok().map(Literal::Number)
    }

    fn items(&mut self, close: char, depth: usize) -> Option<Literal> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.literal(depth + 1)?);
            if !self.take(',') {
                return self.take(close).then_some(Literal::List(items));
            }
        }
        Some(Literal::List(items))
    }

    fn entries(&mut self, depth: usize) -> Option<Literal> {
        let mut entries = Vec::new();
        while !self.take('}') {
            let Some(Literal::Text(key)) = self.literal(depth + 1) else { return None };
            if !self.take(':') {
                return None;
            }
            entries.push((key, self.literal(depth + 1)?));
            if !self.take(',') {
                return self.take('}').then_some(Literal::Map(entries));
            }
        }
        Some(Literal::Map(entries))
    }

    fn text(&mut self, raw: bool) -> Option<String> {
        let mut chars = self.rest.chars();
        let quote = chars.next()?;
        let mut text = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\\' => match (raw, chars.next()?) {
                    (true, c) => text.extend(['\\', c]),
                    (false, 'n') => text.push('\n'),
                    (false, 't') => text.push('\t'),
                    (false, 'r') => text.push('\r'),
                    (false, c @ ('\\' | '\'' | '"')) => text.push(c),
                    // Python keeps the backslash of an escape that it does not know.
                    (false, c) => text.extend(['\\', c]),
                },
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        let text = |text: &str| Literal::Text(text.into());
        assert_eq!(Literal::read(r"r'blk_-?(\d+)'"), Some(text(r"blk_-?(\d+)")));
        assert_eq!(Literal::read(r"'a\'b\n\d'"), Some(text("a'b\n\\d")));
        assert_eq!(Literal::read(r#" ["a", 'b',] "#), Some(Literal::List(vec![text("a"), text("b")])));
        assert_eq!(
            Literal::read("{'minutes': 1, \"seconds\": 30.5}"),
            Some(Literal::Map(vec![
                ("minutes".into(), Literal::Number(1.0)),
                ("seconds".into(), Literal::Number(30.5))
            ]))
        );
        assert_eq!(Literal::read("[]").and_then(Literal::into_texts), Some(vec![]));
        for bad in ["'open", "[1", "{1: 2}", "plain", "'a' b", &"[".repeat(100)] {
            assert_eq!(Literal::read(bad), None, "{bad}");
        }
    }
}
