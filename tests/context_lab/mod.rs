//! Recorded clusters with known truth, and what goes wrong with logs in practice done to them: clocks that jitter, requests
//! that are lost, several logs laid over each other.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part; a test fails by panicking

use causeway::audit::decode::{Reading, Want, decode};
use causeway::audit::event::{Evidence, Stage};
use causeway::audit::time::Micros;
use causeway::context::engine::{Ahead, Engine};
use causeway::context::evaluate::{PredictedRow, Scores, TruthRow, evaluate};
use causeway::context::facts::{Extractor, Place};
use causeway::context::keys::KeySpace;
use causeway::context::model::{Attribution, FactBatch, Head, Input, Role};
use causeway::context::tables::Tables;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Decompressed lines of a recorded log; `None`, with a word, where the recordings are absent.
fn lines(log: &str, file: &str) -> Option<impl Iterator<Item = String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/lab").join(log).join(file);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(BufReader::new(liblzma::read::XzDecoder::new(file)).lines().map(|line| line.unwrap()))
}

/// Which part of a recording is used.
#[derive(Copy, Clone)]
pub struct Part {
    /// Bodies are kept.
    pub bodies: bool,
    /// Requests that arrive before this time of day, as `HH:MM`; empty for all.
    pub before: &'static str,
}

/// All of a recording, with bodies.
pub const WHOLE: Part = Part { bodies: true, before: "" };

/// A recording as facts.
pub struct Log {
    ids: BTreeMap<u128, String>,
    /// Facts and undistorted heads.
    pub batch: FactBatch,
    truth: Vec<TruthRow>,
}

impl Log {
    /// Decodes the `files` of `log` and extracts the facts.
    pub fn load(log: &str, files: &[&str], part: Part) -> Option<Log> {
        let mut extractor = Extractor::new(Arc::new(Tables::built_in().unwrap()));
        let mut found = Log { ids: BTreeMap::new(), batch: FactBatch::default(), truth: Vec::new() };
        for file in files {
            for line in lines(log, file)?.filter(|line| part.takes(line)) {
                found.add(&mut extractor, line.as_bytes(), part);
            }
        }
        let rows = lines(log, "truth.jsonl.xz")?.map(|line| serde_json::from_str::<TruthRow>(&line).unwrap());
        let known: std::collections::BTreeSet<&String> = found.ids.values().collect();
        found.truth = rows.filter(|row| known.contains(&row.audit_id)).collect();
        Some(found)
    }

