//! Table `events`: one kept audit event.
//!
//! [`EventsBuilder`] makes the columns that one event alone determines, on the worker that decoded it. What the rest of the
//! pipeline finds out (session, context, cause) is added by [`annotate`](super::annotate()) once it is settled.

use super::Table;
use super::caller::CallerColumns;
use super::column::{Column, Kind::*, UTC, always, maybe};
use super::intern::{DictColumn, MAX_BATCH_TEXT, TextColumn, emptied};
use super::outcome::OutcomeColumns;
use super::place::PlaceColumns;
use super::request_kind::KindColumns;
use crate::audit::event::{Event, ObjectRef};
use crate::audit::time::Micros;
use crate::lake::LakeError;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt16Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{Field, Schema};
use std::borrow::Cow;
use std::sync::Arc;

/// The columns.
pub const COLUMNS: &[Column] = &[
    always("cluster", Text, "configuration", "Name of the cluster whose API servers wrote the event."),
    always("source", Dict, "position", "Topic or file that the event was read from."),
    always("partition", Int32, "position", "Partition of the topic; 0 for files."),
    always("offset", Int64, "position", "Offset of the message, or byte offset of the line in the decompressed file."),
    always("item", Int32, "position", "Index of the event in its record, which may be an EventList; usually 0."),
    always("audit_id", Text, "auditID", "Id of the request, the same at all its stages."),
    always("stage", Dict, "stage", "Stage of the request at which the event was written."),
    always("level", Dict, "level", "How much the audit policy recorded."),
    always(
        "verb",
        Dict,
        "verb",
        "Verb, such as `get` or `deletecollection`; the HTTP method of requests without a resource.",
    ),
    always("user", Dict, "user.username", "Who made the request."),
    always("groups", TextList, "user.groups", "Groups of the user."),
    maybe("impersonated_user", Dict, "impersonatedUser.username", "Who the user acted as."),
    maybe("source_ip", Dict, "sourceIPs[0]", "Address that the request came from."),
    maybe("user_agent", Dict, "userAgent", "Client program, as it names itself."),
    maybe("api_group", Dict, "objectRef.apiGroup", "API group; empty for the core group, null without a resource."),
    maybe("api_version", Dict, "objectRef.apiVersion", "Version of the API."),
    maybe("resource", Dict, "objectRef.resource", "Plural name of the resource; null for requests without one."),
    maybe("subresource", Dict, "objectRef.subresource", "Subresource, such as `status` or `exec`."),
    maybe("namespace", Dict, "objectRef.namespace", "Namespace of the object."),
    maybe("name", Text, "objectRef.name", "Name of the object."),
    maybe("object_uid", Text, "objectRef.uid", "UID of the object."),
    maybe("resource_version", Text, "objectRef.resourceVersion", "Version of the object that the request names."),
    always("request_uri", Text, "requestURI", "URI with its query, secrets in it redacted."),
    maybe("status_code", UInt16, "responseStatus.code", "HTTP status of the response."),
    maybe(
        "decision",
        Dict,
        "annotations[authorization.k8s.io/decision]",
        "What the authorizer decided: `allow` or `forbid`.",
    ),
    maybe(
        "decision_reason",
        Dict,
        "annotations[authorization.k8s.io/reason]",
        "Why it decided so, such as the role binding.",
    ),
    always("received_at", Time, "requestReceivedTimestamp", "When the API server received the request."),
    always("stage_at", Time, "stageTimestamp", "When the stage was reached."),
    always("latency_us", Int64, "stageTimestamp - requestReceivedTimestamp", "Microseconds from receipt to the stage."),
    always(
        "action",
        Dict,
        "verb, objectRef",
        "What was done: verb and `group/resource/subresource`, the key of the event.",
    ),
    always("class", Dict, "user", "Class of the actor: user, controller, node, component or service account."),
    always("label", Int32, "labels", "Code of the kind of action that the event alone suggests."),
    always("label_text", Dict, "labels", "The label in words."),
    maybe("model_label", Int32, "model", "Label that the model voted for."),
    maybe("model_label_text", Dict, "model", "That label in words."),
    maybe("model_confidence", Float32, "model", "Share of the votes that the winner had, 0 to 1."),
    maybe("model_undecided", Bool, "model", "Another label came close to the winner."),
    maybe("model_version", Dict, "model", "Version of the model."),
    maybe("session_id", Text, "sessions", "Session that the event belongs to, 16 hexadecimal digits."),
    maybe(
        "context_id",
        Text,
        "contexts",
        "Context that the event belongs to, 16 hexadecimal digits; null for background.",
    ),
    maybe("context_role", Dict, "contexts", "What the event is in its context: root, request, effect or background."),
    maybe("cause_audit_id", Text, "contexts", "Audit id of the request that caused this one."),
    maybe("cause_reason", Dict, "contexts", "The evidence for that cause, in words."),
    maybe("cause_weight", UInt16, "contexts", "Weight of that evidence, 0 to 99; below 60 it is but probable."),
    maybe(
        "cause_margin",
        UInt16,
        "contexts",
        "By how much it outweighs the best cause in another context: how sure the context is.",
    ),
    always(
        "late",
        Bool,
        "watermark",
        "Arrived after its time was settled, so it is attributed with what was known then.",
    ),
    maybe(
        "request_object",
        Text,
        "requestObject",
        "Body of the request as JSON, redacted; only when bodies are asked for.",
    ),
    maybe(
        "response_object",
        Text,
        "responseObject",
        "Body of the response as JSON, redacted; only when bodies are asked for.",
    ),
];

