//! `causeway run` and the broker die at random moments; the tables hold the rows of a run that was left alone.
//!
//! `make test-kafka-kill` sets the log (`CAUSEWAY_KAFKA_LOG`), the number of kills (`CAUSEWAY_KAFKA_KILLS`, 10 by default), the most
//! processes that a run has (`CAUSEWAY_KAFKA_PROCESSES`, 1 by default: a random number up to it at each start, of which a random one
//! is killed), how many clusters share the topic (`CAUSEWAY_KAFKA_CLUSTERS`, 1 by default: each of them sends the whole log), and the
//! file for the closing line (`CAUSEWAY_KAFKA_REPORT`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[path = "common/kafka.rs"]
mod kafka;

use common::kills::Random;
use common::{assert_same, rows, sample_lines, succeed, verify};
use kafka::{Broker, Running, start_processes};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TOPIC: &str = "audit";
const PARTITIONS: i32 = 3;

/// Commits as often as they can be interrupted, and no clock that would decide anything.
const RESTLESS: &[&str] = &["--set", "commit.every=200ms", "--set", "stream.idle_after=1h"];

/// The lines of a log, packed or not.
fn lines_of(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    let mut input: Box<dyn Read> = match path.extension().and_then(|e| e.to_str()) {
        Some("xz") => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file)),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(file).unwrap()),
        _ => Box::new(file),
    };
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).unwrap();
    bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Lets the producer end when the kills do, by a failure too: a scope waits for its threads.
struct Over<'a>(&'a AtomicU64, u64);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Relaxed);
    }
}

#[test]
fn killed_at_random_moments_nothing_is_lost_or_doubled() {
    let Some(broker) = Broker::start() else { return };
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().expect("a number"));
    let (kills, most) = (number("CAUSEWAY_KAFKA_KILLS", 10), number("CAUSEWAY_KAFKA_PROCESSES", 1));
    let clusters: Vec<String> = (0..number("CAUSEWAY_KAFKA_CLUSTERS", 1)).map(|of| format!("cluster-{of}")).collect();
    let header = ["--set", "kafka.cluster_header=cluster"];
    let lines = std::env::var_os("CAUSEWAY_KAFKA_LOG").map_or_else(sample_lines, |log| lines_of(Path::new(&log)));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("disturbed");
    broker.topic(TOPIC, PARTITIONS, &[]);

    let begun = Instant::now();
    let done = AtomicU64::new(0);
    let (mut random, mut of_run, mut of_broker) = (Random(11), 0, 0);
    std::thread::scope(|scope| {
        let _over = Over(&done, kills);
        // The log comes as fast as the kills do, so that every one of them is under load.
        scope.spawn(|| {
            let sending = broker.producer(&[]);
            for (number, line) in lines.iter().enumerate() {
                while number as u64 * (kills + 1) > (done.load(Ordering::Relaxed) + 1) * lines.len() as u64 {
                    std::thread::sleep(Duration::from_millis(20));
                }
                for (of, cluster) in clusters.iter().enumerate() {
                    sending.send_of(TOPIC, (number + of) as i32 % PARTITIONS, Some(line), Some(cluster));
                }
                if number % 64 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            sending.flush();
        });
        let start = |processes: u64, workers: u64| {
            let workers = workers.to_string();
            let more = [RESTLESS, &header, &["--workers", &workers]].concat();
            start_processes(&broker, TOPIC, &output, processes as usize, &more)
        };
        let mut running = start(1, 2);
        while of_run + of_broker < kills {
            std::thread::sleep(Duration::from_millis(50 + random.below(1_200)));
            for process in &mut running {
                assert!(process.is_alive(), "it ended by itself:\n{}", process.log());
            }
            if random.below(6) == 0 {
                broker.script(&["kill"]);
                std::thread::sleep(Duration::from_millis(random.below(1_500)));
                broker.script(&["start"]);
                of_broker += 1;
            } else {
                running.remove(random.below(running.len() as u64) as usize).kill();
                // The others end by themselves, or wait where they have not met yet; an orchestrator is not always that patient.
                std::thread::sleep(Duration::from_millis(random.below(if running.is_empty() { 1 } else { 800 })));
                running.into_iter().for_each(Running::kill);
                running = start(1 + random.below(most), 1 + random.below(4));
                of_run += 1;
            }
            done.store(of_run + of_broker, Ordering::Relaxed);
        }
        // They may not have met yet, and then nobody tells the others.
        running.iter_mut().for_each(Running::ask_to_stop_too);
        for mut process in running {
            assert_eq!(process.end(), 0, "{}", process.log());
        }
    });

    let account = folder.path().join("account.json");
    let mut last = broker.run(TOPIC, &output, &header);
    last.args(["--until-end", "--account"]).arg(&account);
    succeed(last);
    verify(&output);
    let undisturbed = folder.path().join("undisturbed");
    let mut left_alone = broker.run(TOPIC, &undisturbed, &header);
    left_alone.arg("--until-end");
    succeed(left_alone);
    let (expected, found) = (rows(&undisturbed, &[]), rows(&output, &[]));
    assert_same(&expected, &found, "killed");

    let in_topic: i64 = (0..PARTITIONS).map(|partition| broker.end(TOPIC, partition)).sum();
    assert_eq!(in_topic, (lines.len() * clusters.len()) as i64, "the producer lost or doubled something");
    let account: serde_json::Value = serde_json::from_slice(&std::fs::read(account).unwrap()).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(count("read") + count("empty_lines"), in_topic as u64, "each message is in one place: {account:#}");
    let (commits, same): (usize, usize) = (common::manifests(&output).len(), found.values().map(Vec::len).sum());
    let line = format!(
        "kafka-kill: {} kills ({of_run} of the run, {of_broker} of the broker) in {:.0} s and {commits} commits: {in_topic} messages of {} clusters = {} events + {} filtered + {} rejects + {} empty; {same} rows, all as in an undisturbed run",
        of_run + of_broker,
        begun.elapsed().as_secs_f64(),
        clusters.len(),
        count("events"),
        count("filtered"),
        count("rejects"),
        count("empty_lines"),
    );
    eprintln!("{line}");
    if let Some(report) = std::env::var_os("CAUSEWAY_KAFKA_REPORT") {
        std::fs::write(report, line + "\n").unwrap();
    }
}

