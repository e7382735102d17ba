//! A replay with live contexts writes the same tables as one without, and its view ends as the table of contexts.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use causeway::audit::hash::Id;
use causeway::context::tables::Tables;
use causeway::flow::live_contexts::LiveView;
use causeway::flow::{Keep, ReplayPlan, replay};
use common::{assert_same, rows, sample_lines};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn plan(log: &Path, output: &Path, workers: usize, live: Option<Arc<LiveView>>) -> ReplayPlan {
    ReplayPlan {
        workers,
        keep: Keep::All,
        live,
        commit_every: Duration::from_secs(3_600),
        commit_bytes: 4 << 20,
        block_bytes: 64 << 10,
        ..ReplayPlan::new(vec![log.display().to_string()], output.to_owned(), Tables::built_in().unwrap())
    }
}

/// The value of a column in a row as text.
fn cell<'a>(row: &'a str, column: &str) -> &'a str {
    let mut cells = row.split('\t').filter_map(|cell| cell.split_once('='));
    cells.find(|(name, _)| *name == column).unwrap().1
}

#[test]
fn live_contexts_change_no_row_and_end_as_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let output = folder.path().join("settled");
    replay(&plan(&log, &output, 2, None)).unwrap();
    let expected = rows(&output, &[]);
    for workers in [1, 2, 4] {
        let (output, view) = (folder.path().join(format!("live-{workers}")), Arc::new(LiveView::default()));
        replay(&plan(&log, &output, workers, Some(Arc::clone(&view)))).unwrap();
        assert_same(&expected, &rows(&output, &[]), "live");

        // The last row of each context that is not background.
        let mut events: BTreeMap<Id, (u64, u64)> = BTreeMap::new();
        for row in expected["contexts"].iter().filter(|row| cell(row, "background") == "∅") {
            let now: (u64, u64) = (cell(row, "revision").parse().unwrap(), cell(row, "events").parse().unwrap());
            let last = events.entry(cell(row, "context_id").parse().unwrap()).or_default();
            *last = now.max(*last);
        }
        let shown = view.contexts();
        assert!(shown.len() > 50 && shown.values().all(|context| context.open == 0));
        let shown: BTreeMap<Id, u64> = shown.into_iter().map(|(id, context)| (id, context.events)).collect();
        let events: BTreeMap<Id, u64> = events.into_iter().map(|(id, (_, events))| (id, events)).collect();
        assert_eq!(shown, events);
    }
}
