//! Sections and keys of an ini file, by the rules of Python's configparser.
//!
//! A key ends at the first `=` or `:`; an indented line continues the value above it; `#` and `;` at the start of a line make
//! it a comment; key names are compared in lower case.

use std::collections::BTreeMap;

/// What is wrong with an ini file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IniError {
    /// A line that is neither.
    #[error("line {line}: neither a [SECTION] nor a key = value")]
    Syntax {
        /// Number of the line, from 1.
        line: usize,
    },
    /// A key before any section.
    #[error("line {line}: {key} stands before any [SECTION]")]
    NoSection {
        /// Number of the line.
        line: usize,
        /// The key.
        key: String,
    },
    /// A section or a key given twice.
    #[error("line {line}: {name} is given twice; leave one")]
    Twice {
        /// Number of the line.
        line: usize,
        /// The section or key.
        name: String,
    },
    /// A section or key that nothing reads.
    #[error("line {line}: unknown {what} {name}; did you mean {nearest}?")]
    Unknown {
        /// Number of the line.
        line: usize,
        /// Section or key.
        what: &'static str,
        /// Its name.
        name: String,
        /// The most similar known one.
        nearest: String,
    },
    /// A value of the wrong kind.
    #[error("line {line}: {key} = {value:?}: {expected}")]
    Value {
        /// Number of the line.
        line: usize,
        /// The key.
        key: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: String,
    },
    /// A key that others need.
    #[error("[{section}] {key} is missing: {why}")]
    Missing {
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What needs it.
        why: String,
    },
}

/// A value with the line of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) value: String,
}

/// Keys of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) line: usize,
    pub(super) entries: BTreeMap<String, Entry>,
}

/// Reads all sections.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Section>, IniError> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut section = None;
    let mut key: Option<(String, usize)> = None; // with the indent of its line
    for (number, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = number + 1;
        let trimmed = raw.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = raw.len() - raw.trim_start().len();
        let current = section.as_ref().and_then(|name| sections.get_mut(name));
        if let (Some((name, own_indent)), Some(current)) = (&key, current)
            && (trimmed.is_empty() || indent > *own_indent)
        {
            if let Some(entry) = current.entries.get_mut(name) {
                entry.value.push('\n');
                entry.value.push_str(trimmed);
            }
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name) {
            if sections.insert(name.to_owned(), Section { line, entries: BTreeMap::new() }).is_some() {
                return Err(IniError::Twice { line, name: name.to_owned() });
            }
            (section, key) = (Some(name.to_owned()), None);
            continue;
        }
        let (name, value) = trimmed.split_once(['=', ':']).ok_or(IniError::Syntax { line })?;
        let name = name.trim().to_ascii_lowercase();
        let Some(current) = section.as_ref().and_then(|name| sections.get_mut(name)) else {
            return Err(IniError::NoSection { line, key: name });
        };
        let entry = Entry { line, value: value.trim().to_owned() };
        if current.entries.insert(name.clone(), entry).is_some() {
            return Err(IniError::Twice { line, name });
        }
        key = Some((name, indent));
    }
    for entry in sections.values_mut().flat_map(|section| section.entries.values_mut()) {
        entry.value.truncate(entry.value.trim_end().len());
    }
    Ok(sections)
}

/// The most similar of some names.
pub(super) fn nearest(name: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    known.iter().min_by_key(distance).copied().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_values_comments_and_case() {
        let text = "# head\n[A]\nKey = 1\nlist = [\n   1,\n  # no\n\n   2]\n\nother: x = y ; z\n[B]\n";
        let sections = read(text).unwrap();
        let value = |key: &str| sections["A"].entries[key].value.as_str();
        assert_eq!((value("key"), value("list"), value("other")), ("1", "[\n1,\n\n2]", "x = y ; z"));
        assert_eq!(sections["A"].entries["other"].line, 10);
        assert!(sections["B"].entries.is_empty());
    }

    #[test]
    fn errors_have_their_line() {
        assert_eq!(read("[A]\nnothing"), Err(IniError::Syntax { line: 2 }));
        assert_eq!(read("a = 1"), Err(IniError::NoSection { line: 1, key: "a".into() }));
        assert_eq!(read("[A]\na=1\nA=2"), Err(IniError::Twice { line: 3, name: "a".into() }));
        assert_eq!(read("[A]\n[A]"), Err(IniError::Twice { line: 2, name: "A".into() }));
    }
}
