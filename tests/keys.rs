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
    // Judged by a model that knows other keys only, every action is a finding in its context.
    sessions(folder.path());
    told(
        &["train", "keys", "--counts-only", "--short", "judge", "--output", "other.json", "normal.txt"],
        folder.path(),
    );
    let text = told(&["detect", "keys", "--model", "other.json", "--by", "context", "tables"], folder.path());
    let rows = common::rows_of(&tables, &["events"], &[]).remove("events").unwrap();
    let in_contexts = rows.iter().filter(|row| common::cell(row, "context_id") != "∅").count();
    assert_eq!(text.lines().count(), in_contexts, "one finding an event of a context");
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let (session, seen) = (first["session"].as_str().unwrap(), first["seen"].as_str().unwrap());
    let is_there = |row: &&String| common::cell(row, "context_id") == session && common::cell(row, "action") == seen;
    assert!(rows.iter().any(|row| is_there(&row)), "{first}");
}

/// Sessions of jobs that fetch, work and store; `odd` ones work before they fetch.
fn jobs(path: &Path, from: usize, odd: &[usize]) {
    let mut lines = Vec::new();
    for job in from..from + 40 {
        let steps = if odd.contains(&job) { ["work", "fetch", "store"] } else { ["fetch", "work", "store"] };
        lines.extend(steps.map(|step| match step {
            "fetch" => format!("fetching input of job-{job}"),
            "work" => format!("working hard on job-{job} now"),
            _ => format!("result of job-{job} was stored well"),
        }));
    }
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_stream_of_lines_is_judged_to_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pipeline = "[stream]\nname = \"jobs\"\n[parser]\nmasks = [{ regex_pattern = 'job-\\d+', mask_with = \"JOB\" }]\n\
        [sessions]\nadapter = \"only_identifier\"\nidentifier = 'job-\\d+'\nmax_lines = 3\n";
    std::fs::write(path("learn.toml"), pipeline).unwrap();
    std::fs::write(
        path("judge.toml"),
        format!("{pipeline}[anomalies]\nmodel = \"keys.json\"\ndetectors = [\"next-key\", \"workflow\"]\n"),
    )
    .unwrap();
    jobs(&path("normal.log"), 100, &[]);
    jobs(&path("mixed.log"), 200, &[217]);
    let replay = |pipeline: &str, tables: &str, log: &str, workers: &str| {
        let mut command = causeway(&["replay", "--no-progress", "--workers", workers, "--pipeline"]);
        command.arg(path(pipeline)).arg("--output").arg(path(tables)).arg(path(log));
        common::succeed(command);
    };
    replay("learn.toml", "learnt", "normal.log", "1");
    let mut command = causeway(&["train", "keys", "--counts-only", "--short", "judge", "-g", "1", "--output"]);
    command.arg(path("keys.json")).arg(path("learnt"));
    common::succeed(command);
    let found = |workers: &str| {
        let tables = format!("judged-{workers}");
        replay("judge.toml", &tables, "mixed.log", workers);
        common::rows_of(&path(&tables), &["anomalies"], &[]).remove("anomalies").unwrap()
    };
    let rows = found("1");
    let log = std::fs::read_to_string(path("mixed.log")).unwrap();
    let line = log.find("fetching input of job-217").unwrap();
    let expected = format!("offset={line}");
    assert!(!rows.is_empty() && rows.iter().any(|row| row.contains(&expected)), "{expected}: {rows:#?}");
    assert!(rows.iter().any(|row| row.contains("kind=workflow/")), "{rows:#?}");
    assert_eq!(rows, found("2"), "another number of workers");
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
    assert!(String::from_utf8_lossy(&output.stderr).contains("no model of keys"), "{output:?}");
}

/// Runs a command and gives what it said.
fn told(args: &[&str], folder: &Path) -> String {
    let mut command = causeway(args);
    command.current_dir(folder);
    String::from_utf8(common::succeed(command).stdout).unwrap()
}

