//! Table `contexts`: one revision of a context, or one hour of a background stream.

use super::Table;
use super::arrays::{
    boolean, count, counts, dict, dict_some, id, int32, int64_some, list, status, text, text_some, time,
};
use super::column::{Column, Kind::*, always, maybe};
use super::read::Cells;
use super::rows::Row;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always(
        "context_id",
        Text,
        "contexts",
        "Id of the context, 16 hexadecimal digits: a hash of its root's audit id and stage.",
    ),
    always("revision", Int32, "contexts", "1 for the first row of a context, then one more; the highest is in force."),
    always("cluster", Text, "configuration", "Name of the cluster."),
    maybe("root_audit_id", Text, "auditID", "Request that the context began with; null for background."),
    always("user", Dict, "user.username", "Who made that request."),
    maybe("impersonated_user", Dict, "impersonatedUser.username", "Who that user acted as."),
    maybe("user_agent", Dict, "userAgent", "Client program, as it names itself."),
    always("verb", Dict, "verb", "Verb of the root."),
    always("action", Dict, "verb, objectRef", "Verb and resource of the root."),
    always("label", Int32, "labels", "Code of the kind of action of the root."),
    always("label_text", Dict, "labels", "The label in words."),
    maybe("api_group", Dict, "objectRef.apiGroup", "API group of the root's object; null for the core group too."),
    maybe("resource", Dict, "objectRef.resource", "Resource of the root's object."),
    maybe("namespace", Dict, "objectRef.namespace", "Namespace of the root's object."),
    maybe("name", Text, "objectRef.name", "Name of the root's object."),
    maybe("outcome", Dict, "contexts", "How the command ended, in a word."),
    maybe("status_code", UInt16, "responseStatus.code", "HTTP status of the root."),
    always("start_at", Time, "requestReceivedTimestamp", "Time of the first event."),
    always("end_at", Time, "stageTimestamp", "Time of the last event."),
    always("duration_us", Int64, "start_at, end_at", "Microseconds from the first event to the last."),
    always("events", Int64, "contexts", "Events in the context."),
    always("requests", Int64, "contexts", "Events of the actor's own command, the root among them."),
    always("effects", Int64, "contexts", "Events that they caused."),
    always("verbs", Counts, "verb", "Events by verb."),
    always("actors", Counts, "user.username", "Events by user."),
    always("namespaces", TextList, "objectRef.namespace", "Namespaces touched, sorted, a bounded number."),
    always("objects", TextList, "objectRef", "Objects touched as `resource/namespace/name`, a bounded number."),
    always("objects_cut", Bool, "contexts", "More objects were touched than are listed."),
    maybe("summary", Text, "contexts", "What happened, in one line."),
    maybe("parent_context_id", Text, "contexts", "Context that set this one off, such as the making of the CronJob."),
    always("closed", Bool, "contexts", "Nothing can join the context any more."),
    always("late", Bool, "watermark", "Has events that arrived after their time was settled."),
    always("truncated", Bool, "contexts", "Reached the bound on its size: counts are right, lists are not complete."),
    maybe("background", Dict, "contexts", "Background stream, such as `leases`; null for what somebody did."),
    maybe("period_us", Int64, "contexts", "Usual microseconds between two events of the stream; null for contexts."),
    maybe("gaps", Int64, "contexts", "Silences longer than two periods within the hour; null for contexts."),
];

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is documented by its column.
pub struct ContextRow {
    pub context_id: Id,
    pub revision: u32,
    pub cluster: String,
    pub root_audit_id: String,
    pub user: String,
    pub impersonated_user: String,
    pub user_agent: String,
    pub verb: String,
    pub action: String,
    pub label: i32,
    pub label_text: String,
    pub api_group: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub outcome: String,
    pub status_code: u16,
    pub start_at: Micros,
    pub end_at: Micros,
    pub duration_us: u64,
    pub events: u64,
    pub requests: u64,
    pub effects: u64,
    pub verbs: BTreeMap<String, u64>,
    pub actors: BTreeMap<String, u64>,
    pub namespaces: Vec<String>,
    pub objects: Vec<String>,
    pub objects_cut: bool,
    pub summary: String,
    pub parent_context_id: Option<Id>,
    pub closed: bool,
    pub late: bool,
    pub truncated: bool,
    pub background: String,
    pub period_us: Option<i64>,
    pub gaps: Option<i64>,
}

