//! One pattern, and the engine that runs it.

use super::python;
use super::scan;

/// A compiled pattern.
pub(crate) struct Pattern {
    /// The hand-written reading of a known pattern, for ASCII lines.
    scanner: Option<scan::Scanner>,
    engine: Engine,
}

enum Engine {
    /// Linear in the line.
    Plain(regex::Regex),
    /// Look-around and back-references, by backtracking with a limit.
    Fancy(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a pattern of Python's `re`; the error is the engine's reason.
    pub(crate) fn new(pattern: &str) -> Result<Pattern, String> {
        let translated = python::to_rust(pattern);
        let engine = match regex::Regex::new(&translated) {
            Ok(regex) => Engine::Plain(regex),
            Err(_) => Engine::Fancy(Box::new(fancy_regex::Regex::new(&translated).map_err(|error| error.to_string())?)),
        };
        Ok(Pattern { scanner: scan::known(pattern), engine })
    }

    /// The first match at or behind `from`, in bytes.
    pub(crate) fn find(&self, text: &str, from: usize, is_ascii: bool) -> Option<(usize, usize)> {
        if let (Some(scanner), true) = (self.scanner, is_ascii) {
            return scanner(text.as_bytes(), from);
        }
        match &self.engine {
            Engine::Plain(regex) if from <= text.len() => {
                regex.find_at(text, from).map(|found| (found.start(), found.end()))
            }
            Engine::Plain(_) => None,
            Engine::Fancy(regex) => match regex.find_from_pos(text, from) {
                Ok(found) => found.map(|found| (found.start(), found.end())),
                Err(error) => {
                    tracing::debug!(%error, "a mask gave up on a line: the rest of it stays unmasked");
                    None
                }
            },
        }
    }
}
