//! Key sequences from whatever a command was given: a file of sessions, or a folder of tables, of log lines or of audit events.

use super::log_tables::newest_templates;
use crate::lake::Table;
use crate::lake::scan::read_table;
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
        sessions.extend(match input.is_dir() {
            false => read_sequences(input)?,
            true => match of_lines(input)? {
                lines if lines.is_empty() => of_events(input, by)?,
                lines => lines,
            },
        });
    }
    Ok(sessions)
}

/// A key each, and the one that stands for it from now on.
#[derive(Default)]
struct Names(BTreeMap<String, Arc<str>>);

impl Names {
    fn of(&mut self, key: &str) -> Arc<str> {
        if let Some(known) = self.0.get(key) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(key);
        self.0.insert(key.to_owned(), Arc::clone(&name));
        name
    }
}

/// Sessions of log lines: the newest template of each line's key. Empty where there are none.
fn of_lines(dir: &Path) -> Result<Vec<KeySequence>> {
    let templates = newest_templates(dir)?;
    let mut sessions: BTreeMap<String, KeySequence> = BTreeMap::new();
    for batch in read_table(dir, Table::LogSessions, &["session_id", "cluster", "keys", "end", "abnormal"])? {
        let cells = Cells::new(&batch);
        for row in 0..batch.num_rows() {
            let cluster = cells.text("cluster", row);
            let key = |key: &str| templates.get(&(cluster.clone(), key.parse().ok()?)).cloned();
            let mut session =
                KeySequence::new(cells.text("session_id", row), cells.str("keys", row).split(' ').filter_map(key));
            session.closed = matches!(cells.str("end", row), "closed" | "idle");
            let labelled = batch.column_by_name("abnormal").is_some_and(|column| column.is_valid(row));
            session.abnormal = labelled.then(|| cells.boolean("abnormal", row));
            // A session that went on after the input had ended has a row for each end; the longest is in force.
            let longest = sessions.entry(session.id.clone()).or_insert_with(|| session.clone());
            if longest.keys.len() <= session.keys.len() {
                *longest = session;
            }
        }
    }
    Ok(sessions.into_values().collect())
}

/// The actions of events, such as `create apps/deployments`, by session or context, in the order of time.
fn of_events(dir: &Path, by: By) -> Result<Vec<KeySequence>> {
    let mut sessions: BTreeMap<String, Vec<(i64, Arc<str>)>> = BTreeMap::new();
    let mut names = Names::default();
    for batch in read_table(dir, Table::Events, &["received_at", "action", by.column()])? {
        let cells = Cells::new(&batch);
        for row in 0..batch.num_rows() {
            let (session, action) = (cells.str(by.column(), row), cells.str("action", row));
            if session.is_empty() || action.is_empty() {
                continue;
            }
            let at = cells.int("received_at", row).unwrap_or_default();
            sessions.entry(session.to_owned()).or_default().push((at, names.of(action)));
        }
    }
    if sessions.is_empty() {
        bail!("{} holds no session; replay a log into it first", dir.display());
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
