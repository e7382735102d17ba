//! The log of verdicts: one line of JSON each, only ever appended to.

use super::super::error::DetectError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What a person says of a finding.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was normal.
    FalseAlarm,
    /// It was an anomaly; it is never trained on.
    Confirmed,
}

/// One line of the log of verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The session, or the line where it is of parameter values.
    pub session: String,
    /// Index of the key in it, from 0, or the column of the value; none for all findings of the session.
    #[serde(default)]
    pub position: Option<usize>,
    /// The verdict; the last one on a finding holds.
    pub verdict: Verdict,
}

/// Appends a verdict to the log, a line of JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn say(path: &Path, said: &Said) -> Result<(), DetectError> {
    let failed = |source| DetectError::File { path: path.to_owned(), source };
    // A line break before as well as after: a line that a crash cut off takes no other with it.
    let mut line = vec![b'\n'];
    line.extend(serde_json::to_vec(said).map_err(|error| failed(error.into()))?);
    line.push(b'\n');
    OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(&line)).map_err(failed)
}

/// The verdicts of a log, the last one on each finding; a missing file has none. A verdict on a whole session lifts those said
/// before on its findings. A line that is no verdict, such as one that a crash cut off, is left out with a warning.
///
/// # Errors
/// When it cannot be read.
pub fn verdicts(path: &Path) -> Result<Vec<Said>, DetectError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(DetectError::File { path: path.to_owned(), source }),
    };
    let mut last: BTreeMap<String, BTreeMap<Option<usize>, Verdict>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_str::<Said>(line) {
            Ok(said) => {
                let of_session = last.entry(said.session).or_default();
                if said.position.is_none() {
                    of_session.clear();
                }
                of_session.insert(said.position, said.verdict);
            }
            Err(error) => tracing::warn!("{}, line {} is no verdict: {error}", path.display(), index + 1),
        }
    }
    let said = |(session, verdicts): (String, BTreeMap<Option<usize>, Verdict>)| {
        let said = move |(position, verdict)| Said { session: session.clone(), position, verdict };
        verdicts.into_iter().map(said)
    };
    Ok(last.into_iter().flat_map(said).collect())
}

/// What was said of the finding at a position: of it alone, or else of its session.
pub(super) fn verdict_at(said: &[&Said], position: usize) -> Option<Verdict> {
    let of = |wanted: Option<usize>| said.iter().find(|said| said.position == wanted).map(|said| said.verdict);
    of(Some(position)).or_else(|| of(None))
}
