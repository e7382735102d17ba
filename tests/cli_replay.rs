//! The way of a user: replay a real log, list what happened, have it explained, verify the tables.

#![allow(clippy::expect_used)] // helpers of tests fail like tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, ends_with};
use serde_json::Value;
use std::path::Path;

/// A real log of a small cluster that comes with the project.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/shop-cluster.jsonl.xz");

fn causeway(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("causeway").expect("the binary is built");
    command.current_dir(dir).env_clear();
    command
}

fn fresh() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn account(dir: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(dir.join(name)).expect("the account is written");
    serde_json::from_str(&text).expect("the account is JSON")
}

fn json_lines(command: &mut Command) -> Vec<Value> {
    let out = command.assert().success().get_output().stdout.clone();
    let lines = String::from_utf8(out).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn a_log_is_replayed_listed_explained_and_verified() {
    let dir = fresh();
    let dir = dir.path();
    let replay = ["replay", "--output", "tables", "--account", "first.json", SAMPLE];
    causeway(dir)
        .args(replay)
        .assert()
        .success()
        .stdout(contains("read ").and(contains("= events")).and(contains("+ filtered")));
    let first = account(dir, "first.json");
    let count = |key: &str| first[key].as_u64().expect(key);
    assert!(count("events") > 1_000 && count("contexts") > 50);
    assert_eq!(count("read"), count("events") + count("filtered") + count("rejects"));
    causeway(dir).args(["verify", "tables"]).assert().success().stdout(contains("in order"));

    let rows = json_lines(causeway(dir).args(["contexts", "tables", "--json"]));
    let largest = rows.iter().max_by_key(|row| row["events"].as_u64()).expect("there are contexts");
    let user = text(largest, "user");
    let of_user = json_lines(causeway(dir).args(["contexts", "tables", "--json", "--user", user]));
    assert!(of_user.iter().all(|row| row["user"] == user) && of_user.len() < rows.len());
    let few = ["contexts", "tables", "--limit", "3"];
    let more = format!("{} more of {}; raise --limit\n", rows.len() - 3, rows.len());
    causeway(dir).args(few).assert().success().stdout(ends_with(more.clone()));
    causeway(dir).args(few).arg("--json").assert().success().stderr(contains(more.trim()));
    let all = rows.len().to_string();
    causeway(dir).args(["contexts", "tables", "--limit", &all]).assert().success().stdout(contains("more of").not());

    let id = text(largest, "context_id");
    causeway(dir).args(["explain", "tables", id]).assert().success().stdout(contains(id).and(contains("└─ +")));
    causeway(dir)
        .args(["explain", "tables", &id[..12], "--mermaid"])
        .assert()
        .success()
        .stdout(contains("flowchart TD\n"));
    let explained =
        causeway(dir).args(["explain", "tables", id, "--json"]).assert().success().get_output().stdout.clone();
    let explained: Value = serde_json::from_slice(&explained).expect("JSON");
    let events = explained["events"].as_array().expect("a list");
    assert_eq!(Some(events.len() as u64), largest["events"].as_u64());
    // Each event but the root says why it belongs here.
    assert!(events.iter().skip(1).all(|event| !text(event, "because").is_empty()));

    let last = events.iter().max_by_key(|event| event["depth"].as_u64()).expect("there are events");
    let path = causeway(dir).args(["explain", "tables", text(last, "audit_id")]).assert().success();
    path.stdout(contains(id).and(contains("◀ this event")));
    let object = ["resource", "namespace", "name"].map(|key| text(last, key)).join("/");
    let touched = json_lines(causeway(dir).args(["explain", "tables", "--json", "--object", &object]));
    assert!(touched.iter().any(|row| row["context_id"] == id), "{object} was not found in {id}");
    causeway(dir).args(["explain", "tables", "no-such-id"]).assert().code(1).stderr(contains("no-such-id"));
}

#[test]
fn the_same_input_twice_adds_nothing() {
    let dir = fresh();
    for account in ["first.json", "second.json"] {
        let replay = ["replay", "--output", "tables", "--account", account, "-q", SAMPLE];
        causeway(dir.path()).args(replay).assert().success().stdout("").stderr("");
    }
    let [mut first, mut second] = ["first.json", "second.json"].map(|name| account(dir.path(), name));
    for account in [&mut first, &mut second] {
        for of_the_run in ["seconds", "bytes_in", "bytes_out"] {
            account[of_the_run].take();
        }
    }
    assert_eq!(first, second);
    causeway(dir.path()).args(["verify", "tables"]).assert().success();
}

#[test]
fn names_from_the_log_cannot_steer_the_terminal() {
    let dir = fresh();
    let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"6f1e0000-0000-4000-8000-000000000001","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/secrets/x","verb":"delete","user":{"username":"mal\u001b]0;owned\u0007lory"},"userAgent":"kubectl/v1 \u001b[31m","objectRef":{"resource":"secrets","namespace":"shop","name":"x\u001b[2J\u202e","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-03-01T00:00:00.000000Z","stageTimestamp":"2026-03-01T00:00:00.100000Z"}"#;
    std::fs::write(dir.path().join("audit.log"), format!("{event}\n")).expect("a log can be written");
    causeway(dir.path()).args(["replay", "--output", "tables", "audit.log"]).assert().success();
    let id = "6f1e0000-0000-4000-8000-000000000001";
    for command in
        [vec!["contexts", "tables"], vec!["explain", "tables", id], vec!["explain", "tables", id, "--mermaid"]]
    {
        let printed = causeway(dir.path()).args(&command).assert().success().get_output().stdout.clone();
        let printed = String::from_utf8(printed).expect("UTF-8");
        assert!(printed.contains("lory"), "{command:?} does not name the user: {printed}");
        assert!(!printed.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{command:?} prints what steers a terminal");
    }
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let dir = fresh();
    let none = ["replay", "--output", "tables", "none.log"];
    causeway(dir.path()).args(none).assert().code(1).stderr(contains("none.log"));
    for command in ["contexts", "verify"] {
        causeway(dir.path()).args([command, "nowhere"]).assert().code(1).stderr(contains("nowhere"));
    }
    std::fs::write(dir.path().join("rules.toml"), "nonsense = 1\n").expect("a file can be written");
    let rules = ["replay", "--output", "t", "--set", "contexts.rules=rules.toml", SAMPLE];
    causeway(dir.path()).args(rules).assert().code(78).stderr(contains("rules.toml"));
}
