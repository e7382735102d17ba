//! Rows whose values are looked up together hold what the event says, whatever came before.

use super::events::{EventMeta, EventsBuilder};
use super::read::Cells;
use super::terms::MAX_VALUES;
use crate::audit::event::{Event, Level, ObjectRef, Stage};
use crate::audit::label::propose;
use crate::audit::redact::{redact_message, redact_text};
use crate::lake::samples::{START_US, event, meta};
use arrow_array::{Array, RecordBatch};
use proptest::prelude::*;

/// What differs from row to row.
#[derive(Clone, Debug)]
struct Row {
    caller: (String, Vec<String>, String, String, String),
    /// Verb, and resource, subresource, group, namespace and name where there is an object.
    request: (String, Option<[String; 5]>, String),
    outcome: (bool, bool, String, String, u16),
    place: (bool, bool, u32),
}

impl Row {
    fn event(&self) -> Event<'_> {
        let (user, groups, impersonated, address, agent) = &self.caller;
        let (verb, object, uri) = &self.request;
        let (first, bodies, decision, reason, code) = &self.outcome;
        let object = object.as_ref().map(|[resource, subresource, group, namespace, name]| ObjectRef {
            resource: resource.into(),
            subresource: subresource.into(),
            api_group: group.into(),
            namespace: namespace.into(),
            name: name.into(),
            ..ObjectRef::default()
        });
        Event {
            user: user.into(),
            groups: groups.iter().map(Into::into).collect(),
            impersonated_user: impersonated.into(),
            source_ip: address.into(),
            user_agent: agent.into(),
            verb: verb.into(),
            object,
            request_uri: uri.into(),
            stage: if *first { Stage::RequestReceived } else { Stage::ResponseComplete },
            level: if *bodies { Level::Request } else { Level::Metadata },
            decision: decision.into(),
            decision_reason: reason.into(),
            status_code: *code,
            ..event("a", START_US)
        }
    }

    fn meta(&self) -> EventMeta<'_> {
        let (cluster, source, partition) = self.place;
        EventMeta {
            cluster: if cluster { "one" } else { "two" },
            source: if source { "a.log" } else { "b.log" },
            partition,
            request_uri: &self.request.2,
            ..meta(7)
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let agent = prop_oneof![3 => "k|kubectl|", 1 => Just("Bearer hunter2CANARY0123".to_owned())];
    let caller = ("alice|system:node:n|", prop::collection::vec("a|b|aa|", 0..3), "bob|", "10.0.0.1|", agent);
    let object = prop::option::of(["pods|secrets|xs|", "log|", "apps|", "shop|falco|", "web|"]);
    let request = ("get|create|x", object, "/api/v1/pods|/healthz|/apis/apps/v1/x");
    let reason = prop_oneof![
        2 => "RBAC: allowed|RBAC: error found in|",
        2 => "error found in #1 byte|nvalid value: hunter2CANARY|Bearer hunter2CANARY0123",
    ];
    let outcome = (any::<bool>(), any::<bool>(), "allow|forbid|", reason, prop_oneof![Just(0), Just(200u16)]);
    let place = (prop::bool::weighted(0.9), prop::bool::weighted(0.9), 0..2u32);
    (caller, request, outcome, place).prop_map(|(caller, request, outcome, place)| Row {
        caller,
        request,
        outcome,
        place,
    })
}

/// Each cell as the event alone determines it; a text that is absent is null.
fn assert_row(batch: &RecordBatch, index: usize, row: &Row) {
    let (event, meta, cells) = (row.event(), row.meta(), Cells::new(batch));
    let text = |name: &str, expected: Option<&str>| {
        let found = batch.column_by_name(name).unwrap().is_valid(index).then(|| cells.str(name, index));
        assert_eq!(found, expected, "{name}");
    };
    let some = |name: &str, expected: &str| text(name, Some(expected).filter(|text| !text.is_empty()));
    let reason = &*event.decision_reason;
    let resource = event.object.as_ref().map_or("", |object| &object.resource);
    let message = redact_message(reason, resource);
    text("cluster", Some(meta.cluster));
    text("source", Some(meta.source));
    text("verb", Some(&event.verb));
    text("user", Some(&event.user));
    text("class", Some(event.class().as_str()));
    some("impersonated_user", &event.impersonated_user);
    some("source_ip", &event.source_ip);
    some("user_agent", &redact_text(&event.user_agent));
    some("decision", &event.decision);
    some("decision_reason", if reason.starts_with("RBAC: ") { reason } else { &message });
    text("api_group", event.object.as_ref().map(|object| &*object.api_group));
    for (name, cell) in [
        ("resource", |object| &object.resource),
        ("subresource", |object| &object.subresource),
        ("namespace", |object| &object.namespace),
        ("name", |object| &object.name),
    ] as [(&str, for<'o> fn(&'o ObjectRef<'_>) -> &'o str); 4]
    {
        some(name, event.object.as_ref().map_or("", cell));
    }
    text("action", Some(&event.action().to_string()));
    text("label_text", Some(&propose(&event).to_string()));
    assert_eq!(cells.list("groups", index), event.groups.iter().map(ToString::to_string).collect::<Vec<_>>());
    let numbers = ["label", "partition", "offset", "item", "status_code"].map(|name| cells.int(name, index));
    let code = (event.status_code != 0).then_some(i64::from(event.status_code));
    let expected = [Some(propose(&event).0.into()), Some(meta.partition.into()), Some(7), Some(0), code];
    assert_eq!(numbers, expected);
    assert_eq!(cells.str("stage", index), format!("{:?}", event.stage));
    assert_eq!(cells.str("level", index), format!("{:?}", event.level));
}

proptest! {
    /// Batch after batch, in some of which more callers come than are remembered.
    #[test]
    fn rows_hold_what_their_events_say(
        batches in prop::collection::vec((prop::collection::vec(row(), 0..12), prop::bool::weighted(0.1)), 1..5),
    ) {
        let mut builder = EventsBuilder::new();
        for (rows, many) in &batches {
            let mut bytes = 0;
            for n in 0..if *many { MAX_VALUES + 2 } else { 0 } {
                let agent = n.to_string();
                builder.append(&Event { user_agent: agent.as_str().into(), ..event("a", START_US) }, &meta(7)).unwrap();
            }
            let before = builder.rows();
            for (row, index) in rows.iter().zip(before..) {
                prop_assert_eq!(builder.append(&row.event(), &row.meta()).unwrap(), index);
                bytes += row.request.2.len();
            }
            prop_assert!(builder.text_bytes() >= bytes);
            let batch = builder.finish().unwrap();
            prop_assert_eq!(batch.num_rows(), before as usize + rows.len());
            for (row, index) in rows.iter().zip(before as usize..) {
                assert_row(&batch, index, row);
            }
        }
    }
}
