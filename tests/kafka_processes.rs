//! Several processes of `causeway run` work as one: the same rows, one end for all, and any number of them on a restart.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;
#[path = "common/s3.rs"]
mod s3;

use common::{assert_same, causeway, rows, sample_lines, succeed, verify};
use kafka::{Broker, Running, free_ports, process_of, shared, start_processes, wait_for};
use std::path::Path;
use std::process::{Command, Stdio};

const PARTITIONS: i32 = 5;

/// Commits as often as possible, and no clock that would decide anything.
const RESTLESS: &[&str] = &["-v", "--set", "commit.every=200ms", "--set", "stream.idle_after=1h"];

fn ends(processes: &mut [Running]) -> Vec<i32> {
    processes.iter_mut().map(Running::end).collect()
}

/// The rows of one process that is left alone.
fn alone(broker: &Broker, topic: &str, output: &Path) -> common::Rows {
    succeed(broker.run(topic, output, &["--until-end"]));
    verify(output);
    rows(output, &[])
}

#[test]
fn three_processes_give_the_rows_of_one() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let topic = "three";
    broker.topic(topic, PARTITIONS, &[]);
    broker.send_in_turns(topic, PARTITIONS, &sample_lines());
    let expected = alone(broker, topic, &folder.path().join("one"));
    for workers in ["1", "2"] {
        let output = folder.path().join(format!("three-{workers}"));
        let mut three = start_processes(broker, topic, &output, 3, &["--until-end", "--workers", workers]);
        assert_eq!(ends(&mut three), [0, 0, 0], "{}", three[0].log());
        verify(&output);
        assert_same(&expected, &rows(&output, &[]), &format!("three processes of {workers} workers"));
    }
}

#[test]
fn the_end_of_one_is_the_end_of_all_and_another_number_goes_on() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("ends", folder.path().join("ends"));
    broker.topic(topic, PARTITIONS, &[]);
    let commits = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
    let lines = sample_lines();
    for (round, part) in lines.chunks(lines.len().div_ceil(5)).enumerate() {
        let count = [3, 2, 3, 1, 2][round];
        let mut processes = start_processes(broker, topic, &output, count, RESTLESS);
        let before = commits();
        broker.send_in_turns(topic, PARTITIONS, part);
        wait_for("a commit", || commits() > before);
        let victim = round % count;
        if round % 2 == 0 {
            processes.remove(victim).kill();
            for mut other in processes {
                assert_eq!(other.end(), 1, "{}", other.log());
                let log = other.log();
                assert!(log.contains(&format!("process {victim} at ")) && log.contains("is gone"), "{log}");
            }
        } else {
            processes[victim].ask_to_stop();
            assert_eq!(ends(&mut processes), vec![0; count], "{}", processes[0].log());
            verify(&output);
        }
    }
    let mut last = start_processes(broker, topic, &output, 2, &["--until-end"]);
    assert_eq!(ends(&mut last), [0, 0]);
    verify(&output);
    let expected = alone(broker, topic, &folder.path().join("one"));
    assert_same(&expected, &rows(&output, &[]), "killed and stopped, with 3, 2, 3, 1, 2 and 2 processes");
}

#[test]
fn processes_that_do_not_go_together_say_so() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("odd");
    broker.topic("odd", 1, &[]);
    std::fs::write(output.with_extension("hosts"), format!("127.0.0.1:{}\n127.0.0.1:{}\n", free_ports(), free_ports()))
        .unwrap();
    let told = |mut command: Command| {
        let ended = command.stderr(Stdio::piped()).output().unwrap();
        (ended.status.code().unwrap(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, said) = told(process_of(broker, "odd", &output, (3, 0), &[]));
    assert!(code == 78 && said.contains("2 hosts for 3 processes"), "{code}: {said}");
    let (code, said) = told(process_of(broker, "odd", &output, (2, 2), &[]));
    assert!(code == 78 && said.contains("0 to 1"), "{code}: {said}");

    let mut first =
        Running::start(process_of(broker, "odd", &output, (2, 0), &["--workers", "1"]), &output.with_extension("log"));
    let (code, said) = told(process_of(broker, "odd", &output, (2, 1), &["--workers", "2"]));
    assert!(code == 1 && said.contains("run.workers = 1, this one run.workers = 2"), "{code}: {said}");
    assert_eq!(first.end(), 1);
    assert!(first.log().contains("run.workers = 2, this one run.workers = 1"), "{}", first.log());

    // Another folder than the one of process 0, which has a commit.
    broker.send_in_turns("odd", 1, &sample_lines()[..50]);
    alone(broker, "odd", &output);
    let mut first = Running::start(process_of(broker, "odd", &output, (2, 0), &[]), &output.with_extension("log"));
    let elsewhere = folder.path().join("elsewhere");
    std::fs::copy(output.with_extension("hosts"), elsewhere.with_extension("hosts")).unwrap();
    let (code, said) = told(process_of(broker, "odd", &elsewhere, (2, 1), &[]));
    assert!(code == 1 && said.contains("is not the output folder of process 0"), "{code}: {said}");
    assert_eq!(first.end(), 1);
}

#[test]
fn a_topic_made_anew_stalls_all_processes_and_ends_none() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (topic, output) = ("anew", folder.path().join("anew"));
    let lines = sample_lines();
    broker.topic(topic, 2, &[]);
    broker.send_in_turns(topic, 2, &lines[..2000]);
    let mut two = start_processes(broker, topic, &output, 2, RESTLESS);
    let commits = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
    wait_for("a commit", || commits() > 0);
    broker.delete_topic(topic);
    broker.topic(topic, 2, &[]);
    broker.send_in_turns(topic, 2, &lines[2000..]);
    for process in &mut two {
        process.wait_for_log("made again");
        process.wait_for_log("topic_recreated");
        assert!(process.is_alive());
    }
    two[1].ask_to_stop();
    assert_eq!(ends(&mut two), [0, 0], "{}", two[0].log());
    verify(&output);
    let read_to: i64 = common::manifests(&output).last().unwrap()["sources"]
        .as_object()
        .unwrap()
        .values()
        .map(|source| source["read_offset"].as_i64().unwrap())
        .sum();
    assert!(read_to <= 2000, "nothing of the new topic is committed: {read_to}");
}

