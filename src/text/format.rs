//! Log formats: which part of a line is what, `<Date> <Time> <Pid> <Level> <Component>: <Content>`.
//!
//! A `<Name>` takes as little text as it can, a run of spaces stands for any white space, and the rest is a pattern (brackets
//! are to be escaped); the whole line must fit. Formats without patterns are read by hand in one pass; a line that does not
//! fit that way, and any other format, is held against the pattern itself.

use crate::text::mask::python_to_rust;
use std::ops::Range;

/// Name of the field that holds what is parsed.
pub const CONTENT: &str = "Content";

/// A format that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Nothing to parse.
    #[error("log format {0:?} has no <Content>: name the part of a line that is to be parsed so")]
    NoContent(String),
    /// Two fields of one name, or a name that is none.
    #[error("log format {format:?}: {reason}; a field is a name between < and >, everything else a pattern")]
    Pattern {
        /// The format.
        format: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A compiled format.
pub struct LogFormat {
    names: Vec<String>,
    content: usize,
    /// None where all is content.
    regex: Option<regex::Regex>,
    /// Fields and what stands between them, where that is plain text.
    steps: Option<Vec<Step>>,
}

/// A step of reading a plain format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// As little as possible, up to the next separator.
    Field,
    /// What stands between two fields, or before the first.
    Separator(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Blanks,
    Text(Vec<u8>),
}

/// Places of a line's fields, kept from line to line for their memory.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<Range<usize>>);

impl Fields {
    /// Text of the field at this place of the format; empty where it has none.
    pub fn get<'a>(&self, line: &'a str, field: usize) -> &'a str {
        self.0.get(field).and_then(|range| line.get(range.clone())).unwrap_or_default()
    }
}

impl Fields {
    /// Place of a field in its line; empty where it has none.
    pub fn range(&self, field: usize) -> Range<usize> {
        self.0.get(field).cloned().unwrap_or_default()
    }
}

impl LogFormat {
    /// Compiles a format.
    ///
    /// # Errors
    /// [`FormatError`] when it has no content, or is no pattern.
    pub fn new(format: &str) -> Result<LogFormat, FormatError> {
        let (mut names, mut pattern, mut steps) = (Vec::new(), String::from("^"), Some(Vec::new()));
        let mut rest = format;
        while !rest.is_empty() {
            let (before, field) = next_field(rest);
            if !before.is_empty() {
                pattern.push_str(&python_to_rust(&spaces_as_pattern(before)));
                let parts = plain_parts(before);
                match (&mut steps, parts) {
                    (Some(steps), Some(parts)) => steps.push(Step::Separator(parts)),
                    _ => steps = None,
                }
            }
            let Some((name, behind)) = field else { break };
            pattern.push_str(&format!("(?P<{name}>.*?)"));
            names.push(name.to_owned());
            if let Some(steps) = &mut steps {
                steps.push(Step::Field);
            }
            rest = behind;
        }
        pattern.push('$');
        let content = names.iter().position(|name| name == CONTENT).ok_or(FormatError::NoContent(format.into()))?;
        let regex = regex::Regex::new(&pattern)
            .map_err(|error| FormatError::Pattern { format: format.into(), reason: error.to_string() })?;
        let steps =
            steps.filter(|steps| steps.last() == Some(&Step::Field) && !steps.windows(2).any(|two| two[0] == two[1]));
        Ok(LogFormat { names, content, regex: Some(regex), steps })
    }

    /// A format whose line is all content.
    pub fn whole_line() -> LogFormat {
        LogFormat { names: vec![CONTENT.into()], content: 0, regex: None, steps: None }
    }

    /// The fields, in the order of the format.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Place of a field in the format.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }

    /// The content of a line whose fields were read.
    pub fn content<'a>(&self, line: &'a str, fields: &Fields) -> &'a str {
        fields.get(line, self.content)
    }

    /// The place of the content.
    pub fn content_range(&self, fields: &Fields) -> Range<usize> {
        fields.range(self.content)
    }

    /// Reads a line, without its line end, into `fields`; false where it does not fit.
    pub fn read(&self, line: &str, fields: &mut Fields) -> bool {
        fields.0.clear();
        if let Some(steps) = &self.steps
            && read_plain(line.as_bytes(), steps, &mut fields.0)
        {
            return true;
        }
        fields.0.clear();
        let Some(regex) = &self.regex else {
            fields.0.push(0..line.len());
            return true;
        };
        let Some(captures) = regex.captures(line) else { return false };
        fields.0.extend(self.names.iter().map(|name| captures.name(name).map_or(0..0, |found| found.range())));
        true
    }
}

/// A format as a pattern with named groups in the form of Java.
pub fn java_pattern(format: &str) -> String {
    let mut pattern = String::from("^");
    let mut rest = format;
    while !rest.is_empty() {
        let (before, field) = next_field(rest);
        pattern.push_str(&spaces_as_pattern(before));
        let Some((name, behind)) = field else { break };
        pattern.push_str(&format!("(?<{name}>.*?)"));
        rest = behind;
    }
    pattern.push('$');
    pattern
}

/// The text before the next `<Name>`, and the name with what follows it.
fn next_field(format: &str) -> (&str, Option<(&str, &str)>) {
    let mut from = 0;
    while let Some(open) = format.get(from..).and_then(|rest| rest.find('<')).map(|at| at + from) {
        let inside = format.get(open + 1..).unwrap_or_default();
        if let Some(close) =
            inside.find(['<', '>']).filter(|close| *close > 0 && inside.as_bytes().get(*close) == Some(&b'>'))
        {
            let (name, behind) = inside.split_at(close);
            return (format.get(..open).unwrap_or_default(), Some((name, behind.get(1..).unwrap_or_default())));
        }
        from = open + 1;
    }
    (format, None)
}

