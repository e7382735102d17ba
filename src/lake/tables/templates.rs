//! Table `templates`: what log keys stand for.

use super::Table;
use super::arrays::{count, dict, int32, text, time};
use super::column::{Column, Kind::*, always};
use super::rows::Row;
use crate::audit::time::Micros;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the stream of lines."),
    always("key", Int32, "parser", "Log key: the number of the template, from 1."),
    always(
        "revision",
        Int32,
        "parser",
        "1 for the template as it began; each wildcard it got later makes a further one.",
    ),
    always(
        "template",
        Text,
        "parser",
        "Words that the lines share, `<*>` where they differ, `<NAME>` where a mask was.",
    ),
    always("lines", Int64, "parser", "Lines of this template so far, the one that made the revision included."),
    always("source", Dict, "position", "File of the line that made the revision."),
    always("offset", Int64, "position", "Byte offset of that line in the decompressed file."),
    always("at", Time, "log format", "Time of that line."),
];

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct TemplateRow {
    pub cluster: Arc<str>,
    pub key: u32,
    pub revision: u32,
    pub template: Arc<str>,
    pub lines: u64,
    pub source: Arc<str>,
    pub offset: u64,
    pub at: Micros,
}

impl Row for TemplateRow {
    const TABLE: Table = Table::Templates;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(vec![
            text(rows, |r| &r.cluster),
            int32(rows, |r| number(r.key)),
            int32(rows, |r| number(r.revision)),
            text(rows, |r| &r.template),
            count(rows, |r| r.lines),
            dict(rows, |r| &r.source)?,
            count(rows, |r| r.offset),
            time(rows, |r| r.at),
        ])
    }
}
