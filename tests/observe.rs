//! Metrics and health of a run at work, as a scraper and a probe see them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{replay, sample_lines};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Status and body of `path`; `None` while nobody listens.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Asks again until the answer is as wanted.
fn wait_for(address: SocketAddr, path: &str, wanted: impl Fn(u16, &str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let answer = get(address, path);
        if let Some((status, body)) = &answer
            && wanted(*status, body)
        {
            return body.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{path} never answered as wanted: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The sum of a metric over all its labels.
fn value(metrics: &str, name: &str) -> f64 {
    let of_it = metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' ')));
    of_it.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn a_run_at_work_tells_documented_metrics_and_whether_it_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = replay(&folder.path().join("tables"), &[Path::new("-")], &["--workers", "2"]);
    for setting in [&format!("observe.listen={address}"), "files.block_bytes=64KiB", "commit.every=100ms"] {
        command.args(["--set", setting]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = sample_lines();
    lines.insert(100, b"no event\n".to_vec());
    let bytes = lines.concat();
    // The writer waits while the program does; the input stays open until everything was looked at.
    let feeder = std::thread::spawn(move || {
        stdin.write_all(&bytes).unwrap();
        stdin
    });
    let metrics = wait_for(address, "/metrics", |_, body| {
        value(body, "commits_total") >= 2.0 && value(body, "component_sent_events_total") > 100.0
    });
    let ready = wait_for(address, "/readyz", |status, _| status == 200);
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((&ready["status"], &ready["phase"]), (&"ready".into(), &"running".into()), "{ready:#}");
    assert_eq!(ready["sources"]["files"]["status"], "running");
    assert!(ready["last_commit"].as_u64().unwrap() >= 2);
    assert_eq!(get(address, "/healthz").unwrap(), (200, "ok\n".to_owned()));

    // What is told is documented, with the same type.
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/metrics.md")).unwrap();
    let told: BTreeSet<String> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(str::to_owned).collect();
    assert!(told.len() > 15, "{told:?}");
    for name_and_type in &told {
        let (name, kind) = name_and_type.split_once(' ').unwrap();
        assert!(page.contains(&format!("| `{name}` | {kind} |")), "{name_and_type} is not documented so");
    }
    let read = value(&metrics, "component_received_events_total");
    let placed = ["component_sent_events_total{", "component_discarded_events_total{"];
    assert!(placed.iter().all(|name| metrics.contains(name)), "{metrics}");
    assert!(read > value(&metrics, "component_discarded_events_total"), "{metrics}");
    assert!(metrics.contains("error_type=\"syntax\"") || value(&metrics, "component_errors_total") == 1.0, "{metrics}");
    assert!(value(&metrics, "process_resident_memory_bytes") > 1e6 && value(&metrics, "process_open_fds") > 3.0);
    assert!(value(&metrics, "state_bytes") > 0.0);

    drop(feeder.join().unwrap());
    assert!(child.wait().unwrap().success());
    assert_eq!(get(address, "/healthz"), None, "nobody listens after the end");
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = folder.path().join("tables");
    let mut command = replay(&output, &[Path::new("-")], &["--set", &format!("observe.listen={address}")]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains(&address.to_string()) && said.contains("set observe.listen"), "{said}");
    assert!(!output.exists());
}
