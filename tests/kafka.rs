//! `causeway run` against a real broker: what it reads, what it does when topics misbehave, and that nothing is lost or doubled.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;

use common::{assert_same, cell, replay, rows, sample, sample_lines, succeed, verify};
use kafka::{Broker, Running, ask, free_ports, shared, wait_for};
use std::path::Path;

/// Where an event lies differs between a file and a topic; all else is the same.
const PLACES: &[&str] = &["source", "partition", "offset"];

/// Reads the topic to its end into `output`.
fn read_to_end(broker: &Broker, topic: &str, output: &Path, more: &[&str]) {
    let mut command = broker.run(topic, output, more);
    command.arg("--until-end");
    succeed(command);
    verify(output);
}

/// Sum over the tables: every record of the topic is in one place.
fn accounted(output: &Path) -> (u64, u64, u64) {
    let rows = rows(output, &[]);
    let filtered = rows["filtered"].iter().map(|row| cell(row, "count").parse::<u64>().unwrap()).sum();
    (rows["events"].len() as u64, filtered, rows["rejects"].len() as u64)
}

/// Number of rows in `events` and `rejects` so far.
fn rows_so_far(output: &Path) -> usize {
    let rows = rows(output, &[]);
    rows["events"].len() + rows["rejects"].len()
}

#[test]
fn a_topic_gives_the_rows_of_its_file_with_any_number_of_partitions_and_workers() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    succeed(replay(&file, &[&sample()], &[]));
    let expected = rows(&file, PLACES);
    let lines = sample_lines();
    for (partitions, workers) in [(1, "1"), (3, "2"), (5, "3")] {
        let topic = format!("same-{partitions}");
        broker.topic(&topic, partitions, &[]);
        broker.send_in_turns(&topic, partitions, &lines);
        let output = folder.path().join(&topic);
        read_to_end(broker, &topic, &output, &["--workers", workers]);
        assert_same(&expected, &rows(&output, PLACES), &format!("{partitions} partitions, {workers} workers"));
    }
}

#[test]
fn followed_stopped_and_followed_again_the_rows_are_the_same() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, lines) = ("stops", sample_lines());
    broker.topic(topic, 3, &[]);
    let output = folder.path().join("stops");
    let quick = ["-vv", "--set", "commit.every=200ms"];
    for (round, part) in lines.chunks(lines.len().div_ceil(4)).enumerate() {
        let workers = (1 + round % 3).to_string();
        let mut running = Running::start(
            broker.run(topic, &output, &[&quick[..], &["--workers", &workers]].concat()),
            &folder.path().join("log"),
        );
        let commits = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
        let before = commits();
        broker.send_in_turns(topic, 3, part);
        running.wait_until("a commit", || commits() > before);
        assert_eq!(running.stop(), 0);
        verify(&output);
    }
    read_to_end(broker, topic, &output, &[]);
    let undisturbed = folder.path().join("undisturbed");
    read_to_end(broker, topic, &undisturbed, &[]);
    assert_same(&rows(&undisturbed, &[]), &rows(&output, &[]), "stopped four times");
}

/// An event of a request that nobody else has anything to do with, `ago_ms` before now.
fn event(number: usize, ago_ms: i64) -> Vec<u8> {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_millis(ago_ms);
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{number:08}-0000-4000-8000-000000000000","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/configmaps","verb":"create","user":{{"username":"alice"}},"sourceIPs":["10.0.0.1"],"userAgent":"kubectl","objectRef":{{"resource":"configmaps","namespace":"shop","name":"c{number}","apiVersion":"v1"}},"responseStatus":{{"code":201}},"requestReceivedTimestamp":"{at:.6}","stageTimestamp":"{at:.6}"}}"#
    )
    .into_bytes()
}

/// Starts to follow a topic with commits as often as possible.
fn follow(broker: &Broker, topic: &str, output: &Path, more: &[&str]) -> Running {
    let quick = ["-v", "--set", "commit.every=100ms", "--set", "stream.allowed_lateness=100ms"];
    Running::start(broker.run(topic, output, &[&quick[..], more].concat()), &output.with_extension("log"))
}

