//! Labels beside bare ONNX Runtime, in seconds of processor time a window.
//!
//! ```sh
//! cargo bench --bench labels -- [LOG]                                # the cost of labels, 1 and 2 workers, strides 1 and 15
//! cargo bench --bench labels -- [LOG] --device cuda --batches 64,256,1024,4096    # windows a second by wall clock, and how busy a GPU is
//! ```
//! LOG is an audit log (default `../shared/data/lab/train/audit.jsonl.xz`). What is compared, each on as many threads as there are workers, in turns:
//! - *bare*: the runtime alone, on inputs that lie ready, in batches of the same size, its output left where it lies;
//! - *session*: what an inference thread does, from windows to words;
//! - *stage*: all that labels cost a replay: its processor time less that of a replay without a model. Columns of events, their order and
//!   the causal engine ahead of the settled one are in it, which cost the same at any stride; so at stride 15, with a fifteenth of the windows, it is
//!   the session that says what inference costs, and the stage what labels cost.
//!
//! Ratios are by round, and the middle one is told: all of a round is measured within seconds.

#![allow(missing_docs, clippy::unwrap_used)]

use causeway::context::tables::Tables;
use causeway::flow::{Keep, ReplayPlan, replay};
use causeway::model::labeler::{LabelSession, Labeler, Use};
use causeway::model::labels::LabelSpec;
use causeway::model::runtime::{Device, Model, Runtime};
use causeway::model::windows::Window;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds, of which the middle one counts.
const ROUNDS: usize = 3;
/// Windows that each thread of *bare* and *session* computes.
const WINDOWS: usize = 4_096;

fn main() {
    // as the program does
    _ = rustix::thread::disable_transparent_huge_pages(true);
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let device = match option(&mut arguments, "--device").as_deref() {
        None | Some("cpu") => Device::Cpu,
        Some("cuda") => Device::Cuda,
        Some(other) => panic!("--device is cpu or cuda, not {other}"),
    };
    let batches = option(&mut arguments, "--batches");
    let log = arguments.pop().unwrap_or_else(|| "../shared/data/lab/train/audit.jsonl.xz".to_owned());
    let runtime = match Runtime::get() {
        Ok(runtime) => runtime,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    if !Path::new(&log).exists() {
        return eprintln!("skipped: {log} is absent; give an audit log");
    }
    let folder = tempfile::tempdir().unwrap();
    let (onnx, log) = (std::fs::read("models/labels.onnx").unwrap(), unpacked(&log, folder.path()));
    let spec = LabelSpec::read(&onnx).unwrap();
    let bench = Bench { runtime, onnx, spec, log, device };
    match batches {
        Some(batches) => bench.by_batch(batches.split(',').map(|batch| batch.parse().unwrap())),
        None => [1, 2].map(|workers| bench.by_stride(workers)).into_iter().collect(),
    }
}

/// Takes the value of an option out of the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Option<String> {
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.drain(place..place + 2).next_back()
}

/// The log without its compression, which would be a part of what is measured.
fn unpacked(log: &str, folder: &Path) -> PathBuf {
    if !log.ends_with(".xz") {
        return log.into();
    }
    let path = folder.join("audit.jsonl");
    let mut packed = liblzma::read::XzDecoder::new(std::fs::File::open(log).unwrap());
    std::io::copy(&mut packed, &mut std::fs::File::create(&path).unwrap()).unwrap();
    path
}

struct Bench {
    runtime: &'static Runtime,
    onnx: Vec<u8>,
    spec: LabelSpec,
    log: PathBuf,
    device: Device,
}

impl Bench {
    /// Processor time of labels at strides 1 and 15.
    fn by_stride(&self, workers: usize) {
        let (mut bare, mut sessions) = (self.bare(workers), self.sessions(workers, 0));
        let strides = [1, 15];
        let (mut session_ratios, mut rates, mut ratios) = (Vec::new(), Vec::new(), strides.map(|_| Vec::new()));
        let mut walls = [0.0; 3];
        for _ in 0..ROUNDS {
            let bare_secs = cost(|| self.run_bare(&mut bare, 64)).cpu_secs / (WINDOWS * workers) as f64;
            let session_secs = cost(|| self.run_sessions(&mut sessions, 64)).cpu_secs / (WINDOWS * workers) as f64;
            let (without, events, _) = self.replay(workers, None);
            rates.push(1.0 / bare_secs);
            session_ratios.push(bare_secs / session_secs);
            walls[2] = events as f64 / without.wall_secs;
            for ((stride, ratios), wall) in strides.into_iter().zip(&mut ratios).zip(&mut walls) {
                let (with, events, windows) = self.replay(workers, Some((stride, 0)));
                ratios.push(windows as f64 * bare_secs / (with.cpu_secs - without.cpu_secs));
                *wall = events as f64 / with.wall_secs;
            }
        }
        println!("| {workers} workers | windows a CPU second | of bare | events/s |\n|---|--:|--:|--:|");
        let rate = middle(rates);
        println!("| bare | {rate:.0} | | |");
        let session = middle(session_ratios);
        println!("| session | {:.0} | {session:.3} | |", rate * session);
        println!("| replay without a model | | | {:.0} |", walls[2]);
        for ((stride, ratios), wall) in strides.into_iter().zip(ratios).zip(walls) {
            let ratio = middle(ratios);
            println!("| stage, stride {stride} | {:.0} | {ratio:.3} | {wall:.0} |", rate * ratio);
        }
    }

