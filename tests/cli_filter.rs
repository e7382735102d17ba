//! `causeway filter` on real logs and on what may go wrong around it.

#![allow(clippy::expect_used)] // helpers of tests fail like tests

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn causeway(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("causeway").expect("the binary is built");
    command.current_dir(dir);
    command
}

/// A file of the test data; `None`, with a word, where it is absent.
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/audit").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn stats(dir: &Path) -> Value {
    let text = std::fs::read_to_string(dir.join("stats.json")).expect("counts are written");
    serde_json::from_str(&text).expect("counts are JSON")
}

const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web","verb":"get","user":{"username":"alice"},"objectRef":{"resource":"pods","namespace":"shop","name":"web","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-03-01T00:00:00.000000Z","stageTimestamp":"2026-03-01T00:00:00.100000Z"}"#;

#[test]
fn real_logs_are_decided_as_the_original_does() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, white, black, removed) in [("falco_fixtures.jsonl", 51, 0, 0), ("audit2rbac_demo.jsonl", 14, 0, 23)] {
        let Some(log) = data(name) else { return };
        let run = causeway(dir.path())
            .args(["filter", "--rules", "k8ntext", "--stages", "all", "--mode", "full", "--stats", "stats.json"])
            .arg(&log)
            .assert()
            .success();
        let stats = stats(dir.path());
        assert_eq!(
            [&stats["read"], &stats["white_listed"], &stats["black_listed"], &stats["removed"], &stats["rejects"]],
            [&json!(white + black + removed), &json!(white), &json!(black), &json!(removed), &json!(0)],
            "{name}"
        );
        let by_rule: i64 = stats["by_rule"].as_object().expect("a table").values().filter_map(Value::as_i64).sum();
        assert_eq!(by_rule, black + removed);
        // What is kept is kept byte by byte, in order.
        let whole = std::fs::read_to_string(&log).expect("the log is text");
        let kept = String::from_utf8(run.get_output().stdout.clone()).expect("UTF-8");
        let mut lines = whole.lines();
        assert!(kept.lines().all(|kept| lines.any(|line| line.trim() == kept)), "{name}: a line was changed or moved");
        assert_eq!(kept.lines().count() as i64, white);
    }
}

#[test]
fn only_final_stages_are_kept_unless_asked() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let received = EVENT.replace("ResponseComplete", "RequestReceived");
    let log = format!("{received}\n\n{EVENT}\nnot json\n");
    let filter = ["filter", "--stats", "stats.json"];
    causeway(dir.path()).args(filter).arg("-").write_stdin(log.clone()).assert().success().stdout(format!("{EVENT}\n"));
    assert_eq!(
        stats(dir.path()),
        json!({"read": 3, "white_listed": 1, "black_listed": 0, "removed": 1, "rejects": 1, "by_rule": {"stage": 1}})
    );
    let all = causeway(dir.path()).args(filter).args(["--stages", "all", "-"]).write_stdin(log).assert().success();
    all.stdout(format!("{received}\n{EVENT}\n"));
}

#[test]
fn an_event_list_is_taken_apart() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let list = format!(r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{EVENT},{EVENT}]}}"#);
    let run = causeway(dir.path()).args(["filter", "-"]).write_stdin(list).assert().success();
    run.stdout(format!("{EVENT}\n{EVENT}\n"));
}

#[test]
fn a_missing_file_is_named_with_exit_1() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    causeway(dir.path()).args(["filter", "none.log"]).assert().code(1).stdout("").stderr(contains("none.log"));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = dir.path().join("many.log");
    std::fs::write(&log, format!("{EVENT}\n").repeat(20_000)).expect("a log can be written");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("causeway"))
        .arg("filter")
        .arg(&log)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Like `head`: a little is read, then the pipe is closed.
    let mut first = [0; 100];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("it writes");
    drop(stdout);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