#[test]
fn aborted_transactions_tombstones_big_and_poisoned_messages_cost_nothing_but_themselves() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "odd";
    broker.topic(topic, 1, &[("max.message.bytes", "20000000")]);
    let lines: Vec<Vec<u8>> = (0..6).map(|number| event(number, 60_000 - number as i64)).collect();
    let padded = |line: &[u8]| {
        let mut text = String::from_utf8(line.to_vec()).unwrap();
        text.truncate(text.len() - 1);
        format!("{text},\"padding\":\"{}\"}}", "a".repeat(5_000_000)).into_bytes()
    };
    let sending = broker.producer(&[("transactional.id", "odd"), ("transaction.timeout.ms", "120000")]);
    use rdkafka::producer::Producer;
    let patience = std::time::Duration::from_secs(30);
    sending.0.init_transactions(patience).unwrap();
    for (number, line) in lines.iter().enumerate() {
        sending.0.begin_transaction().unwrap();
        sending.send(topic, 0, Some(line));
        sending.flush();
        if number % 2 == 0 {
            sending.0.commit_transaction(patience).unwrap();
        } else {
            sending.0.abort_transaction(patience).unwrap();
        }
    }
    let plain = broker.producer(&[]);
    plain.send(topic, 0, None);
    plain.send(topic, 0, Some(b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\""));
    plain.send(topic, 0, Some(b"\xff\xfe\x00"));
    plain.send(topic, 0, Some(&padded(&event(7, 50_000))));
    plain.send(topic, 0, Some(&event(8, 49_000)));
    plain.flush();
    let output = folder.path().join("odd");
    read_to_end(broker, topic, &output, &[]);
    // Three committed, the big one, the last one; the cut one and the bytes that are no text.
    assert_eq!(accounted(&output), (5, 0, 2));
    let manifests = common::manifests(&output);
    assert_eq!(manifests.last().unwrap()["account"]["empty_lines"], 1, "the tombstone");
    let source = &manifests.last().unwrap()["sources"][format!("test/kafka/{topic}/0")];
    assert_eq!(source["read_offset"].as_i64().unwrap(), broker.end(topic, 0), "control records count as read");
}

#[test]
fn offsets_that_retention_removed_stall_the_partition_until_the_loss_is_accepted() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("removed", folder.path().join("removed"));
    broker.topic(topic, 1, &[]);
    broker.send_in_turns(topic, 1, &(0..10).map(|n| event(n, 60_000 - n as i64)).collect::<Vec<_>>());
    read_to_end(broker, topic, &output, &[]);
    broker.send_in_turns(topic, 1, &(10..30).map(|n| event(n, 50_000 - n as i64)).collect::<Vec<_>>());
    broker.delete_records(topic, 0, 15);
    let mut held = follow(broker, topic, &output, &[]);
    held.wait_for_log("out_of_range");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(held.is_alive());
    assert_eq!(rows_so_far(&output), 10, "nothing is skipped in silence");
    assert_eq!(held.stop(), 0);
    read_to_end(broker, topic, &output, &["--set", "kafka.on_loss=skip"]);
    assert_eq!(rows_so_far(&output), 25);
    let notes =
        common::manifests(&output).iter().flat_map(|m| m["notes"].as_array().unwrap().clone()).collect::<Vec<_>>();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("between offsets 10 and 15")), "{notes:?}");
}

#[test]
fn a_topic_made_anew_is_not_taken_for_the_old_one() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("anew", folder.path().join("anew"));
    let lines = |from: usize, to: usize| (from..to).map(|n| event(n, 90_000 - n as i64)).collect::<Vec<_>>();
    broker.topic(topic, 1, &[]);
    broker.send_in_turns(topic, 1, &lines(0, 10));
    let idle = ["--set", "stream.idle_after=1s"];
    let mut held = follow(broker, topic, &output, &idle);
    wait_for("the first rows", || rows_so_far(&output) == 10);
    // Longer than the old one at once: the client would go on at offset 10 without a word.
    broker.delete_topic(topic);
    broker.topic(topic, 1, &[]);
    broker.send_in_turns(topic, 1, &lines(100, 130));
    held.wait_for_log("made again");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(held.is_alive());
    assert_eq!(rows_so_far(&output), 10, "nothing of the new topic");
    assert!(held.log().contains("topic_recreated"), "{}", held.log());
    assert_eq!(held.stop(), 0);
    read_to_end(broker, topic, &output, &["--set", "kafka.on_loss=skip"]);
    assert_eq!(rows_so_far(&output), 40, "all of the new topic, from its start");
}