    /// Windows a second by wall clock at stride 1, and how much of the time a GPU is busy, one inference thread.
    fn by_batch(&self, batches: impl Iterator<Item = usize>) {
        println!("| batch | bare windows/s | busy | session windows/s | busy | replay windows/s | busy | events/s |");
        println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
        for batch in batches {
            let (mut bare, mut sessions) = (self.bare(1), self.sessions(1, batch));
            // the first batch of a size makes the runtime plan its memory
            self.run_bare(&mut bare, batch);
            let (bare, bare_busy) = busy(|| cost(|| self.run_bare(&mut bare, batch)));
            let (session, session_busy) = busy(|| cost(|| self.run_sessions(&mut sessions, batch)));
            let ((replayed, events, windows), busy) = busy(|| self.replay(1, Some((1, batch))));
            let rate = |count: usize, cost: Cost| count as f64 / cost.wall_secs;
            let (bare, session) = (rate(WINDOWS, bare), rate(WINDOWS, session));
            let (windows, events) = (rate(windows, replayed), rate(events, replayed));
            println!(
                "| {batch} | {bare:.0} | {bare_busy} | {session:.0} | {session_busy} | {windows:.0} | {busy} | {events:.0} |"
            );
        }
    }

    fn labeler(&self, stride: usize, batch: usize) -> Labeler {
        Labeler::of(self.onnx.clone(), Use { device: self.device, stride, batch }).unwrap()
    }

    /// Models with their inputs.
    fn bare(&self, threads: usize) -> Vec<(Model, Vec<i64>)> {
        let windows = self.windows();
        let ids: Vec<i64> = windows.iter().flat_map(|window| &window.rows).map(|id| i64::from(*id)).collect();
        (0..threads).map(|_| (self.runtime.model(&self.onnx, self.device).unwrap(), ids.clone())).collect()
    }

    fn run_bare(&self, models: &mut [(Model, Vec<i64>)], batch: usize) {
        let (window, width) = (self.spec.window, self.spec.width());
        on_threads(models, |(model, ids)| {
            for ids in ids.chunks(batch * window * width) {
                let shape = [ids.len() / (window * width), window, width];
                model.run_with(&shape, ids, |_, logits| _ = std::hint::black_box(logits)).unwrap();
            }
        });
    }

    fn sessions(&self, threads: usize, batch: usize) -> Vec<(LabelSession, Vec<Window>)> {
        let labeler = self.labeler(1, batch);
        (0..threads).map(|_| (labeler.session().unwrap(), self.windows())).collect()
    }

    fn run_sessions(&self, sessions: &mut [(LabelSession, Vec<Window>)], batch: usize) {
        on_threads(sessions, |(session, windows)| {
            for windows in windows.chunks(batch) {
                assert!(std::hint::black_box(session.answer(windows)).error.is_none());
            }
        });
    }

    /// Windows of numbers by chance: the speed does not depend on them.
    fn windows(&self) -> Vec<Window> {
        let spec = &self.spec;
        let mut random = StdRng::seed_from_u64(1);
        let mut row = || spec.sizes().iter().map(|size| random.random_range(0..*size) as u16).collect::<Vec<u16>>();
        let mut rows = || (0..spec.window).flat_map(|_| row()).collect();
        (0..WINDOWS as u64).map(|start| Window { start, rows: rows(), events: spec.window }).collect()
    }

    /// A replay with this stride and batch: what it took, events read, windows.
    fn replay(&self, workers: usize, stride: Option<(usize, usize)>) -> (Cost, usize, usize) {
        let folder = tempfile::tempdir().unwrap();
        let labeler = stride.map(|(stride, batch)| Arc::new(self.labeler(stride, batch)));
        // With the light filter, a row is an event in windows.
        let inputs = vec![self.log.display().to_string()];
        let plan = ReplayPlan::new(inputs, folder.path().join("tables"), Tables::built_in().unwrap());
        let plan = ReplayPlan { workers, keep: Keep::Light, labeler, ..plan };
        let mut account = None;
        let cost = cost(|| account = Some(replay(&plan).unwrap().account));
        let account = account.unwrap();
        let stride = stride.map_or(1, |(stride, _)| stride);
        let windows = (account.events as usize).saturating_sub(self.spec.window).div_ceil(stride) + 1;
        (cost, account.read as usize, windows)
    }
}

/// Does the work with each on a thread of its own.
fn on_threads<T: Send>(each: &mut [T], work: impl Fn(&mut T) + Sync) {
    std::thread::scope(|scope| each.iter_mut().for_each(|one| _ = scope.spawn(|| work(one))));
}

#[derive(Copy, Clone)]
struct Cost {
    wall_secs: f64,
    /// Of all threads, as far as the kernel tells.
    cpu_secs: f64,
}

fn cost(work: impl FnOnce()) -> Cost {
    let (began, used) = (Instant::now(), cpu_secs());
    work();
    Cost { wall_secs: began.elapsed().as_secs_f64(), cpu_secs: cpu_secs() - used }
}

/// Processor time of this process so far.
fn cpu_secs() -> f64 {
    /// Linux counts in hundredths for whoever asks.
    const TICKS_PER_SEC: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap(); // Linux has it
    // behind the name, which may hold anything, user and system time are the fields 12 and 13
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let ticks = behind_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / TICKS_PER_SEC
}

/// Does the work while `nvidia-smi` says ten times a second how busy the GPU is; `-` where there is none.
fn busy<T>(work: impl FnOnce() -> T) -> (T, String) {
    let arguments = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=100"];
    let watch = Command::new("nvidia-smi").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let done = work();
    let seen = watch.ok().map(|mut watch: Child| {
        watch.kill().unwrap();
        String::from_utf8_lossy(&watch.wait_with_output().unwrap().stdout).into_owned()
    });
    let shares: Vec<f64> =
        seen.iter().flat_map(|seen| seen.lines()).filter_map(|line| line.trim().parse().ok()).collect();
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    (done, if shares.is_empty() { "-".to_owned() } else { format!("{mean:.0} %") })
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
