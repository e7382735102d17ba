//! What bad input gets (each is decoded, or lands in `rejects` with reason, path and position), and that it costs nothing else:
//! one bad line costs one line, and no name leaves the output folder or steers a terminal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::event::{event, lines};
use common::{accounted, causeway, cell, files, rows, succeed};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Events(usize),
    Reject(&'static str, &'static str),
    /// An event, and a reject of what stands behind it on the line.
    Both(&'static str, &'static str),
    Empty,
}
use Fate::{Both, Empty, Events, Reject};

/// Every kind of bad line, and what becomes of it.
fn bad_lines() -> Vec<(Vec<u8>, Fate)> {
    let line = |n: usize| event(n, "get", "pods", "web").to_string();
    let with = |n: usize, place: &str, value: Value| {
        let mut event = event(n, "get", "pods", "web");
        event[place] = value;
        event.to_string()
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let big = "x".repeat(10 << 20);
    let mut bad: Vec<(Vec<u8>, Fate)> = Vec::new();
    let mut add = |text: String, fate: Fate| bad.push((text.into_bytes(), fate));
    add(String::new(), Empty);
    add(" \t\r".to_owned(), Empty);
    add(line(100)[..200].to_owned(), Reject("bad_json", ""));
    add("{".to_owned(), Reject("bad_json", ""));
    add("plain words of a log".to_owned(), Reject("bad_json", ""));
    add("null".to_owned(), Reject("not_an_event", ""));
    add("{\"a\":1}".to_owned(), Reject("not_an_event", ""));
    add("[]".to_owned(), Reject("not_an_event", ""));
    add("\0\0\0".to_owned(), Reject("bad_json", ""));
    add(format!("{}\0", line(101)), Both("bad_json", "[1]"));
    add(format!("\u{feff}{}", line(102)), Events(1));
    add(deep.clone(), Reject("not_an_event", ""));
    add(with(103, "requestObject", serde_json::from_str("[[[[]]]]").unwrap()).replace("[[[[]]]]", &deep), Events(1));
    add(
        with(104, "requestObject", json!(7)).replace("\"requestObject\":7", "\"requestObject\":{\"n\":1e400}"),
        Events(1),
    );
    add(
        with(105, "responseStatus", json!({"code": 7})).replace("{\"code\":7}", "{\"code\":1e400}"),
        Reject("bad_json", ""),
    );
    add(with(106, "userAgent", json!("?")).replace("\"?\"", "\"\\ud800\""), Events(1));
    add(with(107, "requestObject", json!({"metadata": {"name": "x"}, "big": big})), Events(1));
    add(with(108, "requestObject", json!("a string where an object should be")), Events(1));
    add(with(109, "verb", json!(["get"])), Reject("wrong_type", "verb"));
    add(with(110, "user", json!({"username": "x", "groups": ["a", 5]})), Reject("wrong_type", "user.groups[1]"));
    add(with(111, "auditID", Value::Null), Reject("missing_field", "auditID"));
    for (n, time, fate) in [
        (112, json!("yesterday"), Reject("bad_timestamp", "stageTimestamp")),
        (113, json!("9999-12-31T23:59:59Z"), Reject("bad_timestamp", "stageTimestamp")),
        (114, json!("0001-01-01T00:00:00Z"), Reject("bad_timestamp", "stageTimestamp")),
        (115, json!("-2026-03-01T00:00:00Z"), Reject("bad_timestamp", "stageTimestamp")),
        (116, json!("2200-01-01T00:00:00Z"), Reject("future_timestamp", "stageTimestamp")),
        (117, json!(-5), Reject("wrong_type", "stageTimestamp")),
        (118, Value::Null, Events(1)),
    ] {
        add(with(n, "stageTimestamp", time), fate);
    }
    let mut timeless = event(119, "get", "pods", "web");
    (timeless["stageTimestamp"], timeless["requestReceivedTimestamp"]) = (Value::Null, Value::Null);
    add(timeless.to_string(), Reject("missing_field", "requestReceivedTimestamp"));
    let mut old = event(120, "get", "pods", "web");
    for gone in ["stageTimestamp", "requestReceivedTimestamp", "stage"] {
        old.as_object_mut().unwrap().remove(gone);
    }
    (old["apiVersion"], old["timestamp"]) = (json!("audit.k8s.io/v1beta1"), json!("2026-03-01T00:02:00Z"));
    add(old.to_string(), Events(1));

    // What carries events.
    let text = |n: usize| event(n, "get", "pods", "web").to_string();
    let list = |items: &[Value]| json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": items});
    add(list(&[event(121, "get", "pods", "a"), event(122, "get", "pods", "b")]).to_string(), Events(2));
    add(json!({"log": format!("{}\n", text(123)), "stream": "stdout"}).to_string(), Events(1)); // Fluent Bit
    add(json!({"message": text(124), "source_type": "file"}).to_string(), Events(1)); // Vector
    add(
        json!({"@timestamp": "x", "log": {"offset": 5, "file": {"path": "x"}}, "message": text(125)}).to_string(),
        Events(1),
    ); // Filebeat
    add(json!({"@version": "1", "event": {"original": text(126)}, "host": {"name": "x"}}).to_string(), Events(1)); // Logstash
    add(json!({"@version": "1", "kubernetes_audit": event(127, "get", "pods", "a")}).to_string(), Events(1));
    let cloud: Vec<Value> = [128, 129].map(|n| json!({"id": "1", "timestamp": 5, "message": text(n)})).to_vec();
    add(json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": cloud}).to_string(), Events(2)); // CloudWatch
    add(format!("2026-03-01T00:02:10.000000000Z stdout F {}", text(130)), Events(1)); // a container runtime
    let mut invalid = text(131).into_bytes();
    invalid[60] = 0xff;
    bad.push((invalid, Reject("bad_utf8", "")));
    bad
}

/// Good lines with one bad line between any two: each gets what it should, at its place, and no good one is lost.
#[test]
fn one_bad_line_costs_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let bad = bad_lines();
    let (mut log, mut places) = (Vec::new(), Vec::new());
    for (n, (line, _)) in bad.iter().enumerate() {
        log.extend(format!("{}\n", event(n, "update", "pods", "good")).into_bytes());
        places.push(log.len());
        log.extend([line.as_slice(), b"\n"].concat());
    }
    let file = folder.path().join("audit.log");
    std::fs::write(&file, &log).unwrap();
    for workers in ["1", "3"] {
        let tables = folder.path().join(format!("tables-{workers}"));
        let small = ["--set", "files.block_bytes=64KiB", "--filter", "off", "--workers", workers];
        let account = accounted(&tables, &[&file], &small);
        let rows = rows(&tables, &[]);
        let at = |table: &str, offset: usize| -> Vec<&String> {
            rows[table].iter().filter(|row| cell(row, "offset") == offset.to_string()).collect()
        };
        for ((line, fate), offset) in bad.iter().zip(&places) {
            let shown = String::from_utf8_lossy(&line[..line.len().min(300)]);
            let (events, rejects) = (at("events", *offset), at("rejects", *offset));
            match fate {
                Empty => assert!(events.is_empty() && rejects.is_empty(), "{shown}"),
                Events(count) => assert_eq!((events.len(), rejects.len()), (*count, 0), "{shown}\n{rejects:#?}"),
                Reject(reason, path) | Both(reason, path) => {
                    let kept = usize::from(matches!(fate, Both(..)));
                    assert_eq!((events.len(), rejects.len()), (kept, 1), "{shown}");
                    let found = (cell(rejects[0], "reason"), cell(rejects[0], "json_path").trim_matches('∅'));
                    assert_eq!(found, (*reason, *path), "{shown}: {}", rejects[0]);
                    assert!(cell(rejects[0], "source").ends_with("audit.log"), "{}", rejects[0]);
                }
            }
        }
        let good = rows["events"].iter().filter(|row| cell(row, "name") == "good").count();
        assert_eq!(good, bad.len());
        assert_eq!(account["empty_lines"], 2);
    }
}

fn packed(kind: &str, bytes: &[u8]) -> Vec<u8> {
    match kind {
        "gz" => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        "xz" => {
            let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
            packer.write_all(bytes).unwrap();
            packer.finish().unwrap()
        }
        "zst" => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

/// `count` lines from number `from` on, of which each is another.
fn some_lines(from: usize, count: usize) -> Vec<u8> {
    lines(
        &(from..from + count)
            .map(|n| event(n, "update", "pods", &format!("web-{}", n * 7919 % 10_007)))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn a_truncated_archive_gives_what_came_before_the_cut() {
    for kind in ["gz", "xz", "zst"] {
        let folder = tempfile::tempdir().unwrap();
        let whole = packed(kind, &some_lines(0, 3_000));
        let archive = folder.path().join(format!("audit.log.{kind}"));
        std::fs::write(&archive, &whole[..whole.len() * 2 / 3]).unwrap();
        let tables = folder.path().join("tables");
        accounted(&tables, &[&archive], &["--filter", "off"]);
        let found = rows(&tables, &[]);
        let [reject] = &found["rejects"][..] else { panic!("{kind}: {:#?}", found["rejects"]) };
        assert_eq!(cell(reject, "reason"), "corrupt");
        assert!(cell(reject, "message").contains("truncated"), "{reject}");
        assert!(cell(reject, "source").ends_with(&format!("audit.log.{kind}")));
        // Every line before the place that is named, and only those.
        let offset: usize = cell(reject, "offset").parse().unwrap();
        let before = some_lines(0, 3_000)[..offset].split(|b| *b == b'\n').count() - 1;
        assert_eq!(found["events"].len(), before, "{kind}");
        assert!(kind == "xz" || before > 500, "{kind}: only {before} lines");
    }
}

#[test]
fn a_mixed_folder_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir_all(logs.join("older")).unwrap();
    // Several members, as log rotation with append makes them; the last one without a newline at its end.
    let mut members = packed("gz", &some_lines(0, 40));
    members.extend(packed("gz", &some_lines(40, 40)));
    members.extend(packed("gz", some_lines(80, 40).trim_ascii_end()));
    std::fs::write(logs.join("older/audit.log.gz"), members).unwrap();
    std::fs::write(logs.join("older/audit-1.jsonl.zst"), packed("zst", &some_lines(120, 40))).unwrap();
    std::fs::write(logs.join("audit.log.xz"), packed("xz", &some_lines(160, 40))).unwrap();
    std::fs::write(logs.join("audit.log"), some_lines(200, 40)).unwrap();
    let items: Vec<Value> = (240..280).map(|n| event(n, "update", "pods", "web")).collect();
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items});
    std::fs::write(logs.join("list.json"), serde_json::to_vec_pretty(&list).unwrap()).unwrap();
    std::fs::write(logs.join("empty.log"), "").unwrap();
    std::fs::write(logs.join("notes.txt"), "not a log").unwrap();
    let tables = folder.path().join("tables");
    let account = accounted(&tables, &[&logs], &["--filter", "off", "--workers", "2"]);
    assert_eq!((&account["read"], &account["events"], &account["rejects"]), (&json!(280), &json!(280), &json!(0)));
}

#[test]
fn a_name_that_is_no_file_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    let ended = common::replay(&tables, &[Path::new("/no/such.log")], &[]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("/no/such.log: no such file or folder"), "{ended:?}");
    assert!(!tables.exists());
}

#[test]
fn standard_input_is_an_input() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["plain", "gz"] {
        let tables = folder.path().join(kind);
        let mut command = common::replay(&tables, &[Path::new("-")], &["--filter", "off"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&packed(kind, &some_lines(0, 300))).unwrap();
        assert!(child.wait_with_output().unwrap().status.success());
        assert_eq!(rows(&tables, &[])["events"].len(), 300, "{kind}");
    }
}

/// Names that would leave a folder, end a text, forge a partition or be too long for a file system.
fn hostile_names() -> Vec<String> {
    [
        "../../../../../../tmp/causeway-escape",
        "..",
        ".",
        "/etc/causeway",
        "a/../../b",
        "nul\0nul",
        "cluster=x/date=y",
        "a\\b:c",
        "__HIVE_DEFAULT_PARTITION__",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\u{202e}gnp.exe",
        "new\nline\r",
        " ",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["x".repeat(300), "ü".repeat(300), "../".repeat(100)])
    .collect()
}

/// Everything below a folder, but what is in `output`.
fn outside(folder: &Path, output: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    walk.map(walkdir::DirEntry::into_path).filter(|path| !path.starts_with(output)).collect()
}

#[test]
fn no_name_leaves_the_output_folder_or_steers_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let names = hostile_names();
    let events: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut event = event(n, "delete", "pods", name);
            event["user"] = json!({"username": name, "groups": [name]});
            event["impersonatedUser"] = json!({"username": name});
            (event["objectRef"]["namespace"], event["userAgent"]) = (json!(name), json!(name));
            (event["requestURI"], event["sourceIPs"]) = (json!(name), json!([name]));
            event
        })
        .collect();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, lines(&events)).unwrap();
    let nest = folder.path().join("a/b/c/tables");
    std::fs::create_dir_all(&nest).unwrap();
    let before = outside(folder.path(), &nest);
    for (n, cluster) in names.iter().enumerate() {
        // No argument of a program can hold NUL: the configuration can.
        let config = folder.path().join("causeway.toml");
        std::fs::write(&config, format!("[stream]\ncluster = {}\n", json!(cluster))).unwrap();
        let output = nest.join(n.to_string());
        let mut command = causeway(&["replay", "--no-progress", "--filter", "off", "--config"]);
        command.arg(&config).arg("--output").arg(&output).arg(&log);
        succeed(command);
        std::fs::remove_file(&config).unwrap();
        common::verify(&output);
        assert_eq!(outside(folder.path(), &nest), before, "{cluster:?}");
        let found = rows(&output, &[]);
        // Every name is in the tables as it was written.
        assert_eq!(found["events"].len(), names.len());
        assert!(found["events"].iter().all(|row| cell(row, "cluster") == cluster), "{cluster:?}");
        for name in &names {
            assert!(found["events"].iter().any(|row| cell(row, "name") == name), "{name:?}");
        }
        for file in files(&output) {
            let inside = file.strip_prefix(&output).unwrap();
            assert!(inside.components().count() <= 4, "{}", inside.display());
            assert!(inside.to_str().unwrap().chars().all(|c| c.is_ascii_graphic()), "{}", inside.display());
        }
    }
    let dir = nest.join("9");
    let dir = dir.to_str().unwrap();
    let mut shown = vec![succeed(causeway(&["contexts", dir])), succeed(causeway(&["contexts", dir, "--json"]))];
    for event in &events {
        let id = event["auditID"].as_str().unwrap();
        for more in [None, Some("--json"), Some("--mermaid")] {
            let mut command = causeway(&["explain", dir, id]);
            shown.push(succeed({
                command.args(more);
                command
            }));
        }
    }
    for output in shown {
        for bytes in [output.stdout, output.stderr] {
            let text = String::from_utf8(bytes).unwrap();
            let raw = text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
            assert_eq!(raw, None, "{text}");
        }
    }
}