#[test]
fn a_topic_that_is_gone_stalls_and_new_partitions_are_found() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("grows", folder.path().join("grows"));
    let port = free_ports();
    let listen = format!("observe.listen=127.0.0.1:{port}");
    let mut running = follow(broker, topic, &output, &["--set", "stream.idle_after=1s", "--set", &listen]);
    let says = |path: &str, words: &str| ask(port, path).is_some_and(|answer| answer.contains(words));
    running.wait_until("a topic that is not there yet is waited for", || says("/readyz", "no topic of kafka.topics"));
    broker.topic(topic, 1, &[]);
    broker.send_in_turns(topic, 1, &(0..10).map(|n| event(n, 3_000 - n as i64)).collect::<Vec<_>>());
    wait_for("the first rows", || rows_so_far(&output) == 10);
    broker.add_partitions(topic, 3);
    let sending = broker.producer(&[]);
    wait_for("a producer that knows the new partition", || {
        sending
            .0
            .send(rdkafka::producer::BaseRecord::<[u8], [u8]>::to(topic).partition(2).payload(&event(50, 0)))
            .is_ok()
    });
    sending.flush();
    wait_for("a row of the new partition", || rows_so_far(&output) == 11);
    assert!(says("/readyz", "200 OK") && says("/metrics", "kafka_consumer_lag{"), "{:?}", ask(port, "/readyz"));
    broker.delete_topic(topic);
    running.wait_for_log("topic_gone");
    running.wait_until("a stalled source is not ready", || says("/readyz", "503") && says("/readyz", "topic_gone"));
    assert!(says("/metrics", "source_stalled{component_id=\"grows/0\"} 1"), "{:?}", ask(port, "/metrics"));
    assert_eq!(running.stop(), 0);
    verify(&output);
}

#[test]
fn a_clock_ahead_and_a_silent_partition_hold_nobody_up() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("clocks", folder.path().join("clocks"));
    broker.topic(topic, 3, &[]);
    let sending = broker.producer(&[]);
    let hour_ms = 3_600_000;
    let running = follow(broker, topic, &output, &["--set", "stream.idle_after=2s"]);
    for number in 0..20 {
        sending.send(topic, 0, Some(&event(number, 0)));
        sending.send(topic, 1, Some(&event(100 + number, -hour_ms)));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    sending.flush();
    // Partition 2 has never said anything, partition 1 nothing of use.
    wait_for("rows and rejects", || rows_so_far(&output) == 40);
    assert_eq!(accounted(&output), (20, 0, 20));
    // What comes of the silent partition now is below what was settled: it is kept, and flagged.
    sending.send(topic, 2, Some(&event(200, 60_000)));
    sending.flush();
    wait_for("the late row", || rows_so_far(&output) == 41);
    assert_eq!(running.stop(), 0);
    let late = rows(&output, &[])["events"].iter().filter(|row| cell(row, "late") == "true").count();
    assert_eq!(late, 1);
    // Reading again what was decided by the clock decides the same.
    read_to_end(broker, topic, &output, &[]);
    assert_eq!(accounted(&output), (21, 0, 20));
}

#[test]
fn contexts_are_on_the_output_topic_once_whatever_was_killed() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, out, output) = ("published", "contexts", folder.path().join("published"));
    broker.topic(topic, 2, &[]);
    broker.topic(out, 2, &[]);
    broker.topic("contexts.commits", 1, &[("cleanup.policy", "compact")]);
    let publish = ["--set", "publish.topic=contexts", "--set", "contexts.quiet=1s"];
    let lines = sample_lines();
    for (round, part) in lines.chunks(lines.len().div_ceil(6)).enumerate() {
        let running = follow(broker, topic, &output, &publish);
        broker.send_in_turns(topic, 2, part);
        std::thread::sleep(std::time::Duration::from_millis(300 + 350 * round as u64));
        running.kill();
    }
    read_to_end(broker, topic, &output, &publish);
    let mut published: Vec<(String, String)> = Vec::new();
    for message in broker.messages(out, 2) {
        let row: serde_json::Value = serde_json::from_slice(&message).unwrap();
        assert_eq!(row["table"], "contexts");
        published.push((row["context_id"].as_str().unwrap().to_owned(), row["revision"].to_string()));
    }
    published.sort();
    let rows = rows(&output, &[]);
    let mut expected: Vec<(String, String)> = rows["contexts"]
        .iter()
        .map(|row| (cell(row, "context_id").to_owned(), cell(row, "revision").to_owned()))
        .collect();
    expected.sort();
    assert!(expected.len() > 50, "{} contexts", expected.len());
    assert_eq!(published, expected);
}

