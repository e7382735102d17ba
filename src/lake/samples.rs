//! Events, notes and batches for the tests.

use super::tables::{EventMeta, EventsBuilder, RowNote, annotate};
use super::{Account, CommitRequest, Lake, Table, TableWriter};
use crate::audit::event::{Event, Evidence, Level, ObjectRef, Stage};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use arrow_array::RecordBatch;
use std::collections::BTreeMap;

/// 2024-01-31T00:00:00Z.
pub const START_US: i64 = 1_706_659_200_000_000;

/// An event of a service account.
pub fn event(audit_id: &str, at_us: i64) -> Event<'_> {
    Event {
        audit_id: audit_id.into(),
        stage: Stage::ResponseComplete,
        level: Level::Metadata,
        verb: "update".into(),
        request_uri: "/apis/apps/v1/namespaces/shop/deployments/web?secret=x".into(),
        user: "system:serviceaccount:shop:deployer".into(),
        groups: ["system:serviceaccounts", "system:authenticated"].map(Into::into).into_iter().collect(),
        impersonated_user: "".into(),
        source_ip: "10.0.0.7".into(),
        user_agent: "kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc".into(),
        object: Some(ObjectRef {
            resource: "deployments".into(),
            namespace: "shop".into(),
            name: "web".into(),
            uid: "0a1b2c3d-0000-4000-8000-000000000001".into(),
            api_group: "apps".into(),
            api_version: "v1".into(),
            ..ObjectRef::default()
        }),
        status_code: 200,
        status_message: "".into(),
        status_reason: "".into(),
        received_at: Micros(at_us),
        stage_at: Micros(at_us + 1500),
        decision: "allow".into(),
        decision_reason: "RBAC: allowed by RoleBinding \"deployer\" of Role \"deployer\"".into(),
        request: Evidence::default(),
        response: Evidence::default(),
        request_raw: None,
        response_raw: None,
    }
}

/// Where and what that event is.
pub fn meta(offset: u64) -> EventMeta<'static> {
    EventMeta {
        cluster: "prod",
        source: "audit.log",
        partition: 0,
        offset,
        item: 0,
        request_uri: "/apis/apps/v1/namespaces/shop/deployments/web?secret=-",
        bodies: None,
    }
}

/// A note of a root.
pub fn note(context: u64) -> RowNote<'static> {
    RowNote {
        session: Some(Id(1)),
        context: Some(Id(context)),
        role: "root",
        cause_audit_id: None,
        cause_reason: None,
        cause_weight: None,
        late: false,
        model: None,
    }
}

/// Whole rows of `events`: audit ids `a<n>` for each `n`, an hour apart.
pub fn events(numbers: std::ops::Range<u64>) -> RecordBatch {
    let mut builder = EventsBuilder::new();
    for n in numbers.clone() {
        let id = format!("a{n}");
        builder.append(&event(&id, START_US + n as i64 * 3_600_000_000), &meta(n)).unwrap();
    }
    let said: Vec<_> = numbers.map(note).collect();
    let notes: Vec<_> = said.iter().map(Some).collect();
    annotate(builder.finish().unwrap(), &notes).unwrap()
}

/// Commits `rows` further events with a state that says how many there are.
pub fn commit_events(lake: &mut Lake, rows: u64) -> Result<(), super::LakeError> {
    let from = lake.last().map_or(0, |last| last.account.events);
    let mut writer = TableWriter::new(lake.store(), 0);
    writer.write(Table::Events, "prod", &events(from..from + rows))?;
    let files = writer.finish(lake.next_number())?;
    let total = from + rows;
    let account = Account { read: total, events: total, ..Account::default() };
    let state = total.to_string().into_bytes();
    let watermarks_us = BTreeMap::from([("prod".to_owned(), START_US + total as i64 * 3_600_000_000)]);
    lake.commit(CommitRequest { files, state, account, watermarks_us, ..CommitRequest::default() })?;
    Ok(())
}
