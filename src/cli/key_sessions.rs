//! Key sequences from whatever a command was given: a file of sessions, or a folder of tables whose events are the lines.

use crate::lake::scan::{EventFilter, read_events};
use crate::lake::tables::read::Cells;
use crate::text::detect::read::read_sequences;
use crate::text::detect::sequence::KeySequence;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What makes a session of audit events.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// What one actor did without a long pause.
    #[default]
    Session,
    /// One action and what it set off.
    Context,
}

impl By {
    fn column(self) -> &'static str {
        match self {
            By::Session => "session_id",
            By::Context => "context_id",
        }
    }
}

/// The sessions of files and folders, one input after the other.
pub fn read(inputs: &[impl AsRef<Path>], by: By) -> Result<Vec<KeySequence>> {
    let mut sessions = Vec::new();
    for input in inputs.iter().map(AsRef::as_ref) {
        sessions.extend(if input.is_dir() { of_tables(input, by)? } else { read_sequences(input)? });
    }
    Ok(sessions)
}

/// The actions of events, such as `create apps/deployments`, by session or context, in the order of time.
fn of_tables(dir: &Path, by: By) -> Result<Vec<KeySequence>> {
    let mut sessions: BTreeMap<String, Vec<(i64, Arc<str>)>> = BTreeMap::new();
    let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
    for batch in read_events(dir, &EventFilter::default(), Some(&["received_at", "action", by.column()]))? {
        let cells = Cells::new(&batch);
        for row in 0..batch.num_rows() {
            let (session, action) = (cells.str(by.column(), row), cells.str("action", row));
            if session.is_empty() || action.is_empty() {
                continue;
            }
            let key = names.entry(action.to_owned()).or_insert_with(|| Arc::from(action)).clone();
            let at = cells.int("received_at", row).unwrap_or_default();
            sessions.entry(session.to_owned()).or_default().push((at, key));
        }
    }
    if sessions.is_empty() {
        bail!("{} holds no event with a {}; replay an audit log into it first", dir.display(), by.column());
    }
    let session = |(id, mut events): (String, Vec<(i64, Arc<str>)>)| {
        events.sort_by_key(|(at, _)| *at);
        let begin = events.first().map(|(at, _)| *at).unwrap_or_default();
        (begin, KeySequence::new(id, events.into_iter().map(|(_, key)| key)))
    };
    let mut sessions: Vec<(i64, KeySequence)> = sessions.into_iter().map(session).collect();
    sessions.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.id.cmp(&right.id)));
    Ok(sessions.into_iter().map(|(_, session)| session).collect())
}
