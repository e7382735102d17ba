//! Table `log_sessions`: lines that belong together.

use super::Table;
use super::arrays::{boolean_some, count, dict, text, text_some, time};
use super::column::{Column, Kind::*, always, maybe};
use super::rows::Row;
use crate::audit::time::Micros;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("session_id", Text, "sessions", "Number of the session in its stream, as 16 hexadecimal digits."),
    always("cluster", Text, "configuration", "Name of the stream of lines."),
    maybe("name", Text, "sessions", "Identifier that the lines share."),
    always("start_at", Time, "log format", "Time of the first line that has one."),
    always("end_at", Time, "log format", "Time of the last line that has one."),
    always("lines", Int64, "sessions", "Lines in the session."),
    always("keys", Text, "parser", "Log keys of the lines in their order, with a space between; cut at 64 KiB."),
    always(
        "end",
        Dict,
        "sessions",
        "Why it is over: closed, idle, size; or unfinished where the input ended: when the log has grown, a further row follows.",
    ),
    maybe(
        "abnormal",
        Bool,
        "configuration",
        "Whether a line contains an anomaly label; null where there are no labels.",
    ),
    always("source", Dict, "position", "File of the first line."),
    always("offset", Int64, "position", "Byte offset of the first line in the decompressed file."),
];

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct LogSessionRow {
    pub session_id: String,
    pub cluster: Arc<str>,
    pub name: String,
    pub start_at: Micros,
    pub end_at: Micros,
    pub lines: u64,
    pub keys: String,
    pub end: String,
    pub abnormal: Option<bool>,
    pub source: Arc<str>,
    pub offset: u64,
}

impl Row for LogSessionRow {
    const TABLE: Table = Table::LogSessions;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            text(rows, |r| &r.session_id),
            text(rows, |r| &r.cluster),
            text_some(rows, |r| &r.name),
            time(rows, |r| r.start_at),
            time(rows, |r| r.end_at),
            count(rows, |r| r.lines),
            text(rows, |r| &r.keys),
            dict(rows, |r| &r.end)?,
            boolean_some(rows, |r| r.abnormal),
            dict(rows, |r| &r.source)?,
            count(rows, |r| r.offset),
        ])
    }
}
