//! Table `sessions`: one actor's events without a long gap.

use super::Table;
use super::arrays::{count, dict, dict_some, id, text, time};
use super::column::{Column, Kind::*, always, maybe};
use super::rows::Row;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("session_id", Text, "sessions", "Id of the session, 16 hexadecimal digits."),
    always("cluster", Text, "configuration", "Name of the cluster."),
    always("user", Dict, "user.username", "Who made the requests."),
    maybe("impersonated_user", Dict, "impersonatedUser.username", "Who the user acted as."),
    maybe("user_agent", Dict, "userAgent", "Client program, as it names itself."),
    maybe("source_ip", Dict, "sourceIPs[0]", "Address that the requests came from."),
    always("start_at", Time, "requestReceivedTimestamp", "Time of the first event."),
    always("end_at", Time, "stageTimestamp", "Time of the last event."),
    always("events", Int64, "sessions", "Events in the session."),
    always("errors", Int64, "responseStatus.code", "Events with a status of 400 or more."),
    always("writes", Int64, "verb", "Events that change something."),
    always("contexts", Int64, "contexts", "Contexts that began in the session."),
];

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct SessionRow {
    pub session_id: Id,
    pub cluster: String,
    pub user: String,
    pub impersonated_user: String,
    pub user_agent: String,
    pub source_ip: String,
    pub start_at: Micros,
    pub end_at: Micros,
    pub events: u64,
    pub errors: u64,
    pub writes: u64,
    pub contexts: u64,
}

impl Row for SessionRow {
    const TABLE: Table = Table::Sessions;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            id(rows, |r| Some(r.session_id)),
            text(rows, |r| &r.cluster),
            dict(rows, |r| &r.user)?,
            dict_some(rows, |r| &r.impersonated_user)?,
            dict_some(rows, |r| &r.user_agent)?,
            dict_some(rows, |r| &r.source_ip)?,
            time(rows, |r| r.start_at),
            time(rows, |r| r.end_at),
            count(rows, |r| r.events),
            count(rows, |r| r.errors),
            count(rows, |r| r.writes),
            count(rows, |r| r.contexts),
        ])
    }
}
