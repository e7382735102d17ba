//! Commands around log lines from outside: values, counts in windows of time, odd lines, CSV.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

fn causeway(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(args).current_dir(folder);
    command
}

fn told(args: &[&str], folder: &Path) -> String {
    String::from_utf8(common::succeed(causeway(args, folder)).stdout).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const PIPELINE: &str = "[stream]\nname = \"jobs\"\n[lines]\nformat = \"<Date> <Clock> <Content>\"\ntime = [\"Date\", \"Clock\"]\n\
    time_format = \"%Y-%m-%d %H:%M:%S\"\n[parser]\nmasks = [{ regex_pattern = '\\d+', mask_with = \"NUM\" }]\n";

/// A job each ten seconds for ten hours, more in some hours than in others; `odd` changes what a line says.
fn jobs(folder: &Path, name: &str, odd: impl Fn(usize, String) -> String) {
    let mut text = String::new();
    for job in 0..3_600 {
        let (hour, minute, second) = (job / 360, job / 6 % 60, job * 10 % 60);
        let time = format!("2026-03-01 {hour:02}:{minute:02}:{second:02}");
        let bytes = 1_000 + 100 * (job % 7);
        for _ in 0..1 + hour % 2 {
            let _ = writeln!(text, "{time} {}", odd(job, format!("fetched {bytes} bytes for a job")));
            let _ = writeln!(text, "{time} job is done after {} ms", 40 + job % 5);
        }
    }
    std::fs::write(folder.join(name), text).unwrap();
}

fn tables(folder: &Path, log: &str, tables: &str) {
    std::fs::write(folder.join("jobs.toml"), PIPELINE).unwrap();
    told(&["replay", "--no-progress", "--pipeline", "jobs.toml", "--output", tables, log], folder);
}

#[test]
fn odd_values_and_long_pauses_are_found_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    jobs(dir, "normal.log", |_, line| line);
    jobs(dir, "today.log", |job, line| if job == 3_000 { "fetched 987654 bytes for a job".to_owned() } else { line });
    tables(dir, "normal.log", "normal");
    tables(dir, "today.log", "today");
    let train =
        ["train", "values", "--lstm", "4", "--epochs", "2", "--batch", "128", "--output", "values.json", "normal"];
    let text = told(&train, dir);
    assert!(text.contains("models of 2 keys"), "{text}");
    let found = json_lines(&told(&["detect", "values", "--model", "values.json", "today"], dir));
    let line = std::fs::read_to_string(dir.join("today.log")).unwrap();
    let line = line.lines().position(|line| line.contains("987654")).unwrap() + 1;
    let odd: Vec<&Value> = found.iter().filter(|finding| finding["seen"] == "987654").collect();
    assert!(odd.iter().any(|finding| finding["line"] == line && finding["kind"] == "far-from-median"), "{found:?}");
    assert!(odd.iter().all(|finding| finding["key"] == "fetched <NUM> bytes for a job"), "{odd:?}");
    // Said to be normal, it and what is like it are findings no longer; undone, they are again.
    let before = std::fs::read(dir.join("values.json")).unwrap();
    let say = |verdict: &str, place: &str| {
        told(&["feedback", "say", "--verdicts", "v.jsonl", verdict, place], dir);
    };
    let learn = ["feedback", "learn-values", "--model", "values.json", "--verdicts", "v.jsonl"];
    let nothing = causeway(&[&learn[..], &["today"]].concat(), dir).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "there is no verdict yet: {nothing:?}");
    say("confirmed", &format!("{}:{line}", odd[0]["source"].as_str().unwrap()));
    assert!(told(&[&learn[..], &["today"]].concat(), dir).contains("nothing to learn"));
    say("false-alarm", &format!("{}:{line}", odd[0]["source"].as_str().unwrap()));
    say("false-alarm", "nowhere.log:1");
    let text = told(&[&learn[..], &["--dry-run", "today"]].concat(), dir);
    let learnt =
        format!("fetched <NUM> bytes for a job: {0} false alarms, {0} learnt; of 5399 other lines 0 became", odd.len());
    assert!(text.contains(&learnt) && text.contains("unknown: nowhere.log:1"), "{text}");
    assert_eq!(std::fs::read(dir.join("values.json")).unwrap(), before, "a dry run writes nothing");
    told(&[&learn[..], &["today"]].concat(), dir);
    let places = |tables: &str| -> Vec<u64> {
        let found = json_lines(&told(&["detect", "values", "--model", "values.json", tables], dir));
        found.iter().map(|finding| finding["line"].as_u64().unwrap()).collect()
    };
    assert!(!places("today").contains(&(line as u64)));
    let like = |job, line| if job == 2_000 { "fetched 500000 bytes for a job".to_owned() } else { line };
    let beyond = |job, line| if job == 2_500 { "fetched 2000000 bytes for a job".to_owned() } else { line };
    jobs(dir, "later.log", |job, line| beyond(job, like(job, line)));
    tables(dir, "later.log", "later");
    let text = std::fs::read_to_string(dir.join("later.log")).unwrap();
    let number = |what: &str| text.lines().position(|line| line.contains(what)).unwrap() as u64 + 1;
    let found = places("later");
    assert!(!found.contains(&number("500000")) && found.contains(&number("2000000")), "{found:?}");
    assert!(told(&[&learn[..], &["today"]].concat(), dir).contains("nothing to learn"));
    told(&["feedback", "undo", "--model", "values.json"], dir);
    assert_eq!(std::fs::read(dir.join("values.json")).unwrap(), before);
    let normal = json_lines(&told(&["detect", "values", "--model", "values.json", "normal"], dir));
    assert!(normal.len() * 20 < 10_800, "{} findings in {} normal lines", normal.len(), 10_800);
    let dataset = "{\"data\": [[1, 2], [1, 2]]}";
    std::fs::write(dir.join("few.json"), dataset).unwrap();
    let output = causeway(&["train", "values", "--output", "never.json", "few.json"], dir).output().unwrap();
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stdout).contains("not enough data"),
        "{output:?}"
    );
}

