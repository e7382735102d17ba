//! Next-key scoring beside bare ONNX Runtime: windows a second, one thread each.
//!
//! `cargo bench --bench keys -- SESSIONS`, where SESSIONS is a file of sessions (default `../shared/data/hdfs/hdfs_train`). *Bare* is the
//! runtime alone on inputs that lie ready, in the same batches; *judge* begins with sessions of keys and ends with findings: vocabulary,
//! windows, the runtime, the rank of each key. Equal sessions are judged once in use; here all are distinct, so that both do the same work.

#![allow(missing_docs, clippy::unwrap_used)]

use causeway::model::lstm::{Network, Shape};
use causeway::model::runtime::{Device, Runtime};
use causeway::text::detect::export::to_onnx;
use causeway::text::detect::judge::{Judge, Rules, ShortRule};
use causeway::text::detect::network::NextKeyNetwork;
use causeway::text::detect::onnx_model::{BATCH_WINDOWS, OnnxNextKey};
use causeway::text::detect::read::read_sequences;
use causeway::text::detect::sequence::KeySequence;
use causeway::text::detect::vocabulary::Vocabulary;
use causeway::text::detect::windows::{WindowStyle, Windows};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

/// Runs of each, in turns, of which the fastest counts.
const RUNS: usize = 7;
/// Keys of history.
const HISTORY: usize = 10;

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let path = path.unwrap_or_else(|| "../shared/data/hdfs/hdfs_train".to_owned());
    if !Path::new(&path).exists() {
        return eprintln!("skipped: {path} is absent; give a file of sessions");
    }
    let runtime = match Runtime::get() {
        Ok(runtime) => runtime,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let mut seen = BTreeSet::new();
    let mut sessions: Vec<KeySequence> = read_sequences(Path::new(&path)).unwrap();
    sessions.retain(|session| seen.insert(session.keys.clone()));
    let vocabulary = Vocabulary::of(&sessions);
    let width = vocabulary.width();
    // The speed does not depend on the weights.
    let shape = Shape { inputs: width, lstm: vec![64, 64], dense: Vec::new(), outputs: width, dropout: 0.0 };
    let network = Network::new(&shape, &mut StdRng::seed_from_u64(1));
    let onnx = to_onnx(&NextKeyNetwork { network, history: HISTORY, style: WindowStyle::EveryPosition, width }, &[]);
    let mut windows = Windows::new(WindowStyle::EveryPosition, HISTORY);
    sessions.iter().for_each(|session| windows.push_session(&vocabulary.encode(session)));
    let ids: Vec<i64> = windows.tokens().iter().map(|token| i64::from(token.0)).collect();
    let mut bare = runtime.model(&onnx, Device::Cpu).unwrap();
    let model = runtime.model(&onnx, Device::Cpu).unwrap();
    let mut model = OnnxNextKey::new(model, HISTORY, WindowStyle::EveryPosition, width);
    let rules = Rules { g: 9, short: ShortRule::Judge, short_keys: 0, least_end: None };
    let judge = Judge { vocabulary: &vocabulary, rules };
    let (mut best_bare, mut best_judge) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..RUNS {
        let started = Instant::now();
        for batch in ids.chunks(HISTORY * BATCH_WINDOWS) {
            std::hint::black_box(bare.run(&[batch.len() / HISTORY, HISTORY], batch).unwrap());
        }
        best_bare = best_bare.min(started.elapsed().as_secs_f64());
        let started = Instant::now();
        std::hint::black_box(judge.judge(&mut model, &sessions).unwrap());
        best_judge = best_judge.min(started.elapsed().as_secs_f64());
    }
    let rate = |secs: f64| windows.len() as f64 / secs;
    println!("windows\t{}", windows.len());
    println!("bare\t{:.0}\njudge\t{:.0}\nratio\t{:.3}", rate(best_bare), rate(best_judge), best_bare / best_judge);
}
