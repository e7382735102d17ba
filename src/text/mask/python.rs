//! From the syntax of Python's `re` to that of the regex engines, where the two differ.

/// The pattern as the engines read it.
///
/// In Python `[` within a class, `&&`, `--` and `~~` are plain characters, `\<` and `\>` too, and the end of the text is `\Z`.
pub(crate) fn to_rust(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut class = Class::Outside;
    while let Some(c) = chars.next() {
        match (c, &mut class) {
            ('\\', _) => {
                class.next();
                match chars.next() {
                    Some(c @ ('<' | '>')) => out.push(c),
                    Some('Z') if class == Class::Outside => out.push_str(r"\z"),
                    Some(c) => out.extend(['\\', c]),
                    None => out.push('\\'),
                }
            }
            ('[', Class::Outside) => {
                class = Class::First;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            (']', Class::First) => {
                class = Class::Inside;
                out.push_str(r"\]");
            }
            (']', Class::Inside) => {
                class = Class::Outside;
                out.push(']');
            }
            ('[' | '&' | '~', Class::First | Class::Inside) => {
                class.next();
                out.extend(['\\', c]);
            }
            _ => {
                class.next();
                out.push(c);
            }
        }
    }
    out
}

/// Where in a character class the reading stands.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Class {
    Outside,
    /// Before its first character, where `]` is plain.
    First,
    Inside,
}

impl Class {
    fn next(&mut self) {
        if *self == Class::First {
            *self = Class::Inside;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_rust;

    #[test]
    fn differences() {
        for (python, rust) in [
            (r"((?<=[^A-Za-z0-9])|^)(\d+)\Z", r"((?<=[^A-Za-z0-9])|^)(\d+)\z"),
            (r"[[&~]", r"[\[\&\~]"),
            (r"[]a]", r"[\]a]"),
            (r"[^]]x]", r"[^\]]x]"),
            (r"\[a\]\<b\>", r"\[a\]<b>"),
            (r"[\w-]+[\]]", r"[\w-]+[\]]"),
            ("a\\", "a\\"),
        ] {
            assert_eq!(to_rust(python), rust);
        }
    }
}
