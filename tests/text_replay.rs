//! Log lines into tables: the same rows with any number of workers, after any kill, in bounded memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::kills::Random;
use common::{Rows, assert_same, causeway, cell, files, succeed, verify};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const PIPELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/hdfs.toml");

/// Lines of blocks that are written, served and deleted, of several lives side by side, with odd lines among them.
fn log(folder: &Path, lines: usize) -> PathBuf {
    let mut text = String::new();
    for at in 0..lines {
        let (secs, block) = (at / 7, at * 31 % 400 / 4 + at / 900 * 100);
        let time = format!("081109 {:02}{:02}{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60);
        let _ = match at % 11 {
            0 => writeln!(
                text,
                "{time} 148 INFO dfs.DataNode$PacketResponder: PacketResponder {} for block blk_{block} terminating",
                if at > 3_000 && at % 451 == 0 { 900 } else { at % 3 }
            ),
            1 => writeln!(
                text,
                "{time} 26 INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: /user/root/part-{at}. blk_-{block}"
            ),
            2 if at % 5 == 0 => writeln!(text, "no format at all {at}"),
            3 if at % 7 == 0 => writeln!(text),
            4 if at % 9 == 0 => writeln!(text, "{time} 9 WARN dfs.Web: nul \0 {at}"),
            5 if (4_000..4_800).contains(&at) => {
                writeln!(
                    text,
                    "{time} 35 INFO dfs.FSNamesystem: Starting decommission in a hurry, whoever is on node {}",
                    at % 13
                )
            }
            5 => writeln!(text, "{time} 35 INFO dfs.FSNamesystem: Starting decommission of node {}", at % 13),
            n => writeln!(
                text,
                "{time} 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_{block} src: /10.250.{n}.{}:54106 dest: /10.250.1.1:50010",
                at % 200
            ),
        };
    }
    let path = folder.join("hdfs.log");
    std::fs::write(&path, text).unwrap();
    path
}

/// A pipeline with small blocks and many commits.
fn pipeline(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(PIPELINE).unwrap();
    let text = text.replace("max_bytes = \"64KiB\"", "max_bytes = \"4KiB\"\nblock_bytes = \"8KiB\"");
    let text = text.replace("bytes = \"256MiB\"", "bytes = \"64KiB\"").replace("idle = \"1h\"", "idle = \"90s\"");
    let path = folder.join("pipeline.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The same with detectors of sessions, values and counts, trained on half an hour without anything odd.
fn watched(folder: &Path) -> PathBuf {
    let normal = folder.join("normal");
    std::fs::create_dir(&normal).unwrap();
    let (log, tables, plain) = (log(&normal, 3_000), normal.join("tables"), pipeline(folder));
    succeed(replay(&plain, &tables, &[&log], 1));
    let train = |what: &str, more: &[&str]| {
        let mut command = causeway(&["train", what, "--output"]);
        command.arg(folder.join(format!("{what}.json"))).args(more).arg(&tables);
        succeed(command);
    };
    train("keys", &["--counts-only", "--short", "judge"]);
    train("values", &["--lstm", "8", "--epochs", "2", "--batch", "64"]);
    train("counts", &["--window", "2m", "--step", "1m"]);
    let anomalies = "\n[anomalies]\nmodel = \"keys.json\"\nvalues = \"values.json\"\ncounts = \"counts.json\"\n";
    let path = folder.join("watched.toml");
    std::fs::write(&path, std::fs::read_to_string(plain).unwrap() + anomalies).unwrap();
    path
}

fn replay(pipeline: &Path, output: &Path, inputs: &[&Path], workers: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(["replay", "--no-progress", "--workers", &workers.to_string(), "--pipeline"]).arg(pipeline);
    command.arg("--output").arg(output).args(inputs);
    command
}

fn rows(output: &Path) -> Rows {
    common::rows_of(output, &["lines", "templates", "log_sessions", "rejects", "anomalies"], &[])
}

#[test]
fn any_number_of_workers_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (log, pipeline) = (log(folder.path(), 6_000), watched(folder.path()));
    let outputs = [1, 2, 4].map(|workers| {
        let output = folder.path().join(format!("workers-{workers}"));
        succeed(replay(&pipeline, &output, &[&log], workers));
        verify(&output);
        rows(&output)
    });
    assert_same(&outputs[0], &outputs[1], "2 workers");
    assert_same(&outputs[0], &outputs[2], "4 workers");
    let [one, ..] = outputs;
    let lines = std::fs::read_to_string(&log).unwrap().lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(one["lines"].len() + one["rejects"].len(), lines);
    assert!(one["rejects"].len() > 50 && one["templates"].len() > 4 && one["log_sessions"].len() > 100);
    // Each detector found what is odd, at the very line.
    let text = std::fs::read_to_string(&log).unwrap();
    let found = |kind: &str| -> Vec<&str> {
        let rows = one["anomalies"].iter().filter(|row| cell(row, "kind").starts_with(kind));
        rows.map(|row| text[cell(row, "offset").parse::<usize>().unwrap()..].lines().next().unwrap()).collect()
    };
    let responders = found("values/far-from-median").into_iter().filter(|line| line.contains("PacketResponder 900"));
    assert_eq!(responders.count(), text.matches("PacketResponder 900").count());
    assert!(found("counts/unusual-counts").iter().any(|line| line.contains("in a hurry")), "{:?}", found("counts"));
    assert!(!found("count/").is_empty());
    // Lines, sessions and templates agree.
    let in_sessions: u64 = one["log_sessions"].iter().map(|row| cell(row, "lines").parse::<u64>().unwrap()).sum();
    let with_session = one["lines"].iter().filter(|row| cell(row, "session_id") != "∅").count() as u64;
    assert_eq!(in_sessions, with_session);
    let without: Vec<&String> = one["lines"].iter().filter(|row| cell(row, "session_id") == "∅").collect();
    assert!(!without.is_empty() && without.iter().all(|row| cell(row, "content").starts_with("Starting decommission")));
    let text = std::fs::read(&log).unwrap();
    let mut starts = vec![0];
    starts.extend(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
    for row in &one["lines"] {
        let offset: usize = cell(row, "offset").parse().unwrap();
        let line = text[offset..].split(|byte| *byte == b'\n').next().unwrap();
        assert!(line.ends_with(cell(row, "content").as_bytes()), "{row}");
        let number: usize = cell(row, "line").parse().unwrap();
        assert_eq!(starts.binary_search(&offset), Ok(number - 1), "{row}");
    }
}

#[test]
fn keys_are_those_of_the_command_parse() {
    let folder = tempfile::tempdir().unwrap();
    let (log, pipeline) = (log(folder.path(), 3_000), pipeline(folder.path()));
    let output = folder.path().join("tables");
    succeed(replay(&pipeline, &output, &[&log], 2));
    let ini = folder.path().join("drain.ini");
    std::fs::write(
        &ini,
        r#"[DRAIN]
sim_th = 0.5
[MASKING]
masking = [{"regex_pattern": "blk_-?\\d+", "mask_with": "BLOCK"}, {"regex_pattern": "(\\d+\\.){3}\\d+(:\\d+)?", "mask_with": "IP"}]
[ADAPTER_PARAMS]
logformat = <Date> <Time> <Pid> <Level> <Component>: <Content>
"#,
    )
    .unwrap();
    let mut command = causeway(&["--quiet", "parse", "--max-line-bytes", "4096", "--ini"]);
    let parsed = succeed({
        command.arg(&ini).arg(&log);
        command
    });
    let mut expected: Vec<(u64, u64, String)> = String::from_utf8(parsed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|row| Some((row["line"].as_u64()?, row["key"].as_u64()?, row["template"].as_str()?.to_owned())))
        .collect();
    expected.sort_unstable();
    let number = |row: &str, column: &str| cell(row, column).parse::<u64>().unwrap();
    let mut found: Vec<(u64, u64, String)> = rows(&output)["lines"]
        .iter()
        .map(|row| (number(row, "line"), number(row, "key"), cell(row, "template").to_owned()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn killing_loses_and_doubles_nothing() {
    let kills: u64 = std::env::var("CAUSEWAY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().unwrap();
    let (log, pipeline) = (log(folder.path(), 12_000), watched(folder.path()));
    let undisturbed = folder.path().join("undisturbed");
    succeed(replay(&pipeline, &undisturbed, &[&log], 1));
    let expected = rows(&undisturbed);
    for kind in ["count/", "values/", "counts/"] {
        assert!(expected["anomalies"].iter().any(|row| cell(row, "kind").starts_with(kind)), "nothing found by {kind}");
    }
    for point in ["staged", "before-manifest", "after-manifest", "half-published"] {
        let output = folder.path().join(point);
        for hit in [1, 3] {
            let mut command = replay(&pipeline, &output, &[&log], 2);
            let died = !command.env("CAUSEWAY_FAIL_POINT", format!("{point}:{hit}")).output().unwrap().status.success();
            assert!(died, "{point}: the process did not die");
        }
        succeed(replay(&pipeline, &output, &[&log], 2));
        assert_same(&expected, &rows(&output), point);
        verify(&output);
    }
    let mut random = Random(11);
    let (mut killed, mut round) = (0, 0);
    while killed < kills {
        let output = folder.path().join(format!("round-{round}"));
        round += 1;
        // Later attempts live longer, so that a slow machine comes to an end too.
        let mut longest_ms = 500;
        loop {
            let workers = 1 + random.below(3) as usize;
            let mut child = replay(&pipeline, &output, &[&log], workers).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(5 + random.below(longest_ms)));
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                break;
            }
            killed += 1;
            longest_ms += 100;
        }
        assert_same(&expected, &rows(&output), &format!("round {round}"));
        verify(&output);
    }
    // The same input again adds nothing; a file that has grown is read on.
    succeed(replay(&pipeline, &undisturbed, &[&log], 2));
    assert_same(&expected, &rows(&undisturbed), "again");
    let more = "081110 000000 1 INFO dfs.DataNode: Receiving block blk_1 src: /10.0.0.1:1 dest: /10.0.0.2:2\n";
    let grown = std::fs::read_to_string(&log).unwrap() + more;
    std::fs::write(&log, grown).unwrap();
    succeed(replay(&pipeline, &undisturbed, &[&log], 2));
    assert_eq!(rows(&undisturbed)["lines"].len(), expected["lines"].len() + 1);
    verify(&undisturbed);
}

/// Rows of `log_sessions` with this identifier: lines and why it ended, in the order of lines.
fn sessions_of(output: &Path, name: &str) -> Vec<(usize, String)> {
    let rows = rows(output);
    let mut found: Vec<(usize, String)> = rows["log_sessions"]
        .iter()
        .filter(|row| cell(row, "name") == name)
        .map(|row| (cell(row, "lines").parse().unwrap(), cell(row, "end").to_owned()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_session_goes_on_when_the_log_has_grown() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(folder.path());
    let line = |second: usize, block: &str, words: &str| {
        format!("081109 2000{second:02} 1 INFO dfs.DataNode: {words} {block} now\n")
    };
    let first = line(1, "blk_1", "Receiving") + &line(2, "blk_2", "Receiving");
    let second = first.clone() + &line(5, "blk_1", "Received");
    let last = second.clone() + "081109 210000 1 INFO dfs.DataNode: Receiving blk_3 now\n";
    let (log, output) = (folder.path().join("app.log"), folder.path().join("tables"));
    let told = |text: &str| {
        std::fs::write(&log, text).unwrap();
        succeed(replay(&pipeline, &output, &[&log], 2));
        verify(&output);
        ["blk_1", "blk_2", "blk_3"].map(|name| sessions_of(&output, name))
    };
    let row = |lines, end: &str| (lines, end.to_owned());
    let open = |lines| row(lines, "unfinished");
    assert_eq!(told(&first), [vec![open(1)], vec![open(1)], vec![]]);
    assert_eq!(told(&first), [vec![open(1)], vec![open(1)], vec![]], "nothing new, no new row");
    assert_eq!(told(&second), [vec![open(1), open(2)], vec![open(1)], vec![]]);
    let ended = [vec![open(1), row(2, "idle"), open(2)], vec![row(1, "idle"), open(1)], vec![open(1)]];
    assert_eq!(told(&last), ended);
    let ids: std::collections::BTreeSet<String> =
        rows(&output)["log_sessions"].iter().map(|row| cell(row, "session_id").to_owned()).collect();
    assert_eq!(ids.len(), 3, "a session keeps its id");
    // Whoever reads sessions sees each once, as long as it is.
    let keys = folder.path().join("keys.jsonl");
    let mut train = causeway(&["train", "keys", "--counts-only", "--output"]);
    train.arg(&keys).arg(&output);
    let refused = String::from_utf8(train.output().unwrap().stderr).unwrap();
    assert!(refused.contains("1 normal sessions of at least 2 keys"), "{refused}");
}

#[test]
fn tables_of_another_kind_or_other_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (log, pipeline) = (log(folder.path(), 200), pipeline(folder.path()));
    let refused = |mut command: Command| {
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let audit = folder.path().join("audit");
    succeed(common::replay(&audit, &[&common::sample()], &[]));
    assert!(refused(replay(&pipeline, &audit, &[&log], 1)).contains("of audit events"));
    let text = folder.path().join("text");
    succeed(replay(&pipeline, &text, &[&log], 1));
    assert!(refused(common::replay(&text, &[&common::sample()], &[])).contains("\"text\""));
    let other = std::fs::read_to_string(&pipeline).unwrap().replace("similarity = 0.5", "similarity = 0.6");
    std::fs::write(&pipeline, other).unwrap();
    assert!(refused(replay(&pipeline, &text, &[&log], 1)).contains("other settings"));
    std::fs::write(&pipeline, "[stream]\nname = 'a'\n[lines]\ntime_format = '%H'\ntime = ['Nope']\n").unwrap();
    let fresh = folder.path().join("fresh");
    assert!(refused(replay(&pipeline, &fresh, &[&log], 1)).contains("<Nope>"));
    assert!(!fresh.exists(), "a mistake left a folder behind");
    assert!(files(&text).iter().all(|file| !file.to_string_lossy().contains("events")));
}
