//! Every mode of the filter and of the stages on real logs: the counts reconcile, and what is asked for is kept.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{accounted, cell, replay, rows, sample, succeed};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of the test data; `None`, with a word, where it is absent.
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn logs_of_other_clusters_reconcile_in_every_mode() {
    let folder = tempfile::tempdir().unwrap();
    for (name, read) in [("audit/falco_fixtures.jsonl", 51), ("audit/audit2rbac_demo.jsonl", 37)] {
        let Some(log) = data(name) else { return };
        for mode in ["fold", "off", "light", "full"] {
            for (rules, stages) in [("strict", "final"), ("k8ntext", "all")] {
                let output = folder.path().join(format!("{}-{mode}-{rules}", log.file_stem().unwrap().display()));
                let more = ["--filter", mode, "--rules", rules, "--stages", stages];
                // Counts are compared with the tables in there.
                let account = accounted(&output, &[&log], &more);
                assert_eq!((&account["read"], &account["rejects"]), (&json!(read), &json!(0)), "{more:?}");
                if mode == "off" && stages == "all" {
                    assert_eq!(account["events"], read, "{more:?}");
                }
                // The decisions of the original program.
                if mode == "full" && rules == "k8ntext" {
                    let events = if read == 51 { 51 } else { 14 };
                    assert_eq!(account["events"], events, "{name}: {account:#}");
                }
            }
        }
    }
}

#[test]
fn an_idle_cluster_has_background_and_no_contexts() {
    let Some(log) = data("lab/idle/audit.jsonl.xz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tables");
    let account = accounted(&output, &[&log], &[]);
    let tables = rows(&output, &[]);
    let contexts: Vec<_> = tables["contexts"].iter().filter(|row| cell(row, "background") == "∅").collect();
    assert!(contexts.is_empty(), "nobody did anything: {contexts:#?}");
    assert!(!tables["contexts"].is_empty() && tables["events"].is_empty(), "{account:#}");
    // What was saved is told, by kind of background; and the rows of background count the same requests.
    let told = String::from_utf8(succeed(replay(&output, &[&log], &[])).stdout).unwrap();
    let mut by_kind: BTreeMap<String, u64> = BTreeMap::new();
    for row in &tables["contexts"] {
        *by_kind.entry(format!("background:{}", cell(row, "background"))).or_default() +=
            cell(row, "events").parse::<u64>().unwrap();
    }
    for (kind, count) in &by_kind {
        assert!(told.contains(kind.as_str()), "{kind} is not in {told}");
        assert_eq!(account["filtered_by_rule"][kind], *count, "{kind}");
    }
    assert!(told.contains("+ filtered"), "{told}");
}

#[test]
fn every_stage_is_in_the_context_of_its_request() {
    let folder = tempfile::tempdir().unwrap();
    for mode in ["off", "fold"] {
        let output = folder.path().join(mode);
        accounted(&output, &[&sample()], &["--stages", "all", "--filter", mode, "--workers", "2"]);
        let rows = rows(&output, &[]);
        let mut stages: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for row in &rows["events"] {
            stages.entry(cell(row, "audit_id")).or_default().push((cell(row, "stage"), cell(row, "context_id")));
        }
        let (mut pairs, mut in_context) = (0, 0);
        for (request, stages) in &stages {
            for (stage, context) in stages.iter().filter(|(stage, _)| *stage == "RequestReceived") {
                for (later, of_later) in stages.iter().filter(|(later, _)| later != stage) {
                    assert_eq!(context, of_later, "{request}: {stage} and {later} are in different contexts ({mode})");
                    pairs += 1;
                    in_context += usize::from(*context != "∅");
                }
            }
        }
        assert!(pairs > 1_000 && in_context > 1_000, "{mode}: {pairs} pairs, {in_context} in a context");
        // The contexts are those that one row a request gives.
        let fewer = folder.path().join(format!("{mode}-final"));
        accounted(&fewer, &[&sample()], &["--filter", mode]);
        let ids = |rows: &common::Rows| -> Vec<String> {
            rows["contexts"].iter().map(|row| cell(row, "context_id").to_owned()).collect()
        };
        assert_eq!(ids(&rows), ids(&common::rows(&fewer, &[])), "{mode}");
    }
}