impl Row for ContextRow {
    const TABLE: Table = Table::Contexts;

    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError> {
        Ok(vec![
            id(rows, |r| Some(r.context_id)),
            int32(rows, |r| i32::try_from(r.revision).unwrap_or(i32::MAX)),
            text(rows, |r| &r.cluster),
            text_some(rows, |r| &r.root_audit_id),
            dict(rows, |r| &r.user)?,
            dict_some(rows, |r| &r.impersonated_user)?,
            dict_some(rows, |r| &r.user_agent)?,
            dict(rows, |r| &r.verb)?,
            dict(rows, |r| &r.action)?,
            int32(rows, |r| r.label),
            dict(rows, |r| &r.label_text)?,
            dict_some(rows, |r| &r.api_group)?,
            dict_some(rows, |r| &r.resource)?,
            dict_some(rows, |r| &r.namespace)?,
            text_some(rows, |r| &r.name),
            dict_some(rows, |r| &r.outcome)?,
            status(rows, |r| r.status_code),
            time(rows, |r| r.start_at),
            time(rows, |r| r.end_at),
            count(rows, |r| r.duration_us),
            count(rows, |r| r.events),
            count(rows, |r| r.requests),
            count(rows, |r| r.effects),
            counts(rows, |r| &r.verbs)?,
            counts(rows, |r| &r.actors)?,
            list(rows, |r| &r.namespaces),
            list(rows, |r| &r.objects),
            boolean(rows, |r| r.objects_cut),
            text_some(rows, |r| &r.summary),
            id(rows, |r| r.parent_context_id),
            boolean(rows, |r| r.closed),
            boolean(rows, |r| r.late),
            boolean(rows, |r| r.truncated),
            dict_some(rows, |r| &r.background)?,
            int64_some(rows, |r| r.period_us),
            int64_some(rows, |r| r.gaps),
        ])
    }
}

impl ContextRow {
    /// The rows of a batch of the table. Columns that are absent give empty cells.
    pub fn from_batch(batch: &RecordBatch) -> Vec<ContextRow> {
        let cells = Cells::new(batch);
        (0..batch.num_rows()).map(|row| ContextRow::from_cells(&cells, row)).collect()
    }

    fn from_cells(cells: &Cells<'_>, row: usize) -> ContextRow {
        ContextRow {
            context_id: cells.id("context_id", row).unwrap_or_default(),
            revision: cells.count("revision", row) as u32,
            cluster: cells.text("cluster", row),
            root_audit_id: cells.text("root_audit_id", row),
            user: cells.text("user", row),
            impersonated_user: cells.text("impersonated_user", row),
            user_agent: cells.text("user_agent", row),
            verb: cells.text("verb", row),
            action: cells.text("action", row),
            label: cells.int("label", row).and_then(|label| i32::try_from(label).ok()).unwrap_or_default(),
            label_text: cells.text("label_text", row),
            api_group: cells.text("api_group", row),
            resource: cells.text("resource", row),
            namespace: cells.text("namespace", row),
            name: cells.text("name", row),
            outcome: cells.text("outcome", row),
            status_code: cells.count("status_code", row) as u16,
            start_at: Micros(cells.int("start_at", row).unwrap_or_default()),
            end_at: Micros(cells.int("end_at", row).unwrap_or_default()),
            duration_us: cells.count("duration_us", row),
            events: cells.count("events", row),
            requests: cells.count("requests", row),
            effects: cells.count("effects", row),
            verbs: cells.counts("verbs", row),
            actors: cells.counts("actors", row),
            namespaces: cells.list("namespaces", row),
            objects: cells.list("objects", row),
            objects_cut: cells.boolean("objects_cut", row),
            summary: cells.text("summary", row),
            parent_context_id: cells.id("parent_context_id", row),
            closed: cells.boolean("closed", row),
            late: cells.boolean("late", row),
            truncated: cells.boolean("truncated", row),
            background: cells.text("background", row),
            period_us: cells.int("period_us", row),
            gaps: cells.int("gaps", row),
        }
    }
}
