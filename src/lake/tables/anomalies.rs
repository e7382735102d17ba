//! Table `anomalies`: findings of detectors. The schema is settled; no detector writes it yet.

use super::column::{Column, Kind::*, always, maybe};

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the cluster."),
    always("at", Time, "requestReceivedTimestamp", "Time of the event that was found."),
    always("kind", Dict, "detectors", "Detector and kind of finding."),
    always("score", Float32, "detectors", "How unusual it is; higher is more so."),
    always("source", Dict, "position", "Topic or file of the event."),
    always("partition", Int32, "position", "Partition of the topic; 0 for files."),
    always("offset", Int64, "position", "Offset of the message, or byte offset of the line in the decompressed file."),
    always("item", Int32, "position", "Index of the event in its record."),
    maybe("audit_id", Text, "auditID", "Id of the request."),
    maybe("session_id", Text, "sessions", "Session of the event, 16 hexadecimal digits."),
    maybe("expected", TextList, "detectors", "What would have been usual."),
    maybe("seen", Text, "detectors", "What was seen instead."),
];