/// Lines of jobs, those of a job in one partition as a producer that keys by job sends them, with odd lines among them.
fn log_lines(jobs: usize, partitions: usize) -> Vec<(i32, Vec<u8>)> {
    let mut lines = Vec::new();
    for step in 0..jobs + 3 {
        for (job, words) in
            [(step, "fetched 17 files"), (step.wrapping_sub(1), "is at work"), (step.wrapping_sub(3), "is done")]
        {
            if job < jobs {
                let (minute, second) = (step / 60 % 60, step % 60);
                let line = format!("2026-03-01 10:{minute:02}:{second:02} job-{job} {words}").into_bytes();
                lines.push(((job % partitions) as i32, line));
            }
        }
        match step % 10 {
            3 => lines.push((0, b"formless".to_vec())),
            5 => lines.push((1, b"2026-03-01 10:00:00 \xff\xfe".to_vec())),
            7 => lines.push((2, Vec::new())),
            _ => {}
        }
    }
    lines
}

#[test]
fn log_lines_from_a_topic_are_the_same_after_kills_with_any_number_of_workers() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, partitions) = ("lines", 3);
    let pipeline = folder.path().join("jobs.toml");
    let text = "[stream]\nname = \"jobs\"\n[lines]\nformat = \"<Date> <Clock> <Content>\"\ntime = [\"Date\", \"Clock\"]\n\
        time_format = \"%Y-%m-%d %H:%M:%S\"\n[parser]\nmasks = [{ regex_pattern = 'job-\\d+', mask_with = \"JOB\" }]\n\
        [sessions]\nadapter = \"only_identifier\"\nidentifier = 'job-\\d+'\nidle = \"30s\"\n";
    std::fs::write(&pipeline, text).unwrap();
    let lines = log_lines(1_500, partitions as usize);
    broker.topic(topic, partitions, &[]);
    let of_pipeline = |workers: &str| {
        let pipeline = pipeline.to_str().unwrap().to_owned();
        ["--pipeline".to_owned(), pipeline, "--workers".to_owned(), workers.to_owned()]
    };
    let command = |output: &Path, workers: &str, more: &[&str]| {
        let own = of_pipeline(workers);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        broker.run(topic, output, &[&own[..], more].concat())
    };
    let tables = ["lines", "templates", "log_sessions", "rejects"];
    // Sent while the run is killed again and again.
    let killed = folder.path().join("killed");
    let producer = broker.producer(&[]);
    for (round, part) in lines.chunks(lines.len().div_ceil(6)).enumerate() {
        let workers = (1 + round % 3).to_string();
        let more = ["-vv", "--set", "commit.every=100ms"];
        let commits = || std::fs::read_dir(killed.join("_causeway/manifest")).map_or(0, Iterator::count);
        let before = commits();
        let mut running = Running::start(command(&killed, &workers, &more), &folder.path().join("log"));
        for (partition, line) in part {
            producer.send(topic, *partition, Some(line));
        }
        producer.flush();
        running.wait_until("a commit", || commits() > before);
        running.kill();
    }
    let mut last = command(&killed, "2", &["--until-end"]);
    last.arg("--account").arg(folder.path().join("account.json"));
    succeed(last);
    verify(&killed);
    let found = common::rows_of(&killed, &tables, &[]);
    for workers in ["1", "3"] {
        let output = folder.path().join(format!("whole-{workers}"));
        succeed(command(&output, workers, &["--until-end"]));
        verify(&output);
        assert_same(&common::rows_of(&output, &tables, &[]), &found, &format!("{workers} workers, no kill"));
    }
    let account = std::fs::read(folder.path().join("account.json")).unwrap();
    let account: serde_json::Value = serde_json::from_slice(&account).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(count("read") + count("empty_lines"), lines.len() as u64);
    assert_eq!((count("events"), found["lines"].len()), (4_500, 4_500));
    assert!(found["rejects"].len() > 200 && count("empty_lines") > 100, "{account}");
    // A stream a partition, and every session whole.
    for partition in 0..3 {
        let cluster = format!("test/lines/{partition}");
        assert_eq!(found["lines"].iter().filter(|row| cell(row, "cluster") == cluster).count(), 1_500);
    }
    let whole = found["log_sessions"].iter().filter(|row| cell(row, "lines") == "3").count();
    assert_eq!(whole, 1_500, "sessions of three lines");
    let mut ids: Vec<&str> = found["lines"].iter().map(|row| cell(row, "session_id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_500, "ids of sessions differ between partitions");
    // Tables of audit events are refused, and the other way round.
    let audit = folder.path().join("audit");
    succeed(replay(&audit, &[&sample()], &[]));
    let refused = command(&audit, "1", &["--until-end"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("of audit events"), "{refused:?}");
}

#[test]
fn a_start_position_counts_for_what_no_commit_knows() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "starts";
    broker.topic(topic, 1, &[]);
    broker.send_in_turns(topic, 1, &(0..10).map(|n| event(n, 60_000 - n as i64)).collect::<Vec<_>>());
    std::thread::sleep(std::time::Duration::from_millis(20));
    let between = jiff::Timestamp::now().to_string();
    std::thread::sleep(std::time::Duration::from_millis(20));
    broker.send_in_turns(topic, 1, &(10..25).map(|n| event(n, 50_000 - n as i64)).collect::<Vec<_>>());

    let since = folder.path().join("since");
    read_to_end(broker, topic, &since, &["--start", &between]);
    assert_eq!(rows_so_far(&since), 15, "what the broker took since then");

    let latest = folder.path().join("latest");
    let mut running = follow(broker, topic, &latest, &["--start", "latest", "--set", "stream.idle_after=1s"]);
    running.wait_for_log("is read");
    broker.send_in_turns(topic, 1, &(25..30).map(|n| event(n, 40_000 - n as i64)).collect::<Vec<_>>());
    wait_for("what came since the start", || rows_so_far(&latest) == 5);
    assert_eq!(running.stop(), 0);
    // What a commit knows goes on there, whatever the start position.
    read_to_end(broker, topic, &latest, &["--start", "earliest"]);
    assert_eq!(rows_so_far(&latest), 5);
}

#[test]
fn a_pattern_finds_topics_by_their_whole_name_and_reading_nothing_new_commits_nothing() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (number, topic) in ["shop-audit-1", "shop-audit-2", "my-shop-audit-1"].into_iter().enumerate() {
        broker.topic(topic, 1, &[]);
        broker.send_in_turns(topic, 1, &[event(number, 60_000)]);
    }
    let output = folder.path().join("pattern");
    read_to_end(broker, "^shop-audit-[0-9]", &output, &[]);
    let rows = rows(&output, &[]);
    let mut sources: Vec<&str> = rows["events"].iter().map(|row| cell(row, "source")).collect();
    sources.sort();
    assert_eq!(sources, ["shop-audit-1", "shop-audit-2"]);
    let commits = common::manifests(&output).len();
    read_to_end(broker, "^shop-audit-[0-9]", &output, &[]);
    assert_eq!(common::manifests(&output).len(), commits, "nothing was there to commit");
}