/// The columns that [`annotate`](super::annotate()) adds.
pub(super) const ANNOTATIONS: std::ops::Range<&str> = "model_label".."request_object";

/// What goes into a row beside the event itself.
#[derive(Copy, Clone, Debug, Default)]
pub struct EventMeta<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Topic or file.
    pub source: &'a str,
    /// Partition of the topic.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
    /// Index of the event in its record.
    pub item: u32,
    /// Request URI, already redacted.
    pub request_uri: &'a str,
    /// Request and response body, already redacted; an empty one is absent.
    pub bodies: Option<(&'a str, &'a str)>,
}

/// Builds batches of `events` without their annotations. User agent and reason of the decision are redacted here.
#[derive(Debug)]
pub struct EventsBuilder {
    schema: Arc<Schema>,
    rows: u32,
    text_bytes: usize,
    place: PlaceColumns,
    audit_id: TextColumn,
    kind: KindColumns,
    caller: CallerColumns,
    outcome: OutcomeColumns,
    namespace: DictColumn,
    name: TextColumn,
    object_uid: TextColumn,
    resource_version: TextColumn,
    request_uri: TextColumn,
    status_code: Vec<u16>,
    received_at: Vec<i64>,
    stage_at: Vec<i64>,
    request_object: TextColumn,
    response_object: TextColumn,
}

impl Default for EventsBuilder {
    fn default() -> Self {
        EventsBuilder::new()
    }
}

impl EventsBuilder {
    /// An empty builder. Keep it for the worker's life: its dictionaries grow warm.
    pub fn new() -> EventsBuilder {
        let plain = |column: &&Column| !is_annotation(column.name);
        EventsBuilder {
            schema: Arc::new(Schema::new(COLUMNS.iter().filter(plain).map(Column::field).collect::<Vec<Field>>())),
            rows: 0,
            text_bytes: 0,
            place: PlaceColumns::default(),
            audit_id: TextColumn::default(),
            kind: KindColumns::default(),
            caller: CallerColumns::default(),
            outcome: OutcomeColumns::default(),
            namespace: DictColumn::default(),
            name: TextColumn::default(),
            object_uid: TextColumn::default(),
            resource_version: TextColumn::default(),
            request_uri: TextColumn::default(),
            status_code: Vec::new(),
            received_at: Vec::new(),
            stage_at: Vec::new(),
            request_object: TextColumn::default(),
            response_object: TextColumn::default(),
        }
    }

