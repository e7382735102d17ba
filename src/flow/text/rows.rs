//! Rows of one block, on their way to the worker that writes them.

use crate::audit::time::Micros;
use crate::lake::tables::{LineRow, LogSessionRow, RejectRow, TemplateRow};
use crate::text::detect::open_windows::Window;
use crate::text::detect::values::KeyRows;
use crate::text::session::{Session, SessionEnd, SessionId};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::sync::Arc;

/// What a block came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockRows {
    /// The worker that writes them.
    pub home: usize,
    /// The stream that they are of.
    pub cluster: Arc<str>,
    /// Partition of the topic; 0 of a file.
    pub partition: i32,
    /// Rows of `lines`.
    pub lines: Vec<LineRow>,
    /// Rows of `templates`.
    pub templates: Vec<TemplateRow>,
    /// Rows of `log_sessions`.
    pub sessions: Vec<LogSessionRow>,
    /// Rows of `rejects`.
    pub rejects: Vec<RejectRow>,
    /// Sessions for the detectors; none where there are none.
    pub ended: Vec<EndedSession>,
    /// Parameter values for the detectors, by key; the lines are indices of `lines`.
    pub values: Vec<KeyRows>,
    /// Windows of time for the detectors.
    pub windows: Vec<Window>,
}

/// A session that is over, as the detectors want it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndedSession {
    /// Its id.
    pub session_id: String,
    /// The template of each line as it is now.
    pub keys: Vec<Arc<str>>,
    /// File, byte offset and time of each line.
    pub lines: Vec<(Arc<str>, u64, Micros)>,
    /// Whether nothing more will come.
    pub closed: bool,
    /// How many of its lines were judged before, when the input ended and the session did not.
    pub told: usize,
}

impl BlockRows {
    /// No rows yet of a stream.
    pub fn new(home: usize, cluster: &Arc<str>, partition: i32) -> BlockRows {
        BlockRows {
            home,
            cluster: Arc::clone(cluster),
            partition,
            lines: Vec::new(),
            templates: Vec::new(),
            sessions: Vec::new(),
            rejects: Vec::new(),
            ended: Vec::new(),
            values: Vec::new(),
            windows: Vec::new(),
        }
    }
}

/// Bits of a session id that number the sessions of one stream.
const NUMBER_BITS: u32 = 40;

/// The id of a session as tables have it: `salt`, which tells the streams of a folder apart, and the session's number.
pub fn session_id(salt: u64, id: SessionId) -> String {
    format!("{:016x}", (salt << NUMBER_BITS) | id.0)
}

/// The row of a session that is over. `sources` are the names of files by partition.
pub fn session_row(session: &Session, salt: u64, cluster: &Arc<str>, sources: &[Arc<str>]) -> LogSessionRow {
    let mut keys = String::new();
    for key in &session.keys {
        let blank = if keys.is_empty() { "" } else { " " };
        // Writing to a text cannot fail.
        let _ = write!(keys, "{blank}{key}");
    }
    let mut times = session.times.iter().flatten().copied();
    let start_at = times.next().unwrap_or(Micros(0));
    let first = session.positions.first();
    let source = first.and_then(|first| sources.get(first.partition.0 as usize)).cloned();
    LogSessionRow {
        session_id: session_id(salt, session.id),
        cluster: Arc::clone(cluster),
        name: session.name.as_deref().unwrap_or_default().to_owned(),
        start_at,
        end_at: times.next_back().unwrap_or(start_at),
        lines: session.keys.len() as u64,
        keys,
        end: match session.end {
            SessionEnd::Closed => "closed",
            SessionEnd::Idle => "idle",
            SessionEnd::Size => "size",
            SessionEnd::Unfinished => "unfinished",
        }
        .to_owned(),
        abnormal: session.label,
        source: source.unwrap_or_default(),
        offset: first.map_or(0, |first| first.offset.0),
    }
}
