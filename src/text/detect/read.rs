//! Reading key sequences from files.
//!
//! | form | recognised by |
//! |---|---|
//! | one session a line, keys between spaces | anything else |
//! | CSV `Sequence,label`, label 0 or 1 | its header |
//! | `data.json` of the DeepLog trainer | a `{` at the beginning |

use super::error::DetectError;
use super::sequence::KeySequence;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// Header of the CSV form.
const CSV_HEADER: &str = "Sequence,label";

/// Reads all sessions of a file. Empty lines are skipped.
///
/// # Errors
/// When it cannot be read, or a line is in no known form.
pub fn read_sequences(path: &Path) -> Result<Vec<KeySequence>, DetectError> {
    let text = std::fs::read_to_string(path).map_err(|source| DetectError::File { path: path.to_owned(), source })?;
    parse(&text).map_err(|(line, detail)| DetectError::Sessions { path: path.to_owned(), line, detail })
}

/// Parses the text of a file; an error has its line, from 1.
fn parse(text: &str) -> Result<Vec<KeySequence>, (usize, String)> {
    if text.trim_start().starts_with('{') {
        return data_json(text);
    }
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).peekable();
    let csv = lines.next_if(|(_, line)| line.trim_start_matches('\u{feff}') == CSV_HEADER).is_some();
    let mut sessions = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let (keys, abnormal) = if csv { labelled(line).map_err(|detail| (number, detail))? } else { (line, None) };
        let mut session = KeySequence::new(number.to_string(), keys.split_whitespace());
        session.abnormal = abnormal;
        sessions.push(session);
    }
    Ok(sessions)
}

/// A line of the CSV form: keys and label.
fn labelled(line: &str) -> Result<(&str, Option<bool>), String> {
    match line.rsplit_once(',') {
        Some((keys, "0")) => Ok((keys.trim_matches('"'), Some(false))),
        Some((keys, "1")) => Ok((keys.trim_matches('"'), Some(true))),
        _ => Err("a row must end in `,0` or `,1`".to_owned()),
    }
}

/// The part of `data.json` that is needed here.
#[derive(Deserialize)]
struct Data {
    data: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    template_seq: Vec<serde_json::Value>,
    #[serde(default)]
    is_abnormal: Option<bool>,
    session_id: serde_json::Value,
    #[serde(default)]
    cut: bool,
}

fn data_json(text: &str) -> Result<Vec<KeySequence>, (usize, String)> {
    let data: Data = serde_json::from_str(text).map_err(|error| (error.line(), error.to_string()))?;
    let session = |session: Session| KeySequence {
        id: plain(session.session_id),
        keys: session.template_seq.into_iter().map(|key| Arc::from(plain(key))).collect(),
        closed: !session.cut,
        abnormal: session.is_abnormal,
    };
    Ok(data.data.into_iter().map(session).collect())
}

/// A key in JSON, where it may be a number, as text.
pub(super) fn plain(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms() {
        let plain = parse("5 5 22 \n\n7\n").unwrap();
        assert_eq!(plain, [KeySequence::new("1", ["5", "5", "22"]), KeySequence::new("3", ["7"])]);
        let csv = parse("Sequence,label\n5 22,0\n\"7 8\",1\n").unwrap();
        assert_eq!(csv[1], KeySequence { abnormal: Some(true), ..KeySequence::new("3", ["7", "8"]) });
        assert_eq!(csv[0].abnormal, Some(false));
        let json = parse(
            r#"{"data":[{"template_seq":[1,2],"template_params":[[],["x"]],"is_abnormal":true,"session_id":4}]}"#,
        );
        assert_eq!(json.unwrap(), [KeySequence { abnormal: Some(true), ..KeySequence::new("4", ["1", "2"]) }]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        assert_eq!(parse("Sequence,label\n1 2,0\n1 2,maybe\n").unwrap_err().0, 3);
        assert_eq!(parse("{\"data\":[\n{}]}").unwrap_err().0, 2);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }
    }
}