    /// Rows in the batch that is being built.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes of text in the batch that is being built.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Adds a row and returns its index in the batch.
    ///
    /// # Errors
    /// [`LakeError::Full`] when the batch would hold more than a gibibyte of text; the row is not added then.
    pub fn append(&mut self, event: &Event<'_>, meta: &EventMeta<'_>) -> Result<u32, LakeError> {
        let (kind, kind_bytes) = self.kind.number(event);
        let (caller, caller_bytes) = self.caller.number(event);
        let (outcome, outcome_bytes) = self.outcome.number(event);
        let object = event.object.as_ref().unwrap_or(&NO_OBJECT);
        let own = text_len(event, object, meta) + kind_bytes + caller_bytes + outcome_bytes;
        let text_bytes = self.text_bytes.saturating_add(own);
        if text_bytes > MAX_BATCH_TEXT || self.rows == i32::MAX as u32 {
            return Err(LakeError::Full { table: Table::Events.name() });
        }
        self.text_bytes = text_bytes;
        self.kind.push(kind);
        self.caller.push(caller);
        self.outcome.push(outcome);
        self.place.push(meta);
        self.audit_id.push(&event.audit_id);
        self.namespace.push_some(&object.namespace);
        self.name.push_some(&object.name);
        self.object_uid.push_some(&object.uid);
        self.resource_version.push_some(&object.resource_version);
        self.request_uri.push(meta.request_uri);
        self.status_code.push(event.status_code);
        self.received_at.push(event.received_at.0);
        self.stage_at.push(event.stage_at.0);
        let (request, response) = meta.bodies.unwrap_or_default();
        self.request_object.push_some(request);
        self.response_object.push_some(response);
        self.rows += 1;
        Ok(self.rows - 1)
    }

    /// The batch so far: all columns but the annotations. The builder is empty afterwards.
    ///
    /// # Errors
    /// [`LakeError::Batch`] only if this code and the schema disagree.
    pub fn finish(&mut self) -> Result<RecordBatch, LakeError> {
        self.rows = 0;
        self.text_bytes = 0;
        self.columns()
            .and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns))
            .map_err(LakeError::batch(Table::Events))
    }

    fn columns(&mut self) -> Result<Vec<ArrayRef>, arrow_schema::ArrowError> {
        let [cluster, source, partition, offset, item] = self.place.finish()?;
        let [verb, api_group, api_version, resource, subresource, action, label, label_text] = self.kind.finish()?;
        let [user, groups, impersonated_user, source_ip, user_agent, class] = self.caller.finish()?;
        let [stage, level, decision, decision_reason] = self.outcome.finish()?;
        let latency_us = latencies(&self.received_at, &self.stage_at);
        Ok(vec![
            cluster,
            source,
            partition,
            offset,
            item,
            self.audit_id.finish(),
            stage,
            level,
            verb,
            user,
            groups,
            impersonated_user,
            source_ip,
            user_agent,
            api_group,
            api_version,
            resource,
            subresource,
            self.namespace.finish()?,
            self.name.finish(),
            self.object_uid.finish(),
            self.resource_version.finish(),
            self.request_uri.finish(),
            status_codes(emptied(&mut self.status_code)),
            decision,
            decision_reason,
            times(emptied(&mut self.received_at)),
            times(emptied(&mut self.stage_at)),
            latency_us,
            action,
            class,
            label,
            label_text,
            self.request_object.finish(),
            self.response_object.finish(),
        ])
    }
}

