//! Table `filtered`: how many events were dropped, by rule, class of actor and minute.

use super::Table;
use super::arrays::{count, dict, text, time};
use super::column::{Column, Kind::*, always};
use super::rows::Row;
use crate::audit::time::Micros;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the cluster."),
    always("minute", Time, "requestReceivedTimestamp", "Start of the minute."),
    always("rule", Dict, "filter", "Rule that dropped the events, such as `stage` or `background:leases`."),
    always("class", Dict, "user", "Class of the actor."),
    always("count", Int64, "filter", "Events dropped."),
];

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct FilteredRow {
    pub cluster: String,
    pub minute: Micros,
    pub rule: String,
    pub class: String,
    pub count: u64,
}

impl Row for FilteredRow {
    const TABLE: Table = Table::Filtered;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            text(rows, |r| &r.cluster),
            time(rows, |r| r.minute),
            dict(rows, |r| &r.rule)?,
            dict(rows, |r| &r.class)?,
            count(rows, |r| r.count),
        ])
    }
}
