//! Drain on one core: lines a second while learning, on loghub's HDFS_2k and OpenStack_2k tiled to a million lines.
//!
//! `cargo bench --bench drain -- LOGS`, where LOGS holds HDFS/HDFS_2k.log and OpenStack/OpenStack_2k.log (default
//! `../shared/data/logs/loghub_2k`). Prints `case TAB lines a second`; `benches/drain3_peer.py` measures Drain3 on the same cases.

#![allow(missing_docs, clippy::unwrap_used)]

use causeway::text::drain::DrainSettings;
use causeway::text::evaluate::loghub::SYSTEMS;
use causeway::text::format::LogFormat;
use causeway::text::line::LineReader;
use causeway::text::mask::{MaskSpec, hdfs_masks};
use causeway::text::miner::Miner;
use std::path::Path;
use std::time::Instant;

/// Lines that a case learns.
const LINES: usize = 1_000_000;
/// Runs of a case, of which the fastest counts: other work on the machine only slows them.
const RUNS: usize = 5;

fn main() {
    let logs = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let logs = logs.unwrap_or_else(|| "../shared/data/logs/loghub_2k".to_owned());
    if !Path::new(&logs).exists() {
        eprintln!("skipped: {logs} is absent; give the folder of loghub's logs");
        return;
    }
    for name in ["HDFS", "OpenStack"] {
        let system = SYSTEMS.iter().find(|system| system.name == name).unwrap();
        let contents = contents(&logs, name, system.format);
        for (masks, label) in
            [(Vec::new(), "no masks"), (system.masks(), "published masks"), (hdfs_masks(), "seven masks")]
        {
            let best = (0..RUNS).map(|_| learn(&system.settings(), &masks, &contents, false)).fold(0.0, f64::max);
            println!("{name}, {label}\t{best:.0}");
        }
        let best = (0..RUNS).map(|_| learn(&system.settings(), &hdfs_masks(), &contents, true)).fold(0.0, f64::max);
        println!("{name}, seven masks, parameters\t{best:.0}");
    }
}

fn contents(logs: &str, name: &str, format: &str) -> Vec<String> {
    let bytes = std::fs::read(format!("{logs}/{name}/{name}_2k.log")).unwrap();
    let mut reader = LineReader::new(LogFormat::new(format).unwrap(), usize::MAX);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| reader.read(line).map(|text| reader.content(text).to_owned()).unwrap()).collect()
}

/// Lines a second.
fn learn(settings: &DrainSettings, masks: &[MaskSpec], contents: &[String], with_parameters: bool) -> f64 {
    let mut miner = Miner::new(settings.clone(), masks, "<", ">").unwrap();
    let (mut lines, mut keys) = (0, 0u64);
    let started = Instant::now();
    while lines < LINES {
        for content in contents {
            let id = miner.learn(content).id;
            keys += u64::from(id.0);
            if with_parameters {
                keys += miner.parameters(content, id).len() as u64;
            }
        }
        lines += contents.len();
    }
    assert!(std::hint::black_box(keys) > 0);
    lines as f64 / started.elapsed().as_secs_f64()
}
