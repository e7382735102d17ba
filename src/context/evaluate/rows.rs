//! What is compared: rows of truth, rows of prediction, and of both one scored event a request.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// One line of truth.
#[derive(Clone, Debug, Deserialize)]
pub struct TruthRow {
    /// Audit id of the request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// Stage of the event.
    pub stage: String,
    /// The action that it belongs to; `background:…` for periodic activity; `None` is not scored.
    pub action: Option<String>,
    /// What kind of action that is.
    #[serde(default)]
    pub kind: Option<String>,
    /// Whether it is a request of the user's own command.
    #[serde(default)]
    pub trigger: bool,
    /// Whether it is the one root of its action.
    #[serde(default)]
    pub root: bool,
    /// Whether it came long after its action.
    #[serde(default)]
    pub delayed: bool,
}

/// A file of truth that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {detail}; truth is JSON lines with auditID, stage and action")]
pub struct TruthError {
    /// Line, from 1.
    line: usize,
    detail: String,
}

/// Reads truth, a JSON object a line.
///
/// # Errors
/// [`TruthError`] with the first line that cannot be read.
pub fn read_truth(lines: impl BufRead) -> Result<Vec<TruthRow>, TruthError> {
    let row = |(at, line): (usize, std::io::Result<String>)| {
        let wrong = |detail: String| TruthError { line: at + 1, detail };
        serde_json::from_str(&line.map_err(|error| wrong(error.to_string()))?).map_err(|error| wrong(error.to_string()))
    };
    lines.lines().enumerate().map(row).collect()
}

/// What was predicted of one event.
#[derive(Clone, Debug, Deserialize)]
pub struct PredictedRow {
    /// Audit id of the request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// Stage of the event.
    pub stage: String,
    /// The context; `None` or `background…` for background.
    pub context: Option<String>,
    /// Audit id of the event that triggered the context.
    #[serde(default)]
    pub root: Option<String>,
    /// Whether it is held to be a request of the command itself.
    #[serde(default)]
    pub trigger: bool,
    /// Label of the event: what it would start itself.
    #[serde(default)]
    pub label: Option<String>,
}

/// A predicted context: its name, or an event that is alone because it was called background.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Context<'r> {
    Named(&'r str),
    Alone(&'r str),
}

/// One scored request.
pub(super) struct Scored<'r> {
    pub id: &'r str,
    pub truth: &'r TruthRow,
    pub action: &'r str,
    pub user: bool,
    pub context: Context<'r>,
    pub predicted: Option<&'r PredictedRow>,
}

fn is_background(context: &str) -> bool {
    context.starts_with("background")
}

/// One event a request, in order of audit ids.
pub(super) fn scored<'r>(truth: &'r [TruthRow], predicted: &'r [PredictedRow]) -> Vec<Scored<'r>> {
    let mut chosen: BTreeMap<&str, &TruthRow> = BTreeMap::new();
    for row in truth {
        match row.stage.as_str() {
            "ResponseComplete" | "Panic" => {
                chosen.insert(&row.audit_id, row);
            }
            "ResponseStarted" => {
                chosen.entry(&row.audit_id).or_insert(row);
            }
            _ => {}
        }
    }
    let mut said: BTreeMap<&str, &PredictedRow> = BTreeMap::new();
    for row in predicted {
        let same_stage = chosen.get(row.audit_id.as_str()).is_some_and(|one| one.stage == row.stage);
        if same_stage || !said.contains_key(row.audit_id.as_str()) {
            said.insert(&row.audit_id, row);
        }
    }
    chosen
        .into_iter()
        .filter_map(|(id, truth)| {
            let action = truth.action.as_deref()?;
            let predicted = said.get(id).copied();
            let named = predicted.and_then(|one| one.context.as_deref()).filter(|name| !is_background(name));
            let context = named.map_or(Context::Alone(id), Context::Named);
            Some(Scored { id, truth, action, user: !is_background(action), context, predicted })
        })
        .collect()
}
