//! The feed: reads the source in a thread of its own, deals blocks to workers, cuts epochs and asks for commits.
//!
//! An epoch is a few blocks a worker. At most `EPOCHS_AHEAD` epochs are under way: the feed waits until the commit operator
//! is through with older ones, which bounds memory whatever the input.

use super::decode::Work;
use super::epoch::{Epoch, Tick};
use super::plan::ReplayPlan;
use super::shared::{FlowError, Shared};
use crate::audit::time::Micros;
use crate::observe::health::Phase;
use crate::source::PartitionId;
use crate::source::files::{FileSource, Item};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Epochs that may be under way.
const EPOCHS_AHEAD: u64 = 3;

/// Blocks a worker gets in one epoch.
const BLOCKS_A_WORKER: usize = 2;

/// Name of all files together, as a source.
const FILES: &str = "files";

/// What a worker gets.
#[derive(Debug)]
pub enum Message {
    /// A block to decode, or a record that could not be read.
    Work(Work),
    /// The epoch is complete.
    Tick(Tick),
}

/// Reads everything, or until told to stop. Returns whether the input was read to its end.
pub fn feed(
    mut source: FileSource,
    workers: &[Sender<Message>],
    next_commit: u64,
    plan: &ReplayPlan,
    shared: &Arc<Shared>,
) -> Result<bool, FlowError> {
    let mut commit = next_commit;
    let mut committed_at = Instant::now();
    let mut bytes_since_commit = 0u64;
    let mut epoch: Epoch = 0;
    let mut read_any = false;
    let mut shown = 0;
    let health = &shared.progress.health;
    health.phase(Phase::Running);
    health.running(FILES);
    loop {
        if !wait_for_room(epoch, shared) {
            return Ok(false);
        }
        let mut ended: Vec<PartitionId> = Vec::new();
        let mut exhausted = false;
        let mut dealt = 0;
        while dealt < workers.len() * BLOCKS_A_WORKER {
            let Some(item) = source.next_item()? else {
                exhausted = true;
                break;
            };
            match item {
                Item::End(partition) => ended.push(partition),
                Item::Shrunk { partition, len, resume } => {
                    let name = source.partitions().get(partition.0 as usize).map(|p| p.file.path.display().to_string());
                    tracing::warn!(
                        file = name.unwrap_or_default(),
                        "the file has {len} bytes, but {} were read of it before: it was cut, and is left as it is",
                        resume.0
                    );
                }
                item => {
                    read_any = true;
                    let Some(work) = Work::of(item) else { continue };
                    bytes_since_commit += work.len();
                    if let Some(worker) = workers.get(dealt % workers.len())
                        && worker.send(Message::Work(work)).is_err()
                    {
                        return Ok(false);
                    }
                    dealt += 1;
                }
            }
        }
        if dealt > 0 {
            health.read(FILES, None);
        }
        let progress = source.progress();
        shared.progress.set_bytes_total(progress.total_bytes.unwrap_or(0));
        shared.progress.add(progress.read_bytes.saturating_sub(shown), 0);
        shown = progress.read_bytes;
        let stopped = plan.stop.load(Ordering::Relaxed);
        let last = exhausted || stopped;
        if last {
            health.done(FILES);
            health.phase(Phase::Draining);
        }
        let due = committed_at.elapsed() >= plan.commit_every || bytes_since_commit >= plan.commit_bytes;
        let commits = read_any && (due || last);
        let tick = Tick {
            floor: source.floor().unwrap_or(Micros::MAX),
            ended,
            commit: commits.then_some(commit),
            last,
            flush: exhausted && read_any,
            now_ms: 0,
            notes: Vec::new(),
        };
        for worker in workers {
            if worker.send(Message::Tick(tick.clone())).is_err() {
                return Ok(false);
            }
        }
        if commits {
            commit += 1;
            committed_at = Instant::now();
            bytes_since_commit = 0;
        }
        if last {
            return Ok(exhausted);
        }
        epoch += 1;
    }
}

/// Waits until few enough epochs are under way; false when the run has failed.
pub(super) fn wait_for_room(epoch: Epoch, shared: &Shared) -> bool {
    while epoch >= shared.epochs_done.load(Ordering::Acquire) + EPOCHS_AHEAD {
        if shared.failed() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    !shared.failed()
}
