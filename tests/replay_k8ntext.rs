//! K8NTEXT's methods of finding contexts, from outside: a small log with known clusters, the same rows whatever the workers, cuts
//! and kills, and clear words where a method cannot be used.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{assert_same, replay, rows, sample, sample_lines, succeed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Second, audit id, user, verb, resource, name, uid, uid of the owner, true action (a root's in capitals).
const LOG: &[(u32, [&str; 8])] = &[
    (0, ["a0", "alice", "create", "deployments", "web", "d1", "", "A"]),
    (1, ["a1", "deployer", "create", "replicasets", "web-1", "r1", "d1", "a"]),
    (2, ["a2", "replicator", "create", "pods", "web-1-x", "p1", "r1", "a"]),
    (3, ["b0", "bob", "create", "deployments", "db", "d2", "", "B"]),
    (4, ["b1", "deployer", "create", "replicasets", "db-1", "r2", "d2", "b"]),
    (5, ["b2", "replicator", "create", "pods", "db-1-x", "p2", "r2", "b"]),
    (6, ["c0", "alice", "delete", "pods", "web-1-x", "p1", "r1", "C"]),
    (400, ["a3", "deployer", "update", "deployments", "web", "d1", "", "a"]),
];

fn log(folder: &Path) -> (PathBuf, PathBuf) {
    let (mut events, mut truth) = (String::new(), String::new());
    for (second, [id, user, verb, resource, name, uid, owner, action]) in LOG {
        let time = format!("2026-01-01T00:{:02}:{:02}.000000Z", second / 60, second % 60);
        let group = if *resource == "pods" { "" } else { "apps" };
        let owners: Vec<Value> = if owner.is_empty() { Vec::new() } else { vec![json!({"uid": owner, "name": "o"})] };
        let event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": id,
            "stage": "ResponseComplete", "verb": verb, "user": {"username": user}, "userAgent": "test",
            "requestURI": format!("/apis/{group}/v1/namespaces/shop/{resource}/{name}"),
            "objectRef": {"resource": resource, "namespace": "shop", "name": name, "apiGroup": group, "apiVersion": "v1"},
            "responseStatus": {"code": 200}, "requestReceivedTimestamp": time, "stageTimestamp": time,
            "responseObject": {"kind": "X", "metadata": {"name": name, "uid": uid, "ownerReferences": owners}},
        });
        events += &format!("{event}\n");
        let root = action.chars().all(char::is_uppercase);
        let row = json!({"auditID": id, "stage": "ResponseComplete", "action": action.to_uppercase(), "root": root, "trigger": root});
        truth += &format!("{row}\n");
    }
    let paths = (folder.join("audit.log"), folder.join("truth.jsonl"));
    std::fs::write(&paths.0, events).unwrap();
    std::fs::write(&paths.1, truth).unwrap();
    paths
}

