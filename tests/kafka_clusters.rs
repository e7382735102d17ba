//! Several clusters in one run: each has the rows that a run of its own gives it, whatever the others do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;

use common::{Rows, assert_same, cell, replay, rows, sample_lines, succeed, verify};
use kafka::{Broker, Running, shared, start_processes, wait_for};
use std::path::Path;

/// Commits as often as possible, and no clock that would decide anything.
const RESTLESS: &[&str] = &["-v", "--set", "commit.every=200ms", "--set", "stream.idle_after=1h"];

/// Where an event lies differs between a file and a topic; all else is the same.
const PLACES: &[&str] = &["source", "partition", "offset"];

const HEADER: &[&str] = &["--set", "kafka.cluster_header=cluster"];

/// The rows of one cluster among those of a run, without what the run only counted.
fn of_cluster(rows: &Rows, cluster: &str) -> Rows {
    let is_its = |table: &str, row: &str| {
        cell(row, "cluster") == cluster && (table != "filtered" || cell(row, "rule") != "cluster")
    };
    let its = |table: &str, rows: &[String]| rows.iter().filter(|row| is_its(table, row)).cloned().collect();
    rows.iter().map(|(table, rows)| (table.clone(), its(table, rows))).collect()
}

/// Reads topics to their end, as `cluster`.
fn read_to_end(broker: &Broker, topics: &str, cluster: &str, output: &Path, more: &[&str]) {
    let mut command = broker.run(topics, output, more);
    // The last one counts.
    command.args(["--set", &format!("stream.cluster={cluster}"), "--until-end"]);
    succeed(command);
    verify(output);
}

/// The rows of a run that takes this cluster alone.
fn alone(broker: &Broker, topics: &str, cluster: &str, output: &Path, more: &[&str]) -> Rows {
    let only = format!("kafka.clusters=[{cluster:?}]");
    read_to_end(broker, topics, cluster, output, &[more, &["--set", &only]].concat());
    of_cluster(&rows(output, &[]), cluster)
}

/// The sample log as it would be some days earlier.
fn days_earlier(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let earlier = |line: &Vec<u8>| String::from_utf8(line.clone()).unwrap().replace("2026-11-21T", "2026-11-17T");
    lines.iter().map(|line| earlier(line).into_bytes()).collect()
}

/// The sample log for the clusters `a` and `b`, line by line in turns; `b` ends early. The same audit ids in both: they must not meet.
fn send_interleaved(broker: &Broker, topic: &str, partitions: i32, lines: &[Vec<u8>]) {
    let sending = broker.producer(&[]);
    for (number, line) in lines.iter().enumerate() {
        sending.send_of(topic, number as i32 % partitions, Some(line), Some("a"));
        if number < lines.len() * 2 / 3 {
            sending.send_of(topic, (number as i32 + 1) % partitions, Some(line), Some("b"));
        }
    }
    sending.flush();
}

#[test]
fn clusters_of_one_topic_have_the_rows_of_runs_of_their_own() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, lines) = ("everybodys", sample_lines());
    broker.topic(topic, 3, &[]);
    send_interleaved(broker, topic, 3, &lines);
    let both = folder.path().join("both");
    read_to_end(broker, topic, "home", &both, &[HEADER, &["--workers", "3"]].concat());
    let found = rows(&both, &[]);
    for cluster in ["a", "b"] {
        let expected = alone(broker, topic, cluster, &folder.path().join(cluster), HEADER);
        assert!(expected["contexts"].len() > 10, "{} contexts", expected["contexts"].len());
        assert_same(&expected, &of_cluster(&found, cluster), &format!("cluster {cluster} beside another"));
    }
    // And those of its log, as if there were no other.
    let log = folder.path().join("a.jsonl");
    std::fs::write(&log, lines.concat()).unwrap();
    let replayed = folder.path().join("replayed");
    succeed(replay(&replayed, &[&log], &["--set", "stream.cluster=a", "--set", "contexts.quiet=2m"]));
    let (replayed, found) = (rows(&replayed, PLACES), rows(&both, PLACES));
    assert_eq!(replayed["events"], of_cluster(&found, "a")["events"]);
    assert_eq!(replayed["sessions"], of_cluster(&found, "a")["sessions"]);
    // Three processes are one.
    let three = folder.path().join("three");
    let as_home = ["--until-end", "--workers", "1", "--set", "stream.cluster=home"];
    let mut processes = start_processes(broker, topic, &three, 3, &[HEADER, &as_home].concat());
    for process in &mut processes {
        assert_eq!(process.end(), 0, "{}", process.log());
    }
    verify(&three);
    assert_same(&rows(&both, &[]), &rows(&three, &[]), "three processes");
}