fn spaces_as_pattern(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            ' ' if out.ends_with(r"\s+") => {}
            ' ' => out.push_str(r"\s+"),
            c => out.push(c),
        }
    }
    out
}

/// A separator as blanks and plain text; none where it is a pattern.
fn plain_parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            ' ' => {
                if parts.last() != Some(&Part::Blanks) {
                    parts.push(Part::Blanks);
                }
                continue;
            }
            '\\' => chars.next().filter(char::is_ascii_punctuation)?,
            '.' | '^' | '$' | '*' | '+' | '?' | '{' | '}' | '[' | ']' | '|' | '(' | ')' => return None,
            c => c,
        };
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        match parts.last_mut() {
            Some(Part::Text(text)) => text.extend_from_slice(bytes),
            _ => parts.push(Part::Text(bytes.to_vec())),
        }
    }
    Some(parts)
}

/// Reads a plain format: each separator at its first place behind the last one, blanks as many as there are.
fn read_plain(line: &[u8], steps: &[Step], fields: &mut Vec<Range<usize>>) -> bool {
    if line.contains(&b'\n') || !line.is_ascii() {
        return false;
    }
    let (mut at, mut open) = (0, None);
    for step in steps {
        match step {
            Step::Field => open = Some(at),
            Step::Separator(parts) => {
                let found = match open {
                    None => after(line, at, parts).map(|end| (at, end)),
                    Some(start) => first_place(line, start, parts),
                };
                let Some((start, end)) = found else { return false };
                if let Some(field) = open.take() {
                    fields.push(field..start);
                }
                at = end;
            }
        }
    }
    if let Some(field) = open {
        fields.push(field..line.len());
    }
    true
}

/// First place at or behind `from` where a separator stands.
fn first_place(line: &[u8], from: usize, parts: &[Part]) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let rest = line.get(at..)?;
        at += match parts.first()? {
            Part::Blanks => rest.iter().position(u8::is_ascii_whitespace)?,
            Part::Text(text) => memchr::memchr(*text.first()?, rest)?,
        };
        if let Some(end) = after(line, at, parts) {
            return Some((at, end));
        }
        at += 1;
    }
}

/// One behind a separator that stands at `at`.
fn after(line: &[u8], mut at: usize, parts: &[Part]) -> Option<usize> {
    for part in parts {
        let rest = line.get(at..)?;
        at += match part {
            Part::Blanks => {
                let blanks = rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len());
                (blanks > 0).then_some(blanks)?
            }
            Part::Text(text) => rest.starts_with(text).then_some(text.len())?,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<'a>(format: &LogFormat, line: &'a str) -> Option<Vec<&'a str>> {
        let mut fields = Fields::default();
        format.read(line, &mut fields).then(|| (0..format.names.len()).map(|field| fields.get(line, field)).collect())
    }

    #[test]
    fn formats_of_known_logs() {
        for (format, line, expected) in [
            (
                "<Date> <Time> <Pid> <Level> <Component>: <Content>",
                "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for: x",
                vec!["081109", "203615", "148", "INFO", "dfs.DataNode$PacketResponder", "PacketResponder 1 for: x"],
            ),
            (
                r"\[<Time>\] \[<Level>\] <Content>",
                "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok",
                vec!["Sun Dec 04 04:47:44 2005", "notice", "workerEnv.init() ok"],
            ),
            (
                r"<Month> <Date> <Time> <Level> <Component>(\[<PID>\])?: <Content>",
                "Jun 14 15:16:01 combo su: session opened",
                vec!["Jun", "14", "15:16:01", "combo", "su", "", "session opened"],
            ),
            (
                r"<Date> <Time> - <Level>  \[<Node>:<Component>@<Id>\] - <Content>",
                "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:2181:FastLeaderElection@774] - Notification time out: 3200",
                vec![
                    "2015-07-29",
                    "17:41:44,747",
                    "INFO",
                    "QuorumPeer[myid=1]/0",
                    "0:0:2181:FastLeaderElection",
                    "774",
                    "Notification time out: 3200",
                ],
            ),
            ("<Pid>  <Content>", "2337\tMulti target", vec!["2337", "Multi target"]),
            // A run of blanks that is not taken whole.
            ("<A> <B> x<Content>", "a  xy", vec!["a", "", "y"]),
        ] {
            assert_eq!(read(&LogFormat::new(format).unwrap(), line), Some(expected), "{format}");
        }
        assert_eq!(read(&LogFormat::new("<A>: <Content>").unwrap(), "no colon"), None);
        assert_eq!(read(&LogFormat::whole_line(), ""), Some(vec![""]));
    }

    #[test]
    fn bad_formats() {
        assert!(matches!(LogFormat::new("<Date> <Text>"), Err(FormatError::NoContent(_))));
        assert!(matches!(LogFormat::new("[<Date>: <Content>"), Err(FormatError::Pattern { .. })));
        assert!(matches!(LogFormat::new("<Content> <Content>"), Err(FormatError::Pattern { .. })));
    }

    proptest! {
        #[test]
        fn by_hand_as_by_pattern(line in "[ab :\\[\\]\t-]{0,30}") {
            for text in ["<A> <B>: <Content>", r"\[<A>\] <Content>", "<A> - <B> <Content>", "<A>:<B> a<Content>"] {
                let format = LogFormat::new(text).unwrap();
                prop_assert!(format.steps.is_some());
                let slow = LogFormat { steps: None, ..LogFormat::new(text).unwrap() };
                prop_assert_eq!(read(&format, &line), read(&slow, &line), "{}", text);
            }
        }
    }
}