#[test]
fn a_window_with_another_mix_of_keys_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    jobs(dir, "normal.log", |_, line| line);
    jobs(dir, "today.log", |job, line| if job / 360 == 6 { "cannot reach the store".to_owned() } else { line });
    tables(dir, "normal.log", "normal");
    tables(dir, "today.log", "today");
    let train = ["train", "counts", "--window", "1h", "--step", "1h", "--components", "1", "--output", "counts.json"];
    let text = told(&[&train[..], &["normal"]].concat(), dir);
    assert!(text.contains("10 windows of 10800 lines, 2 keys; 0 of these"), "{text}");
    let found = json_lines(&told(&["detect", "counts", "--model", "counts.json", "today"], dir));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["begin"], "2026-03-01T06:00:00.000000Z");
    assert_eq!(found[0]["keys"][0]["key"], "<unseen key>", "{found:?}");
    assert_eq!(found[0]["keys"].as_array().unwrap()[0]["count"], 360);
}

#[test]
fn odd_lines_have_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("normal.log"), "app: user ann came\napp: user bob came\n").unwrap();
    let mut today =
        b"app: user eve came\nno colon\napp: a \x1b[2J b\napp: \xff\napp: disk is full now\n\napp: ".to_vec();
    today.extend(vec![b'x'; 1 << 20]);
    today.extend(b"\napp: user mallory came\n");
    std::fs::write(dir.join("today.log"), today).unwrap();
    let format = ["--ini", "a.ini"];
    std::fs::write(dir.join("a.ini"), "[ADAPTER_PARAMS]\nlogformat = <App>: <Content>\n").unwrap();
    told(&[&["--quiet", "parse", "--state", "normal.state"], &format[..], &["normal.log"]].concat(), dir);
    std::fs::write(dir.join("patterns.txt"), "# names\nmallory\n").unwrap();
    let detect = ["detect", "obvious", "--state", "normal.state", "--patterns-file", "patterns.txt"];
    let output = common::succeed(causeway(&[&detect[..], &format[..], &["today.log"]].concat(), dir));
    let found = json_lines(&String::from_utf8(output.stdout).unwrap());
    let reasons: Vec<(u64, String)> = found
        .iter()
        .map(|finding| {
            (finding["line"].as_u64().unwrap(), finding["reasons"].as_array().unwrap()[0].as_str().unwrap().into())
        })
        .collect();
    let expected = [
        (2, "no_match"),
        (3, "control_characters"),
        (4, "binary"),
        (5, "no_template"),
        (7, "too_long"),
        (8, "pattern: mallory"),
    ];
    assert_eq!(reasons, expected.map(|(line, why)| (line, why.to_owned())));
    let counts = String::from_utf8(output.stderr).unwrap();
    assert!(counts.contains("1 pattern") && counts.contains("1 too_long"), "{counts}");
}