/// Audit ids of each context's events, its root first.
fn contexts(output: &Path) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
    for row in &rows(output, &[])["events"] {
        let value = |name: &str| {
            let found = row.split('\t').find_map(|cell| cell.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        found.entry(value("context_id")).or_default().push((value("context_role") != "root", value("audit_id")));
    }
    let mut found: Vec<String> = found
        .into_iter()
        .map(|(context, mut events)| {
            events.sort();
            let ids: Vec<String> = events.into_iter().map(|(_, id)| id).collect();
            if context == "∅" { format!("none: {}", ids.join(" ")) } else { ids.join(" ") }
        })
        .collect();
    found.sort();
    found
}

fn evaluate(output: &Path, truth: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(["evaluate", "contexts", "--json", "--truth"]).arg(truth).arg(output);
    serde_json::from_slice(&succeed(command).stdout).unwrap()
}

#[test]
fn a_small_log_has_the_clusters_that_the_description_says() {
    let folder = tempfile::tempdir().unwrap();
    let (log, truth) = log(folder.path());
    let found = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        succeed(replay(&output, &[&log], more));
        (contexts(&output), evaluate(&output, &truth))
    };
    let oracle = format!("oracle:{}", truth.display());
    // One label, two triggers. Sets and pods follow their owners; but pods of both come from one user, and a joined owner is worth
    // more than that. What comes after 300 s is cut off. The deletion has a label of its own.
    let (clusters, scores) = found("windows", &["--method", "k8ntext", "--labels", &oracle]);
    assert_eq!(clusters, ["a0 a1 a2", "a3", "b0 b1 b2", "c0"]);
    assert_eq!(scores["contexts"]["split_into"], json!({"2": 1}));
    assert_eq!((&scores["contexts"]["perfect"], &scores["root"]["contexts_with_right_root"]), (&json!(2), &json!(1.0)));
    assert_eq!(scores["sizes"]["predicted"]["labels_by_mean"], json!({"1": 2, "1 to 5": 1}));
    // Own labels: nothing but triggers, so everything is alone.
    let (clusters, scores) = found("own", &["--method", "k8ntext"]);
    assert_eq!(
        clusters,
        LOG.iter().map(|(_, [id, ..])| *id).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    assert_eq!(scores["user"]["pair_f1"], json!(0.0));
    // The old one has no table of owners' owners: a pod finds its deployment by the beginning of its name.
    let (clusters, _) = found("actions", &["--method", "k8ntext-old", "--labels", &oracle]);
    assert_eq!(clusters, ["a0 a1 a2", "a3", "b0 b1 b2", "c0"]);
    let unlimited = ["--method", "k8ntext-old", "--labels", &oracle, "--set", "contexts.cluster_timeout=0s"];
    assert_eq!(found("unlimited", &unlimited).0, ["a0 a1 a2 a3", "b0 b1 b2", "c0"]);
}

#[test]
fn workers_blocks_commits_and_cuts_change_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let lines = sample_lines();
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    for (name, part) in
        [("audit.2.log", &lines[..1_500]), ("audit.1.log", &lines[1_500..3_100]), ("audit.log", &lines[3_100..])]
    {
        std::fs::write(logs.join(name), part.concat()).unwrap();
    }
    for method in ["k8ntext", "k8ntext-old"] {
        let whole = folder.path().join(method);
        succeed(replay(&whole, &[&sample()], &["--method", method, "--workers", "1"]));
        let expected = rows(&whole, &["source", "offset"]);
        assert!(expected["contexts"].len() > 50);
        for workers in ["2", "4"] {
            let output = folder.path().join(format!("{method}-{workers}"));
            let settings = ["--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB"];
            succeed(replay(&output, &[&logs], &[&["--method", method, "--workers", workers], &settings[..]].concat()));
            assert_same(&expected, &rows(&output, &["source", "offset"]), &format!("{method}, {workers} workers"));
        }
    }
}

#[test]
fn dying_and_going_on_changes_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, sample_lines().concat()).unwrap();
    let settings = ["--method", "k8ntext", "--set", "files.block_bytes=64KiB", "--set", "commit.bytes=256KiB"];
    let undisturbed = folder.path().join("undisturbed");
    succeed(replay(&undisturbed, &[&log], &settings));
    let expected = rows(&undisturbed, &[]);
    for point in ["staged:2", "after-manifest:3", "published:4"] {
        let output = folder.path().join(point.replace(':', "-"));
        let mut command = replay(&output, &[&log], &settings);
        command.args(["--workers", "2"]).env("CAUSEWAY_FAIL_POINT", point);
        assert!(!command.output().unwrap().status.success(), "{point}: the process did not die");
        succeed(replay(&output, &[&log], &settings));
        assert_same(&expected, &rows(&output, &[]), point);
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = log(folder.path());
    let fails = |output: &str, input: &Path, more: &[&str], words: &str| {
        let result = replay(&folder.path().join(output), &[input], more).output().unwrap();
        let said = String::from_utf8_lossy(&result.stderr).into_owned();
        assert!(!result.status.success() && said.contains(words), "{said}");
    };
    fails("a", Path::new("-"), &["--method", "k8ntext"], "reads its input twice");
    fails("a", &log, &["--method", "k8ntext", "--labels", "mine"], "contexts.labels is `mine`");
    fails("a", &log, &["--method", "k8ntext", "--labels", "oracle:absent"], "absent");
    fails("a", &log, &["--method", "best"], "k8ntext-old");
    for (begun, other) in [("causal", "k8ntext"), ("k8ntext", "causal"), ("k8ntext", "k8ntext-old")] {
        let output = format!("{begun}-{other}");
        succeed(replay(&folder.path().join(&output), &[&log], &["--method", begun]));
        fails(&output, &log, &["--method", other], "replay into a new folder");
    }
}
