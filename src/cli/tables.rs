//! Committed tables as the commands need them.

use super::explain::EventView;
use crate::audit::time::Micros;
use crate::lake::Table;
use crate::lake::scan::scan;
use crate::lake::tables::ContextRow;
use crate::lake::tables::read::Cells;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The contexts of the folder, each in its last revision, in the order of their start.
pub fn contexts(dir: &Path) -> Result<Vec<ContextRow>> {
    let mut last: BTreeMap<(String, u64, Micros), ContextRow> = BTreeMap::new();
    for batch in scan(dir, Table::Contexts)? {
        for row in ContextRow::from_batch(&batch?) {
            // A background stream has one id and a row for each hour.
            let hour = if row.background.is_empty() { Micros(0) } else { row.start_at };
            let key = (row.cluster.clone(), row.context_id.0, hour);
            if last.get(&key).is_none_or(|other| other.revision < row.revision) {
                last.insert(key, row);
            }
        }
    }
    let mut rows: Vec<ContextRow> = last.into_values().collect();
    rows.sort_by_key(|row| (row.start_at, row.context_id.0));
    Ok(rows)
}

/// The events that are wanted.
pub fn events(dir: &Path, wanted: &dyn Fn(&EventView) -> bool) -> Result<Vec<EventView>> {
    let mut events = Vec::new();
    for batch in scan(dir, Table::Events)? {
        let batch = batch?;
        let cells = Cells::new(&batch);
        events.extend((0..batch.num_rows()).map(|row| event(&cells, row)).filter(|event| wanted(event)));
    }
    Ok(events)
}

/// The contexts that hold an event that is wanted.
pub fn context_ids(dir: &Path, wanted: &dyn Fn(&EventView) -> bool) -> Result<BTreeSet<String>> {
    let events = events(dir, &|event| !event.context_id.is_empty() && wanted(event))?;
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
        role: text("context_role"),
        context_id: text("context_id"),
        cause_audit_id: text("cause_audit_id"),
        cause_reason: text("cause_reason"),
        late: cells.boolean("late", row),
    }
}

/// Bytes of all committed table files; 0 where they cannot be counted.
pub fn bytes(dir: &Path) -> u64 {
    let tables = Table::ALL.into_iter().map(|table| dir.join(table.name()));
    let files = tables.flat_map(|folder| walkdir::WalkDir::new(folder).into_iter().flatten());
    files.filter_map(|file| file.metadata().ok()).filter(|meta| meta.is_file()).map(|meta| meta.len()).sum()
}