#[test]
fn rows_and_bytes_bring_a_commit_before_its_time() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "sizes";
    broker.topic(topic, 2, &[]);
    for (name, bound) in [("rows", "commit.rows=40"), ("bytes", "commit.bytes=10KiB")] {
        let output = folder.path().join(name);
        let running = follow(
            broker,
            topic,
            &output,
            &["--set", "commit.every=1h", "--set", bound, "--set", "stream.idle_after=1h"],
        );
        broker.send_in_turns(topic, 2, &(0..60).map(|n| event(n, 60_000 - n as i64)).collect::<Vec<_>>());
        wait_for("a commit before its time", || {
            output.join("_causeway/manifest").read_dir().is_ok_and(|dir| dir.count() > 0)
        });
        assert_eq!(running.stop(), 0);
    }
}

#[test]
fn what_compaction_removed_leaves_no_trace() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "compacted";
    let quick = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    broker.topic(topic, 1, &quick);
    let sending = broker.producer(&[]);
    // All messages have the same key: of closed segments only the last message stays.
    for number in 0..12 {
        sending.send(topic, 0, Some(&event(number, 60_000 - number as i64)));
        sending.flush();
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    wait_for("compaction", || broker.messages(topic, 1).len() < 8);
    let left = broker.messages(topic, 1).len();
    let output = folder.path().join("compacted");
    read_to_end(broker, topic, &output, &[]);
    assert!(rows_so_far(&output) <= left && rows_so_far(&output) > 0, "{} rows, {left} messages", rows_so_far(&output));
    let read_to =
        common::manifests(&output).last().unwrap()["sources"]["test/kafka/compacted/0"]["read_offset"].as_i64();
    assert_eq!(read_to, Some(broker.end(topic, 0)), "gaps count as read");
    read_to_end(broker, topic, &output, &[]);
    verify(&output);
}
