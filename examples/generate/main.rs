//! Makes a Kubernetes audit log to measure with: half Metadata, half RequestResponse, about 2.4 KB an event and 1,000
//! events a second, in the order of their stage time. People and pipelines deploy, scale, look and fail; controllers,
//! scheduler and kubelets follow; leases, node status, operators and watches go on behind. The same seed gives the same
//! bytes.
//!
//! ```text
//! cargo run --release --example generate -- --events 200000 --seed 1 audit.jsonl
//! ```

mod background;
mod cluster;
mod event;
mod log;
mod objects;
mod rng;
mod stories;
mod time;

use rng::Rng;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: generate [--events N] [--seed N] OUT.jsonl   (- for standard output)";
/// Of what begins, the part that somebody does.
const STORIES_PERCENT: u64 = 3;

fn main() -> ExitCode {
    let Some((events, seed, out)) = arguments(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let written = match out.as_str() {
        "-" => generate(io::stdout().lock(), events, seed),
        path => File::create(path).and_then(|file| generate(file, events, seed)),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{out}: cannot write: {e}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Option<(u64, u64, String)> {
    let (mut events, mut seed, mut out) = (200_000, 1, None);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--events" => events = given.next()?.parse().ok()?,
            "--seed" => seed = given.next()?.parse().ok()?,
            _ if out.is_none() && (argument == "-" || !argument.starts_with('-')) => out = Some(argument),
            _ => return None,
        }
    }
    Some((events, seed, out?))
}

fn generate(out: impl Write, events: u64, seed: u64) -> io::Result<()> {
    let rng = Rng::new(seed);
    let cluster = cluster::Cluster::new(&rng);
    let mut log = log::Log::new(BufWriter::with_capacity(1 << 20, out), rng, events);
    let mut now_us = time::START_US;
    while log.write_until(now_us)? {
        let before = log.made;
        if log.rng.chance(STORIES_PERCENT) {
            stories::tell(&mut log, &cluster, now_us);
        } else {
            background::tick(&mut log, &cluster, now_us);
        }
        // A millisecond an event, on the whole.
        now_us += (log.made - before) * log.rng.range(0, 2_000);
    }
    log.finish()
}