#[test]
fn a_false_alarm_is_said_learnt_and_undone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    sessions(dir);
    // A step that training never saw, and an order that it never saw: the first is normal, the second is not.
    std::fs::write(dir.join("today.txt"), "1 2 3 9 4 5 6\n1 2 4 3 5 6\n1 2 3 4 5 6\n1 2 3 9 3 4 5 6\n").unwrap();
    let train =
        ["train", "keys", "--lstm", "16", "--history", "4", "--short", "judge", "-g", "3", "--output", "keys.onnx"];
    told(&[&train[..], &["normal.txt"]].concat(), dir);
    let before = std::fs::read(dir.join("keys.onnx")).unwrap();
    let findings = |detector: &str| -> Vec<serde_json::Value> {
        let text = told(&["detect", "keys", "--model", "keys.onnx", "--detector", detector, "today.txt"], dir);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let sessions_found = |detector: &str| -> Vec<String> {
        let mut found: Vec<String> =
            findings(detector).iter().map(|finding| finding["session"].as_str().unwrap().to_owned()).collect();
        found.dedup();
        found
    };
    assert_eq!(sessions_found("count"), ["1", "2", "4"]);
    let off = &findings("workflow")[0];
    assert_eq!((off["seen"].as_str(), off["keys_to_end"].as_u64()), (Some("9"), Some(3)), "{off}");
    assert!(off["node"].as_str().unwrap().starts_with('n') && !off["expected"].as_array().unwrap().is_empty(), "{off}");
    let unseen = &findings("count")[0];
    assert_eq!((unseen["kind"].as_str(), unseen["seen"].as_str()), (Some("unseen-key"), Some("9")));
    assert_eq!(unseen["position"], 3);
    let learn = ["feedback", "learn", "--model", "keys.onnx", "--verdicts", "verdicts.jsonl", "--normal", "normal.txt"];
    let nothing = causeway(&learn).arg("today.txt").current_dir(dir).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    for said in [["false-alarm", "1"], ["confirmed", "2"]] {
        told(&[&["feedback", "say", "--verdicts", "verdicts.jsonl"], &said[..]].concat(), dir);
    }
    let listed = told(&["feedback", "list", "--verdicts", "verdicts.jsonl"], dir);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let text = told(&[&learn[..], &["--json", "today.txt"]].concat(), dir);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["new_keys"], serde_json::json!(["9"]));
    for model in report["models"].as_array().unwrap() {
        assert_eq!(model["left"], 0, "{model}");
        assert!(model["steps"].as_u64().unwrap() > 0, "{model}");
        assert_eq!(model["now_abnormal"], serde_json::json!([]), "{model}");
    }
    // What was said is normal now; what was confirmed is not; a verdict does not speak for other sessions.
    let found = sessions_found("count");
    assert!(!found.contains(&"1".to_owned()) && found.contains(&"2".to_owned()), "{found:?}");
    assert!(!sessions_found("next-key").contains(&"1".to_owned()));
    let after = std::fs::read(dir.join("keys.onnx")).unwrap();
    assert_ne!(before, after);
    let again = told(&[&learn[..], &["today.txt"]].concat(), dir);
    assert!(again.contains("nothing to learn"), "{again}");
    told(&["feedback", "undo", "--model", "keys.onnx"], dir);
    assert_eq!(std::fs::read(dir.join("keys.onnx")).unwrap(), before, "undone");
    let refused = causeway(&["feedback", "undo", "--model", "keys.onnx"]).current_dir(dir).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no version before it"), "{refused:?}");
}