/// What requests without a resource have in the columns of the object.
const NO_OBJECT: ObjectRef<'static> = ObjectRef {
    resource: Cow::Borrowed(""),
    subresource: Cow::Borrowed(""),
    namespace: Cow::Borrowed(""),
    name: Cow::Borrowed(""),
    uid: Cow::Borrowed(""),
    api_group: Cow::Borrowed(""),
    api_version: Cow::Borrowed(""),
    resource_version: Cow::Borrowed(""),
};

/// Whether [`annotate`](super::annotate()) adds the column, rather than the builder.
pub(super) fn is_annotation(name: &str) -> bool {
    let place = |name: &str| COLUMNS.iter().position(|column| column.name == name);
    let (from, to) = (place(ANNOTATIONS.start), place(ANNOTATIONS.end));
    place(name).is_some() && place(name) >= from && place(name) < to
}

fn times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone(UTC))
}

fn latencies(received_at: &[i64], stage_at: &[i64]) -> ArrayRef {
    let pairs = received_at.iter().zip(stage_at);
    Arc::new(Int64Array::from_iter_values(pairs.map(|(from, to)| Micros(*to).since(Micros(*from)))))
}

/// Statuses; 0 is null.
fn status_codes(codes: Vec<u16>) -> ArrayRef {
    let valid = BooleanBuffer::collect_bool(codes.len(), |row| codes.get(row).is_some_and(|code| *code != 0));
    Arc::new(UInt16Array::new(codes.into(), Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)))
}

/// Bytes of text that the row will take in columns of its own.
fn text_len(event: &Event<'_>, object: &ObjectRef<'_>, meta: &EventMeta<'_>) -> usize {
    let (request, response) = meta.bodies.unwrap_or_default();
    let around = [meta.cluster, meta.source, meta.request_uri, request, response];
    let own = [&event.audit_id, &object.namespace, &object.name, &object.uid, &object.resource_version];
    around.iter().map(|text| text.len()).sum::<usize>() + own.iter().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::samples::{START_US, event, meta};
    use crate::lake::tables::read::Cells;

    #[test]
    fn a_row_holds_what_the_event_says() {
        let mut builder = EventsBuilder::new();
        assert_eq!(builder.append(&event("a0", START_US), &meta(10)).unwrap(), 0);
        let mut bare = event("a1", START_US);
        bare.object = None;
        bare.status_code = 0;
        assert_eq!(builder.append(&bare, &EventMeta { bodies: Some(("{}", "")), ..meta(20) }).unwrap(), 1);
        let batch = builder.finish().unwrap();
        assert_eq!(builder.rows(), 0);
        assert_eq!(builder.finish().unwrap().num_rows(), 0);

        let cells = Cells::new(&batch);
        assert_eq!(cells.str("audit_id", 0), "a0");
        assert_eq!(cells.str("resource", 0), "deployments");
        assert_eq!(cells.list("groups", 0), ["system:serviceaccounts", "system:authenticated"]);
        assert_eq!((cells.int("offset", 1), cells.int("latency_us", 0)), (Some(20), Some(1500)));
        assert_eq!((cells.int("status_code", 0), cells.int("status_code", 1)), (Some(200), None));
        assert_eq!((cells.str("request_object", 0), cells.str("request_object", 1)), ("", "{}"));
        assert!(!cells.str("request_uri", 0).contains("secret=x"));
        // A core group is empty, a request without a resource has none.
        assert_eq!(batch.column_by_name("api_group").map(|column| column.is_null(1)), Some(true));
        assert_eq!(batch.column_by_name("name").map(|column| column.is_null(1)), Some(true));
    }

    #[test]
    fn a_batch_is_full_before_its_offsets_overflow() {
        let body = "x".repeat(600 << 20);
        let mut builder = EventsBuilder::new();
        let meta = EventMeta { bodies: Some((&body, "")), ..meta(0) };
        builder.append(&event("a0", START_US), &meta).unwrap();
        assert!(matches!(builder.append(&event("a1", START_US), &meta), Err(LakeError::Full { .. })));
        assert_eq!(builder.finish().unwrap().num_rows(), 1);
    }
}
