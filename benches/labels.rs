//! Labels beside bare ONNX Runtime: windows a second, one inference thread a worker.
//!
//! `cargo bench --bench labels -- LOG`, where LOG is an audit log (default `../shared/data/lab/train/audit.jsonl.xz`). *Bare* is the runtime
//! alone on inputs that lie ready, in batches of the same size; *session* begins with windows and ends with words, as an inference thread does;
//! *replay* is everything from the log to committed tables. What a replay costs beside inference is told by the one without a model.

#![allow(missing_docs, clippy::unwrap_used)]

use causeway::audit::filter::{Rules, Switches};
use causeway::context::tables::Tables;
use causeway::flow::{Keep, Limits, Method, ReplayPlan, replay};
use causeway::model::labeler::{Labeler, Use};
use causeway::model::runtime::{Device, Runtime};
use causeway::model::windows::Window;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of each, in turns, of which the fastest counts.
const RUNS: usize = 5;
/// Windows of a run of *bare* and *session*.
const WINDOWS: usize = 2_048;

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let log = path.unwrap_or_else(|| "../shared/data/lab/train/audit.jsonl.xz".to_owned());
    let runtime = match Runtime::get() {
        Ok(runtime) => runtime,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let onnx = std::fs::read("models/labels.onnx").unwrap();
    let labeler = |stride| Labeler::of(onnx.clone(), Use { device: Device::Cpu, stride, batch: 0 }).unwrap();
    let one = labeler(1);
    let (spec, batch) = (one.spec(), one.batch());
    // The speed does not depend on the numbers.
    let mut random = StdRng::seed_from_u64(1);
    let mut row = || spec.sizes().iter().map(|size| random.random_range(0..*size) as u16).collect::<Vec<u16>>();
    let mut rows = || (0..spec.window).flat_map(|_| row()).collect();
    let windows: Vec<Window> =
        (0..WINDOWS as u64).map(|start| Window { start, rows: rows(), events: spec.window }).collect();
    let ids: Vec<i64> = windows.iter().flat_map(|window| &window.rows).map(|id| i64::from(*id)).collect();
    let width = spec.window * spec.width();
    let mut bare_model = runtime.model(&onnx, Device::Cpu).unwrap();
    let mut session_model = one.session().unwrap();
    let (mut bare, mut session) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..RUNS {
        bare = bare.min(secs(|| {
            for ids in ids.chunks(batch * width) {
                let shape = [ids.len() / width, spec.window, spec.width()];
                std::hint::black_box(bare_model.run(&shape, ids).unwrap());
            }
        }));
        session = session.min(secs(|| {
            for windows in windows.chunks(batch) {
                std::hint::black_box(session_model.answer(windows));
            }
        }));
    }
    let bare_rate = WINDOWS as f64 / bare;
    println!("| what | windows/s | of bare | events/s |\n|---|---|---|---|");
    println!("| bare | {bare_rate:.0} | | |");
    println!("| session | {:.0} | {:.3} | |", WINDOWS as f64 / session, bare / session);
    if !Path::new(&log).exists() {
        return eprintln!("skipped: {log} is absent; give an audit log");
    }
    for (workers, stride) in [(1, None), (2, None), (1, Some(15)), (2, Some(15)), (1, Some(1)), (2, Some(1))] {
        let mut best = (f64::INFINITY, 0, 0);
        for _ in 0..if stride == Some(1) { 1 } else { 3 } {
            let folder = tempfile::tempdir().unwrap();
            let plan = plan(&log, folder.path(), workers, stride.map(labeler).map(Arc::new));
            let mut account = None;
            let took = secs(|| account = Some(replay(&plan).unwrap().account));
            let account = account.unwrap();
            best = if took < best.0 { (took, account.read, account.events) } else { best };
        }
        let (took, read, rows) = best;
        let name = stride.map_or("without a model".to_owned(), |stride| format!("stride {stride}"));
        // With the light filter, a row is an event in windows.
        let rate = stride.map(|stride| rows as f64 / stride as f64 / took);
        let told = rate.map_or(" | ".to_owned(), |rate| format!("{rate:.0} | {:.2}", rate / bare_rate));
        println!("| replay, {workers} workers, {name} | {told} | {:.0} |", read as f64 / took);
    }
}

fn secs(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

fn plan(log: &str, output: &Path, workers: usize, labeler: Option<Arc<Labeler>>) -> ReplayPlan {
    ReplayPlan {
        inputs: vec![log.to_owned()],
        output: output.join("tables"),
        storage: Default::default(),
        cluster: "bench".to_owned(),
        workers,
        keep: Keep::Light,
        rules: Rules::Strict,
        switches: Switches::default(),
        all_stages: false,
        contexts: true,
        method: Method::Causal,
        live: None,
        labeler,
        sessions: true,
        bodies: false,
        from: None,
        to: None,
        lateness_us: 10_000_000,
        max_future_skew_us: i64::MAX,
        session_gap_us: 900_000_000,
        context_quiet_us: None,
        commit_every: Duration::from_secs(10),
        commit_bytes: 256 << 20,
        block_bytes: 1 << 20,
        max_record_bytes: 8 << 20,
        limits: Limits { events: 100_000, age_us: 86_400_000_000 },
        tables: Arc::new(Tables::built_in().unwrap()),
        progress: Arc::default(),
        stop: Arc::default(),
    }
}
