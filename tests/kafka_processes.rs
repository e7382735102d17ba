//! Several processes of `causeway run` work as one: the same rows, one end for all, and any number of them on a restart.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;

use common::{assert_same, rows, sample_lines, succeed, verify};
use kafka::{Broker, Running, free_ports, shared, wait_for};
use std::path::Path;
use std::process::{Command, Stdio};

const PARTITIONS: i32 = 5;

/// Commits as often as possible, and no clock that would decide anything.
const RESTLESS: &[&str] = &["-v", "--set", "commit.every=200ms", "--set", "stream.idle_after=1h"];

/// Starts `count` processes that work as one, each with its own log in `folder`.
fn start(broker: &Broker, topic: &str, output: &Path, count: usize, more: &[&str]) -> Vec<Running> {
    let folder = output.parent().unwrap();
    let hosts: Vec<String> = (0..count).map(|_| format!("127.0.0.1:{}\n", free_ports())).collect();
    let hostfile = output.with_extension("hosts");
    std::fs::write(&hostfile, hosts.concat()).unwrap();
    let processes = (0..count).map(|process| {
        let log = folder.join(format!("log-{process}"));
        Running::start(member(broker, topic, output, (count, process), more), &log)
    });
    processes.collect()
}

/// One process of a run whose host file is there.
fn member(broker: &Broker, topic: &str, output: &Path, (count, process): (usize, usize), more: &[&str]) -> Command {
    let mut command = broker.run(topic, output, more);
    command.args(["--processes", &count.to_string(), "--process", &process.to_string(), "--hostfile"]);
    command.arg(output.with_extension("hosts"));
    command
}

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
        let mut three = start(broker, topic, &output, 3, &["--until-end", "--workers", workers]);
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
        let mut processes = start(broker, topic, &output, count, RESTLESS);
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
    let mut last = start(broker, topic, &output, 2, &["--until-end"]);
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
    let (code, said) = told(member(broker, "odd", &output, (3, 0), &[]));
    assert!(code == 78 && said.contains("2 hosts for 3 processes"), "{code}: {said}");
    let (code, said) = told(member(broker, "odd", &output, (2, 2), &[]));
    assert!(code == 78 && said.contains("0 to 1"), "{code}: {said}");

    let mut first =
        Running::start(member(broker, "odd", &output, (2, 0), &["--workers", "1"]), &output.with_extension("log"));
    let (code, said) = told(member(broker, "odd", &output, (2, 1), &["--workers", "2"]));
    assert!(code == 1 && said.contains("run.workers = 1, this one run.workers = 2"), "{code}: {said}");
    assert_eq!(first.end(), 1);
    assert!(first.log().contains("run.workers = 2, this one run.workers = 1"), "{}", first.log());

    // Another folder than the one of process 0, which has a commit.
    broker.send_in_turns("odd", 1, &sample_lines()[..50]);
    alone(broker, "odd", &output);
    let mut first = Running::start(member(broker, "odd", &output, (2, 0), &[]), &output.with_extension("log"));
    let elsewhere = folder.path().join("elsewhere");
    std::fs::copy(output.with_extension("hosts"), elsewhere.with_extension("hosts")).unwrap();
    let (code, said) = told(member(broker, "odd", &elsewhere, (2, 1), &[]));
    assert!(code == 1 && said.contains("is not the output folder of process 0"), "{code}: {said}");
    assert_eq!(first.end(), 1);
}
