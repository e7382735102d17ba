//! `train keys` and `evaluate keys` from outside, on the published HDFS sessions where they are there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

fn causeway(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(args);
    command
}

fn hdfs(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/hdfs").join(name);
    let there = path.exists().then_some(path);
    if there.is_none() {
        eprintln!("skipped: ../shared/data/hdfs/{name} is absent");
    }
    there
}

/// Sessions that count up, with one of another kind.
fn sessions(folder: &Path) -> PathBuf {
    let path = folder.join("normal.txt");
    let lines: Vec<String> =
        (0..60).map(|n| if n % 3 == 0 { "1 2 3 4 5 6" } else { "1 2 3 3 4 5 6" }.to_owned()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

#[test]
fn the_count_model_finds_the_abnormal_sessions_of_hdfs() {
    let (Some(train), Some(normal), Some(abnormal)) =
        (hdfs("hdfs_train"), hdfs("normal_sample.csv"), hdfs("hdfs_test_abnormal"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("keys.json");
    let mut command = causeway(&["train", "keys", "--counts-only", "--output"]);
    common::succeed({
        command.arg(&model).arg(train);
        command
    });
    let mut command = causeway(&["evaluate", "keys", "--json", "--normal-total", "553366", "--model"]);
    command.arg(&model).arg("--normal").arg(normal).arg("--abnormal").arg(abnormal);
    let scores: serde_json::Value = serde_json::from_slice(&common::succeed(command).stdout).unwrap();
    let session = &scores[0]["by_session"];
    let number = |name: &str| session[name].as_f64().unwrap();
    let (found, missed, wrong) = (number("true_positives"), number("false_negatives"), number("false_positives"));
    assert_eq!((scores[0]["normal"].as_u64(), found + missed), (Some(6_000), 16_838.0));
    assert!(found / (found + missed) >= 0.96, "recall: {found} of {}", found + missed);
    assert!(wrong / 553_366.0 <= 0.002, "false alarms: {wrong}");
    assert!(2.0 * found / (2.0 * found + missed + wrong) >= 0.96);
}

#[test]
fn a_network_is_trained_the_same_twice_and_judges() {
    let folder = tempfile::tempdir().unwrap();
    let input = sessions(folder.path());
    let train = |name: &str, threads: &str| {
        let model = folder.path().join(name);
        let mut command =
            causeway(&["train", "keys", "--lstm", "8", "--epochs", "8", "--history", "4", "--short-keys", "2"]);
        command.args(["--threads", threads, "--output"]).arg(&model).arg("--history-file");
        command.arg(folder.path().join("history.json")).arg(&input);
        common::succeed(command);
        std::fs::read(model).unwrap()
    };
    assert_eq!(train("one.onnx", "1"), train("two.onnx", "2"));
    let history: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("history.json")).unwrap()).unwrap();
    assert_eq!(history["loss"].as_array().unwrap().len(), 8);
    let bad = folder.path().join("bad.csv");
    std::fs::write(&bad, "Sequence,label\n1 2 3 4 5 6,0\n1 2 9 4 5 6,1\n1 2,1\n").unwrap();
    let mut command = causeway(&["evaluate", "keys", "--json", "--model"]);
    command.arg(folder.path().join("one.onnx")).arg(bad);
    let scores: serde_json::Value = serde_json::from_slice(&common::succeed(command).stdout).unwrap();
    for detector in scores.as_array().unwrap() {
        assert_eq!(detector["by_session"]["true_positives"], 2.0, "{detector}");
    }
}

#[test]
fn actions_of_audit_events_make_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    common::succeed(common::replay(&tables, &[&common::sample()], &[]));
    for by in ["session", "context"] {
        let model = folder.path().join("keys.json");
        let mut command = causeway(&["train", "keys", "--counts-only", "--by", by, "--output"]);
        command.arg(&model).arg(&tables);
        let told = String::from_utf8(common::succeed(command).stdout).unwrap();
        assert!(told.contains("keys known"), "{told}");
        let text = std::fs::read_to_string(&model).unwrap();
        assert!(text.contains("create apps/deployments"), "{by}: actions are the keys");
    }
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("few.txt");
    std::fs::write(&file, "1 2 3\n").unwrap();
    let mut command = causeway(&["train", "keys", "--output", "never.onnx"]);
    let output = command.arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not enough data"), "{output:?}");
    let output = causeway(&["evaluate", "keys", "--model"]).arg(&file).arg(&file).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no model of this program"), "{output:?}");
}