#[test]
fn topics_say_their_cluster_and_one_far_behind_holds_up_nobody() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (lines, topics) = (sample_lines(), "^of-(?<cluster>.+)");
    broker.topic("of-a", 2, &[]);
    broker.topic("of-b", 3, &[]);
    broker.send_in_turns("of-a", 2, &lines);
    // Of the other one a part comes later: it is four days behind, and the first one does not wait for it.
    let earlier = days_earlier(&lines);
    let (first, rest) = earlier.split_at(lines.len() / 2);
    broker.send_in_turns("of-b", 3, first);
    let output = folder.path().join("both");
    let both = [RESTLESS, &["--set", "stream.cluster=home"]].concat();
    let mut running = Running::start(broker.run(topics, &output, &both), &folder.path().join("log"));
    let events = |cluster: &str| of_cluster(&rows(&output, &[]), cluster)["events"].len();
    let expected = alone(broker, topics, "a", &folder.path().join("a"), &[]);
    running.wait_until("nearly all of a", || events("a") > expected["events"].len() / 2);
    let before = events("b");
    broker.send_in_turns("of-b", 3, rest);
    running.wait_until("more of b", || events("b") > before);
    assert_eq!(running.stop(), 0);
    read_to_end(broker, topics, "home", &output, &[]);
    let found = rows(&output, &[]);
    assert_same(&expected, &of_cluster(&found, "a"), "cluster a, followed");
    let expected = alone(broker, topics, "b", &folder.path().join("b"), &[]);
    assert_same(&expected, &of_cluster(&found, "b"), "cluster b, followed");
    let last = common::manifests(&output).pop().unwrap();
    let watermark = |cluster: &str| last["watermarks_us"][cluster].as_i64().unwrap();
    assert_eq!((watermark("a") - watermark("b")) / 86_400_000_000, 4, "each has a watermark of its own");
}

#[test]
fn stopped_and_killed_each_cluster_goes_on_from_its_own_place() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("stops", folder.path().join("stops"));
    broker.topic(topic, 3, &[]);
    let more = [RESTLESS, HEADER, &["--set", "stream.cluster=home"]].concat();
    let commits = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
    let lines = sample_lines();
    for (round, part) in lines.chunks(lines.len().div_ceil(5)).enumerate() {
        // One process or two, and at last a cluster that was never seen.
        let mut running = start_processes(broker, topic, &output, 1 + round % 2, &more);
        let before = commits();
        send_interleaved(broker, topic, 3, part);
        if round == 3 {
            let sending = broker.producer(&[]);
            part.iter().for_each(|line| sending.send_of(topic, 0, Some(line), Some("late to the party")));
            sending.flush();
        }
        wait_for("a commit", || commits() > before);
        if round % 2 == 0 {
            running.into_iter().for_each(Running::kill);
        } else {
            running[0].ask_to_stop();
            running.iter_mut().for_each(|process| assert_eq!(process.end(), 0, "{}", process.log()));
            verify(&output);
        }
    }
    read_to_end(broker, topic, "home", &output, HEADER);
    let undisturbed = folder.path().join("undisturbed");
    read_to_end(broker, topic, "home", &undisturbed, HEADER);
    assert_same(&rows(&undisturbed, &[]), &rows(&output, &[]), "stopped and killed");
    let found = rows(&output, &[]);
    for cluster in ["a", "b", "late to the party"] {
        let expected = alone(broker, topic, cluster, &folder.path().join(cluster), HEADER);
        assert_same(&expected, &of_cluster(&found, cluster), cluster);
    }
}

#[test]
fn clusters_that_are_not_listed_are_counted() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "listed";
    broker.topic(topic, 2, &[]);
    let (sending, lines) = (broker.producer(&[]), sample_lines());
    for (number, line) in lines[..300].iter().enumerate() {
        // Of this cluster, of another one, of one that does not say, and of one whose name could leave the folder.
        let cluster = [Some("test"), Some("other"), None, Some("../../x/=y")][number % 4];
        sending.send_of(topic, number as i32 % 2, Some(line), cluster);
    }
    sending.flush();
    let count = |output: &Path, which: &dyn Fn(&str) -> bool| {
        let rows = rows(output, &[]);
        let filtered = rows["filtered"].iter().filter(|row| which(cell(row, "rule")));
        filtered.map(|row| cell(row, "count").parse::<u64>().unwrap()).sum::<u64>()
            + if which("") { rows["events"].len() as u64 } else { 0 }
    };
    let own = folder.path().join("own");
    read_to_end(broker, topic, "test", &own, &[HEADER, &["--set", "kafka.clusters=['test']"]].concat());
    assert_eq!(count(&own, &|rule| rule == "cluster"), 150);
    assert_eq!(count(&own, &|rule| rule != "cluster"), 150);
    let all = folder.path().join("all");
    read_to_end(broker, topic, "test", &all, HEADER);
    assert_eq!(count(&all, &|_| true), 300);
    let folders = std::fs::read_dir(all.join("filtered")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut folders: Vec<String> = folders.map(|name| name.into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, ["cluster=%2E.%2F..%2Fx%2F%3Dy", "cluster=other", "cluster=test"]);
}