    fn add(&mut self, extractor: &mut Extractor, line: &[u8], part: Part) {
        decode(line, Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
            let mut event = event.unwrap().clone();
            if event.stage == Stage::RequestReceived {
                return;
            }
            if !part.bodies {
                (event.request, event.response) = (Evidence::default(), Evidence::default());
            }
            let row = u32::try_from(self.batch.heads.len()).unwrap();
            let at = event_time(event.received_at, event.stage_at);
            extractor.push(&event, Place { stream: KeySpace(7), offset: 0, item: 0, row, at }, &mut self.batch);
            let head = self.batch.heads.last().unwrap();
            self.ids.insert(head.audit_id.0, event.audit_id.into_owned());
        });
    }

    /// The events as they were, in event order.
    pub fn heads(&self) -> Vec<Head> {
        ordered(self.batch.heads.clone())
    }

    /// Each request is earlier or later by normal noise of this standard deviation.
    pub fn jittered(&self, sd_us: f64) -> Vec<Head> {
        ordered(self.batch.heads.iter().map(|head| shifted(head, (normal(head) * sd_us) as i64)).collect())
    }

    /// Without this share of the requests.
    pub fn lossy(&self, share: f64) -> Vec<Head> {
        ordered(self.batch.heads.iter().filter(|head| uniform(head, 1) >= share).copied().collect())
    }

    /// Cut into `count` parts of equal length, which are laid over each other.
    pub fn overlaid(&self, count: i64) -> Vec<Head> {
        let times = || self.batch.heads.iter().map(|head| head.received_at.0);
        let (first, last) = (times().min().unwrap(), times().max().unwrap());
        let length = (last - first) / count + 1;
        let back = |head: &Head| -((head.received_at.0 - first) / length * length);
        ordered(self.batch.heads.iter().map(|head| shifted(head, back(head))).collect())
    }

    /// Attributions of `heads`, which are in event order; the engine is saved and loaded again every `reload_every` events.
    pub fn run(&self, heads: &[Head], reload_every: usize, retire: bool) -> Vec<Attribution> {
        let tables = Arc::new(Tables::built_in().unwrap());
        let mut engine = Engine::new(Arc::clone(&tables));
        let mut all = Vec::with_capacity(heads.len());
        for (place, head) in heads.iter().enumerate() {
            if place % reload_every == reload_every - 1 {
                engine = Engine::load(&engine.save(), Arc::clone(&tables)).unwrap();
            }
            if retire {
                engine.retire(head.at);
            }
            let (facts, client) = (self.batch.facts_of(head), self.batch.client_of(head));
            all.push(engine.apply_before(
                head,
                facts,
                client,
                &Rest { batch: &self.batch, heads: &heads[place + 1..] },
            ));
        }
        all
    }

    /// Scores of the attributions of `heads`.
    pub fn scores(&self, what: &str, heads: &[Head]) -> Scores {
        let of_event: BTreeMap<u64, &str> =
            heads.iter().map(|head| (head.id.0, self.ids[&head.audit_id.0].as_str())).collect();
        let known: std::collections::BTreeSet<&str> = of_event.values().copied().collect();
        let row = |(head, said): (&Head, Attribution)| PredictedRow {
            audit_id: self.ids[&head.audit_id.0].clone(),
            stage: format!("{:?}", head.stage),
            context: (said.role != Role::Background).then(|| of_event[&said.context.0].to_owned()),
            root: None,
            label: None,
            trigger: matches!(said.role, Role::Root | Role::Request),
        };
        let predicted: Vec<PredictedRow> = heads.iter().zip(self.run(heads, usize::MAX, true)).map(row).collect();
        let truth: Vec<TruthRow> =
            self.truth.iter().filter(|row| known.contains(row.audit_id.as_str())).cloned().collect();
        let scores = evaluate(&truth, &predicted);
        eprintln!("{what}: F1 {:.4}, exact {:.4}", scores.user.pair_f1, scores.contexts.exact_share);
        scores
    }
}

impl Part {
    /// Timestamps are of one day, so their text is in the order of time.
    fn takes(&self, line: &str) -> bool {
        let time = line.rsplit_once("\"requestReceivedTimestamp\":\"").and_then(|(_, rest)| rest.get(11..16));
        self.before.is_empty() || time.is_some_and(|time| time < self.before)
    }
}

struct Rest<'l> {
    batch: &'l FactBatch,
    heads: &'l [Head],
}

impl Ahead for Rest<'_> {
    fn event(&self, index: usize) -> Option<Input<'_>> {
        let head = self.heads.get(index)?;
        Some(Input { head, facts: self.batch.facts_of(head), client: self.batch.client_of(head) })
    }
}

fn event_time(received_at: Micros, stage_at: Micros) -> Micros {
    received_at.max(stage_at.plus(-10_000_000))
}

fn ordered(mut heads: Vec<Head>) -> Vec<Head> {
    heads.sort_by_key(|head| (head.at, head.audit_id, head.stage));
    heads
}

fn shifted(head: &Head, by_us: i64) -> Head {
    let (received_at, stage_at) = (head.received_at.plus(by_us), head.stage_at.plus(by_us));
    Head { received_at, stage_at, at: event_time(received_at, stage_at), ..*head }
}

/// A number in (0, 1) that the audit id decides.
fn uniform(head: &Head, seed: u64) -> f64 {
    let hash = xxh3_64_with_seed(&head.audit_id.0.to_le_bytes(), seed);
    ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Standard normal noise that the audit id decides (Box and Muller).
fn normal(head: &Head) -> f64 {
    (-2.0 * uniform(head, 2).ln()).sqrt() * (std::f64::consts::TAU * uniform(head, 3)).cos()
}
