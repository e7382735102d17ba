//! Table `rejects`: records that could not be read, with their place and bytes.
//!
//! No column holds the time of reading: the same input gives the same rows.

use super::Table;
use super::arrays::{count, dict, int32, text, text_some};
use super::column::{Column, Kind::*, always, maybe};
use super::rows::Row;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the cluster."),
    always("source", Dict, "position", "Topic or file that the record was read from."),
    always("partition", Int32, "position", "Partition of the topic; 0 for files."),
    always("offset", Int64, "position", "Offset of the message, or byte offset of the line in the decompressed file."),
    always("reason", Dict, "decode", "Why the record was rejected, in a word or two."),
    maybe("json_path", Text, "decode", "Field that could not be read."),
    always("message", Text, "decode", "What is wrong with it."),
    maybe(
        "bytes",
        Text,
        "record",
        "The record itself: its first bytes, redacted; bytes that are no UTF-8 are replaced.",
    ),
];

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct RejectRow {
    pub cluster: String,
    pub source: String,
    pub partition: u32,
    pub offset: u64,
    pub reason: String,
    pub json_path: String,
    pub message: String,
    pub bytes: String,
}

impl Row for RejectRow {
    const TABLE: Table = Table::Rejects;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            text(rows, |r| &r.cluster),
            dict(rows, |r| &r.source)?,
            int32(rows, |r| i32::try_from(r.partition).unwrap_or(i32::MAX)),
            count(rows, |r| r.offset),
            dict(rows, |r| &r.reason)?,
            text_some(rows, |r| &r.json_path),
            text(rows, |r| &r.message),
            text_some(rows, |r| &r.bytes),
        ])
    }
}