/// Life cycles of OpenStack instances, one a minute from `first` on: normal ones, or the three failures that DeepLog's authors provoked, told
/// by the order of usual lines alone. Spawning instance `slow` takes ten times as long.
fn instances(path: &Path, first: usize, count: usize, failing: bool, slow: Option<usize>) {
    let mut text = String::new();
    for vm in first..first + count {
        let id = format!("{vm:08x}-1db8-4a5a-89a4-{:012x}", vm * 7919);
        let claim = ["Attempting claim: memory 2048 MB, disk 20 GB, vcpus 1 CPU", "Claim successful", "Creating image"];
        // The hypervisor's events and the manager's lines come in one of several orders.
        let started = match vm % 3 {
            0 => [
                "VM Started (Lifecycle Event)",
                "VM Paused (Lifecycle Event)",
                "During sync_power_state the instance has a pending task (spawning). Skip.",
            ],
            1 => [
                "VM Started (Lifecycle Event)",
                "During sync_power_state the instance has a pending task (spawning). Skip.",
                "VM Paused (Lifecycle Event)",
            ],
            _ => [
                "VM Paused (Lifecycle Event)",
                "VM Started (Lifecycle Event)",
                "During sync_power_state the instance has a pending task (spawning). Skip.",
            ],
        };
        let (spawn, build) = if slow == Some(vm) { (197, 198) } else { (19, 20) };
        let spawned = [
            "VM Resumed (Lifecycle Event)".to_owned(),
            "Instance spawned successfully.".to_owned(),
            format!("Took {spawn}.{:02} seconds to spawn the instance on the hypervisor.", vm * 37 % 100),
            format!("Took {build}.{:02} seconds to build instance.", vm * 53 % 100),
        ];
        let end = ["Terminating instance", "VM Stopped (Lifecycle Event)", "Instance destroyed successfully."];
        let gone = [
            format!("Deleting instance files /var/lib/nova/instances/{id}_del"),
            format!("Deletion of /var/lib/nova/instances/{id}_del complete"),
            format!("Took 1.{:02} seconds to destroy the instance on the hypervisor.", vm * 11 % 100),
            format!("Took 0.{:02} seconds to deallocate network for instance.", vm * 17 % 100),
        ];
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
        let parts = match (failing, vm % 3) {
            (false, _) => vec![own(&claim), own(&started), spawned.to_vec(), own(&end), gone.to_vec()],
            // The network was not there in time: destroyed before it was spawned.
            (true, 0) => vec![own(&claim), own(&started), own(&end), gone.to_vec()],
            // The hypervisor failed to destroy it.
            (true, 1) => {
                vec![own(&claim), own(&started), spawned.to_vec(), own(&end[..1]), own(&end[..1]), gone[2..].to_vec()]
            }
            // Its files could not be removed.
            (true, _) => vec![
                own(&claim),
                own(&started),
                spawned.to_vec(),
                own(&end),
                gone[..1].to_vec(),
                gone[..1].to_vec(),
                gone[3..].to_vec(),
            ],
        };
        for (step, line) in parts.concat().into_iter().enumerate() {
            let secs = vm * 60 + step * 2;
            let time = format!(
                "2017-05-{:02} {:02}:{:02}:{:02}.{:03}",
                16 + secs / 86_400,
                secs / 3_600 % 24,
                secs / 60 % 60,
                secs % 60,
                vm % 997
            );
            let head = format!("nova-compute.log {time} 2931 INFO nova.compute.manager [req-{vm:x} 113d 54fa - - -]");
            text.push_str(&format!("{head} [instance: {id}] {line}\n"));
        }
    }
    std::fs::write(path, text).unwrap();
}

/// The whole path for a separable OpenStack log; the published one is not at hand, so this says nothing of its figures.
#[test]
fn failures_of_openstack_instances_are_found_among_normal_life_cycles() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pipeline = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/openstack.toml");
    let replay = |log: &str, tables: &str| {
        told(&["replay", "--no-progress", "--pipeline", pipeline, "--output", tables, log], dir);
    };
    let logs = [
        ("train", 0, 300, false, None),
        ("normal", 1_000, 300, false, Some(1_200)),
        ("failing", 2_000, 60, true, None),
    ];
    for (name, first, count, failing, slow) in logs {
        instances(&dir.join(format!("{name}.log")), first, count, failing, slow);
        replay(&format!("{name}.log"), name);
    }
    assert_eq!(
        common::rows_of(&dir.join("train"), &["templates"], &[])["templates"].len(),
        17,
        "a template a kind of line"
    );
    told(&["train", "keys", "--counts-only", "--output", "keys.json", "train"], dir);
    let text = told(
        &["evaluate", "keys", "--model", "keys.json", "--json", "--normal", "normal", "--abnormal", "failing"],
        dir,
    );
    let scores: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let count = scores.iter().find(|score| score["detector"] == "count").unwrap();
    assert_eq!((count["normal"].as_u64(), count["abnormal"].as_u64()), (Some(300), Some(60)), "{count}");
    assert!(count["by_session"]["f1"].as_f64().unwrap() >= 0.92, "{count}");
    // An instance that is slow to spawn goes the usual way: its values tell.
    let train =
        ["train", "values", "--lstm", "4", "--epochs", "2", "--since", "same-key", "--output", "values.json", "train"];
    told(&train, dir);
    let found = told(&["detect", "values", "--model", "values.json", "normal"], dir);
    let found: Vec<serde_json::Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let far: Vec<&serde_json::Value> = found.iter().filter(|found| found["kind"] == "far-from-median").collect();
    let is_spawn =
        |found: &&&serde_json::Value| found["key"].as_str().unwrap().contains("to spawn") && found["column"] == 2;
    assert_eq!(far.iter().filter(is_spawn).count(), 1, "{far:?}");
}
