//! Table `lines`: log lines with their keys and parameters.

use super::Table;
use super::arrays::{count, dict, int32, list, text, text_some, time};
use super::column::{Column, Kind::*, always, maybe};
use super::rows::Row;
use crate::audit::time::Micros;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the stream of lines."),
    always("source", Dict, "position", "File that the line was read from."),
    always("offset", Int64, "position", "Byte offset of the line in the decompressed file."),
    always("line", Int64, "position", "Number of the line in its file, from 1; blank lines count."),
    always("at", Time, "log format", "Time of the line; where it has none that of the line before it, or 1970."),
    always("key", Int32, "parser", "Log key: the number of the line's template, from 1."),
    always(
        "template",
        Dict,
        "parser",
        "The template as it was when the line was read; later revisions are in `templates`.",
    ),
    always("parameters", TextList, "parser", "What stands in the places of wildcards and masks, in their order."),
    maybe(
        "session_id",
        Text,
        "sessions",
        "Session of the line, 16 hexadecimal digits; null where it has no identifier.",
    ),
    always("content", Text, "log format", "The part of the line that was parsed."),
];

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct LineRow {
    pub cluster: Arc<str>,
    pub source: Arc<str>,
    pub offset: u64,
    pub line: u64,
    pub at: Micros,
    pub key: u32,
    pub template: Arc<str>,
    pub parameters: Vec<String>,
    pub session_id: String,
    pub content: String,
}

impl Row for LineRow {
    const TABLE: Table = Table::Lines;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            text(rows, |r| &r.cluster),
            dict(rows, |r| &r.source)?,
            count(rows, |r| r.offset),
            count(rows, |r| r.line),
            time(rows, |r| r.at),
            int32(rows, |r| i32::try_from(r.key).unwrap_or(i32::MAX)),
            dict(rows, |r| &r.template)?,
            list(rows, |r| &r.parameters),
            text_some(rows, |r| &r.session_id),
            text(rows, |r| &r.content),
        ])
    }
}