#[test]
fn a_paused_broker_and_one_that_is_down_are_waited_for() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tables");
    let lines = sample_lines();
    let parts: Vec<&[Vec<u8>]> = lines.chunks(lines.len().div_ceil(3)).collect();
    broker.topic(TOPIC, PARTITIONS, &[]);
    broker.send_in_turns(TOPIC, PARTITIONS, parts[0]);
    let mut running =
        Running::start(broker.run(TOPIC, &output, &[RESTLESS, &["-v"]].concat()), &folder.path().join("log"));
    let manifests = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
    kafka::wait_for("a commit", || manifests() > 0);

    broker.script(&["pause"]);
    running.wait_for_log("no broker answers");
    std::thread::sleep(Duration::from_secs(14));
    // Counted while nothing can come in: what is sent may be committed before the log tells that brokers answer.
    let before = manifests();
    broker.script(&["resume"]);
    broker.send_in_turns(TOPIC, PARTITIONS, parts[1]);
    running.wait_for_log("brokers answer again");
    running.wait_until("a commit after the pause", || manifests() > before);

    broker.script(&["stop"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(running.is_alive());
    let before = manifests();
    broker.script(&["start"]);
    broker.send_in_turns(TOPIC, PARTITIONS, parts[2]);
    running.wait_until("a commit after the stop", || manifests() > before);
    assert_eq!(running.stop(), 0);

    succeed(broker.run(TOPIC, &output, &["--until-end"]));
    let undisturbed = folder.path().join("undisturbed");
    succeed(broker.run(TOPIC, &undisturbed, &["--until-end"]));
    assert_same(&rows(&undisturbed, &[]), &rows(&output, &[]), "paused and stopped");
    verify(&output);
}

#[test]
fn the_loss_of_one_node_of_three_is_no_loss() {
    let Some(broker) = Broker::start_with(&["3"], |_| String::new()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("tables");
    let lines = sample_lines();
    let parts: Vec<&[Vec<u8>]> = lines.chunks(lines.len().div_ceil(7)).collect();
    broker.topic_of(TOPIC, PARTITIONS, 3, &[]);
    let running = Running::start(broker.run(TOPIC, &output, RESTLESS), &folder.path().join("log"));
    let commits = || std::fs::read_dir(output.join("_causeway/manifest")).map_or(0, Iterator::count);
    for (node, part) in ["1", "2", "3"].into_iter().zip(parts.chunks(2)) {
        broker.send_in_turns(TOPIC, PARTITIONS, part[0]);
        kafka::wait_for("a commit", || commits() > 0);
        broker.script(&["kill", node]);
        let before = commits();
        broker.send_in_turns(TOPIC, PARTITIONS, part[1]);
        kafka::wait_for("a commit without the node", || commits() > before);
        broker.script(&["start"]);
    }
    broker.send_in_turns(TOPIC, PARTITIONS, parts[6]);
    assert_eq!(running.stop(), 0);
    succeed(broker.run(TOPIC, &output, &["--until-end"]));
    verify(&output);
    let undisturbed = folder.path().join("undisturbed");
    succeed(broker.run(TOPIC, &undisturbed, &["--until-end"]));
    assert_same(&rows(&undisturbed, &[]), &rows(&output, &[]), "three nodes lost one after the other");
}
