//! Committed tables as the commands need them.

use super::event::EventView;
use crate::audit::time::Micros;
use crate::lake::LakeError;
use crate::lake::Table;
use crate::lake::scan::{EventFilter, read_events};
use crate::lake::store;
use crate::lake::tables::read::Cells;
use std::collections::BTreeSet;
use std::path::Path;

/// The columns of `events` that [`EventView`] tells.
const COLUMNS: &[&str] = &[
    "audit_id",
    "stage",
    "received_at",
    "stage_at",
    "user",
    "impersonated_user",
    "verb",
    "api_group",
    "resource",
    "subresource",
    "namespace",
    "name",
    "request_uri",
    "status_code",
    "label_text",
    "context_role",
    "context_id",
    "cause_audit_id",
    "cause_reason",
    "cause_weight",
    "cause_margin",
    "late",
];

/// The events that pass the filter and are wanted.
pub fn events(
    dir: &Path,
    filter: &EventFilter,
    wanted: &dyn Fn(&EventView) -> bool,
) -> Result<Vec<EventView>, LakeError> {
    let mut events = Vec::new();
    for batch in read_events(dir, filter, Some(COLUMNS))? {
        let cells = Cells::new(&batch);
        events.extend((0..batch.num_rows()).map(|row| event(&cells, row)).filter(|event| wanted(event)));
    }
    Ok(events)
}

/// The contexts that hold an event that passes the filter and is wanted.
pub fn context_ids(
    dir: &Path,
    filter: &EventFilter,
    wanted: &dyn Fn(&EventView) -> bool,
) -> Result<BTreeSet<String>, LakeError> {
    let events = events(dir, filter, &|event| !event.context_id.is_empty() && wanted(event))?;
    Ok(events.into_iter().map(|event| event.context_id).collect())
}

fn event(cells: &Cells<'_>, row: usize) -> EventView {
    let text = |name| cells.text(name, row);
    let time = |name| Micros(cells.int(name, row).unwrap_or_default());
    EventView {
        audit_id: text("audit_id"),
        stage: text("stage"),
        at: time("received_at"),
        stage_at: time("stage_at"),
        user: text("user"),
        impersonated_user: text("impersonated_user"),
        verb: text("verb"),
        api_group: text("api_group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        request_uri: text("request_uri"),
        status_code: u16::try_from(cells.count("status_code", row)).unwrap_or_default(),
        label_text: text("label_text"),
        role: text("context_role"),
        context_id: text("context_id"),
        cause_audit_id: text("cause_audit_id"),
        cause_reason: text("cause_reason"),
        cause_weight: cells.int("cause_weight", row),
        cause_margin: cells.int("cause_margin", row),
        late: cells.boolean("late", row),
    }
}

/// Bytes of all committed table files; 0 where they cannot be counted.
pub fn bytes(dir: &Path) -> u64 {
    let Ok(store) = store::open(dir, store::Options::default()) else { return 0 };
    let files = Table::ALL.into_iter().filter_map(|table| store.files(table.name()).ok());
    files.flatten().map(|(_, bytes)| bytes).sum()
}