#[test]
fn csv_to_lines_and_lines_to_csv() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let mut csv = "@timestamp,host,message\n".to_owned();
    for second in 0..5 {
        let _ = writeln!(
            csv,
            "\"Sep 24, 2020 @ 10:02:0{second}.5\",h,\"<30>Sep 24 10:00:00 info sshd[7]: took {second}0 ms, \"\"ok\"\"\""
        );
    }
    csv.push_str("yesterday,h,no message\n");
    std::fs::write(dir.join("export.csv"), csv).unwrap();
    let text = told(&["csv-to-text", "--output", "lines", "--batch-lines", "2", "export.csv"], dir);
    assert_eq!(text, "export.csv: 5 lines, 3 batches, 1 rows skipped\n");
    let lines = |name: &str| std::fs::read_to_string(dir.join("lines").join(name)).unwrap().lines().count();
    assert_eq!(["", "_batch_1", "_batch_2", "_batch_3"].map(|end| lines(&format!("export{end}.txt"))), [5, 2, 2, 1]);
    let format = "<Month> <Date> <Time> <Level> <Component>(\\[<PID>\\])?: <Content>";
    let parse =
        ["parse", "--parser", "lenma", "--threshold", "0.88", "--log-format", format, "--time", "Month,Date,Time"];
    let files = ["--structured-csv", "s.csv", "--templates-csv", "t.csv", "--values-csv", "v.csv", "lines/export.txt"];
    told(&[&parse[..], &["--time-format", "%b %d %H:%M:%S"], &files[..]].concat(), dir);
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let structured = read("s.csv");
    assert!(
        structured.starts_with(
            "LineId,Month,Date,Time,Level,Component,PID,Content,EventId,EventTemplate\n1,Sep,24,10:02:00,info,sshd,7,"
        ),
        "{structured}"
    );
    assert_eq!(read("t.csv"), "EventId,EventTemplate,Occurrences\nE1,\"took <*> ms, \"\"ok\"\"\",5\n");
    let values = read("v.csv");
    assert!(
        values.ends_with("\"took 40 ms, \"\"ok\"\"\",\"took <*> ms, \"\"ok\"\"\",\"[1.0,\"\"40\"\"]\"\n"),
        "{values}"
    );
    assert_eq!(causeway(&["csv-to-text", "--output", "x", "s.csv"], dir).output().unwrap().status.code(), Some(1));
}

