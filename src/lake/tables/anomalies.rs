//! Table `anomalies`: findings of detectors.

use super::Table;
use super::arrays::{dict, int32, list, text, text_some, time};
use super::column::{Column, Kind::*, always, maybe};
use super::rows::Row;
use crate::audit::time::Micros;
use arrow_array::{ArrayRef, Float32Array, Int64Array};
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the cluster."),
    always("at", Time, "requestReceivedTimestamp", "Time of the event or line that was found."),
    always("kind", Dict, "detectors", "Detector and kind of finding: `lstm/unlikely-key`."),
    always(
        "score",
        Float32,
        "detectors",
        "How unusual it is, higher is more so; in bits for next-key and workflow detectors.",
    ),
    always("source", Dict, "position", "Topic or file of the event or line."),
    always("partition", Int32, "position", "Partition of the topic; 0 for files."),
    always("offset", Int64, "position", "Offset of the message, or byte offset of the line in the decompressed file."),
    always("item", Int32, "position", "Index of the event in its record."),
    maybe("audit_id", Text, "auditID", "Id of the request."),
    maybe("session_id", Text, "sessions", "Session of the event or line, 16 hexadecimal digits."),
    maybe("expected", TextList, "detectors", "What would have been usual."),
    maybe("seen", Text, "detectors", "What was seen instead."),
];

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct AnomalyRow {
    pub cluster: Arc<str>,
    pub at: Micros,
    pub kind: String,
    pub score: f32,
    pub source: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub item: i32,
    pub audit_id: String,
    pub session_id: String,
    pub expected: Vec<String>,
    pub seen: String,
}

impl Row for AnomalyRow {
    const TABLE: Table = Table::Anomalies;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            text(rows, |r| &r.cluster),
            time(rows, |r| r.at),
            dict(rows, |r| &r.kind)?,
            Arc::new(Float32Array::from_iter_values(rows.iter().map(|r| r.score))),
            dict(rows, |r| &r.source)?,
            int32(rows, |r| r.partition),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.offset))),
            int32(rows, |r| r.item),
            text_some(rows, |r| &r.audit_id),
            text_some(rows, |r| &r.session_id),
            list(rows, |r| &r.expected),
            text_some(rows, |r| &r.seen),
        ])
    }
}