#[test]
fn processes_that_share_a_bucket_give_the_rows_of_one() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = s3::Server::start(&folder.path().join("s3")) else { return };
    let (topic, lines) = ("bucket", sample_lines());
    broker.topic(topic, PARTITIONS, &[]);
    let (behind, url) = server.lake("three");
    let hosts = folder.path().join("hosts");
    let start = |count: usize, more: &[&str]| -> Vec<Running> {
        let addresses: Vec<String> = (0..count).map(|_| format!("127.0.0.1:{}\n", free_ports())).collect();
        std::fs::write(&hosts, addresses.concat()).unwrap();
        let process = |number: usize| {
            let mut command = broker.run(topic, &url, more);
            command.args(["--processes", &count.to_string(), "--process", &number.to_string(), "--hostfile"]);
            command.arg(&hosts);
            Running::start(s3::with_s3(command, server.address()), &folder.path().join(format!("log-{number}")))
        };
        (0..count).map(process).collect()
    };
    let commits = || std::fs::read_dir(behind.join("_causeway/manifest")).map_or(0, Iterator::count);
    // A process of three is killed, one of two is asked to stop, and three read the rest.
    let (first, rest) = lines.split_at(lines.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    for (count, part) in [(3, first), (2, second)] {
        let mut processes = start(count, RESTLESS);
        let before = commits();
        broker.send_in_turns(topic, PARTITIONS, part);
        wait_for("a commit", || commits() > before);
        if count == 3 {
            processes.pop().unwrap().kill();
            assert_eq!(ends(&mut processes), [1, 1], "{}", processes[0].log());
        } else {
            processes[1].ask_to_stop();
            assert_eq!(ends(&mut processes), [0, 0], "{}", processes[0].log());
        }
    }
    broker.send_in_turns(topic, PARTITIONS, third);
    let mut processes = start(3, &["--until-end"]);
    assert_eq!(ends(&mut processes), [0, 0, 0], "{}", processes[0].log());
    succeed(s3::with_s3(causeway(&["verify", url.to_str().unwrap()]), server.address()));
    let expected = alone(broker, topic, &folder.path().join("one"));
    assert_same(&expected, &rows(&behind, &[]), "three, two and three processes with a bucket");
}

#[test]
fn a_process_that_finds_no_broker_holds_up_no_stop() {
    let Some(broker) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    broker.topic("lonely", 2, &[]);
    broker.send_in_turns("lonely", 2, &sample_lines()[..500]);
    for asked in [0, 1] {
        let output = folder.path().join(format!("asked-{asked}"));
        let hosts: Vec<String> = (0..2).map(|_| format!("127.0.0.1:{}\n", free_ports())).collect();
        std::fs::write(output.with_extension("hosts"), hosts.concat()).unwrap();
        let start = |process: usize, more: &[&str]| {
            let command = process_of(broker, "lonely", &output, (2, process), &[RESTLESS, more].concat());
            Running::start(command, &folder.path().join(format!("log-{asked}-{process}")))
        };
        let nobody = format!("kafka.brokers=127.0.0.1:{}", free_ports());
        let mut processes = [start(0, &[]), start(1, &["--set", &nobody])];
        processes[1].wait_for_log("no broker answers");
        processes[asked].ask_to_stop();
        assert_eq!(ends(&mut processes), [0, 0], "{}", processes[0].log());
        assert!(!output.join("_causeway/manifest").exists() || common::manifests(&output).is_empty());
    }
}