#[test]
fn the_trainer_s_workflow_follows_what_it_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // The original's own test: seven sessions, five of them distinct.
    let first = "1 2 8 12 10 10 9 9 16 8 13 1 15 14 9 9 16 14";
    let second = "1 2 3 5 12 10 13 9 14 8 10 15 1 9 14 8 18 2";
    let others = ["1 2 6 7 2 8 9 9 10 11 8 12 10", "1 4 5 12 10 8 9 8", second, "1 2 3 4 5 3 5 20 19 1 21 15 2", first];
    std::fs::write(dir.join("sessions.txt"), [&[first, second], &others[..]].concat().join("\n")).unwrap();
    std::fs::write(dir.join("asked.txt"), "1 4 5 12\n1 3 6 7 4 2\n1 4 5 12 10 8 9 8 9\n").unwrap();
    let train = ["train", "workflow", "--threshold", "0.2", "--back-steps", "1", "--output", "workflows.json"];
    let text = told(&[&train[..], &["--dot", "workflows.dot", "sessions.txt"]].concat(), dir);
    assert!(text.starts_with("workflows.json: 7 sequences, 5 distinct; "), "{text}");
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let file: Value = serde_json::from_str(&read("workflows.json")).unwrap();
    let ends = file.as_object().unwrap().values().filter(|node| node["is_end"] == true).count();
    assert!(
        text.contains(&format!("; {} nodes with the root, {ends} ends, ", file.as_object().unwrap().len())),
        "{text}"
    );
    assert_eq!(read("workflows.dot").matches("[label=\"").count(), file_ways(&file) + file.as_object().unwrap().len());

    let evaluate = |more: &[&str]| told(&[&["evaluate", "workflow", "--model", "workflows.json"], more].concat(), dir);
    let scores: Value = serde_json::from_str(&evaluate(&["--json", "asked.txt"])).unwrap();
    assert_eq!((&scores["n_items"], &scores["n_correct"]), (&3.into(), &2.into()));
    let stops = scores["not_followed"].as_array().unwrap();
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!((&stops[0]["session"], &stops[0]["position"], &stops[0]["seen"]), (&"2".into(), &1.into(), &"3".into()));
    assert_eq!(stops[0]["expected"], serde_json::json!(["2", "4"]));
    assert_eq!(file[stops[0]["node"].as_str().unwrap()]["value"], 1);
    assert_eq!(stops[0]["keys_to_end"], 5, "along 2 8 12 10 8, a way that merging made");
    let text = evaluate(&["asked.txt"]);
    assert!(text.starts_with("n_items 3, n_correct 2, accuracy 0.6667\nsession 2 stops in node-"), "{text}");
    assert!(text.ends_with(", position 1: came `3`, allowed `2`, `4`; 5 keys to an end\n"), "{text}");
    assert!(evaluate(&["sessions.txt"]).starts_with("n_items 7, n_correct 7, accuracy 1.0000\n"));
    std::fs::write(dir.join("empty.txt"), "").unwrap();
    assert_eq!(evaluate(&["empty.txt"]), "n_items 0, n_correct 0, accuracy 0.0000\n");

    let start = file["root"]["children"]["1"].as_str().unwrap();
    let refused = |args: &[&str], code: i32, why: &str| {
        let output = causeway(args, dir).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{output:?}");
    };
    refused(&["train", "workflow", "--threshold", "1.5", "--output", "w", "sessions.txt"], 2, "a share from 0 to 1");
    refused(&["train", "workflow", "--output", "w", "empty.txt"], 1, "not enough data");
    for (key, child, why) in
        [("1", "node-x", "there is no such node"), ("77", start, "nodes of different value cannot be one")]
    {
        let mut broken = file.clone();
        broken["root"]["children"] = serde_json::json!({ key: child });
        std::fs::write(dir.join("broken.json"), broken.to_string()).unwrap();
        refused(&["evaluate", "workflow", "--model", "broken.json", "asked.txt"], 1, why);
    }
    assert!(!dir.join("w").exists());
}

/// Number of ways in a workflows.json.
fn file_ways(file: &Value) -> usize {
    file.as_object().unwrap().values().map(|node| node["children"].as_object().unwrap().len()).sum()
}
