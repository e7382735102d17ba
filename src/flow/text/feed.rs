//! The feed: reads the files in a thread of its own, deals numbered blocks to workers, cuts epochs and asks for commits.
//!
//! At most `EPOCHS_AHEAD` epochs are under way: memory is bounded whatever the input.

use super::plan::TextPlan;
use crate::audit::time::Micros;
use crate::flow::FlowError;
use crate::flow::epoch::Tick;
use crate::flow::shared::Shared;
use crate::source::files::{FileSource, Item};
use crossbeam_channel::Sender;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Epochs that may be under way.
const EPOCHS_AHEAD: u64 = 3;
/// Blocks a worker gets in one epoch.
const BLOCKS_A_WORKER: usize = 2;

/// What a worker gets.
#[derive(Debug)]
pub enum Message {
    /// What the source gave, and its number in the order of the log.
    Work(u64, Item),
    /// The epoch is complete.
    Tick(Tick),
}

/// Reads everything, or until told to stop. Returns whether the input was read to its end.
pub fn feed(
    mut source: FileSource,
    workers: &[Sender<Message>],
    next_commit: u64,
    plan: &TextPlan,
    shared: &Shared,
) -> Result<bool, FlowError> {
    let mut commit = next_commit;
    let mut committed_at = Instant::now();
    let (mut bytes_since_commit, mut shown, mut epoch, mut number) = (0u64, 0, 0, 0u64);
    let mut read_any = false;
    loop {
        if !wait_for_room(epoch, shared) {
            return Ok(false);
        }
        let mut exhausted = false;
        for at in 0..workers.len() * BLOCKS_A_WORKER {
            let Some(item) = source.next_item()? else {
                exhausted = true;
                break;
            };
            if let Item::Shrunk { partition, len, resume } = &item {
                let file = source.partitions().get(partition.0 as usize).map(|p| p.file.path.display().to_string());
                tracing::warn!(
                    file = file.unwrap_or_default(),
                    "the file has {len} bytes, but {} were read of it before: it was cut, and is left as it is",
                    resume.0
                );
            }
            if item.end().is_none() {
                continue;
            }
            read_any = true;
            number += 1;
            if let Item::Block(block) = &item {
                bytes_since_commit += block.bytes.len() as u64;
            }
            let Some(worker) = workers.get(at % workers.len()) else { continue };
            if worker.send(Message::Work(number, item)).is_err() {
                return Ok(false);
            }
        }
        let progress = source.progress();
        shared.progress.set_bytes_total(progress.total_bytes.unwrap_or(0));
        shared.progress.add(progress.read_bytes.saturating_sub(shown), 0);
        shown = progress.read_bytes;
        let last = exhausted || plan.stop.load(Ordering::Relaxed);
        let due = committed_at.elapsed() >= plan.commit_every || bytes_since_commit >= plan.commit_bytes;
        let commits = read_any && (due || last);
        let tick = Tick {
            floor: Micros::MAX,
            ended: Vec::new(),
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
fn wait_for_room(epoch: u64, shared: &Shared) -> bool {
    while epoch >= shared.epochs_done.load(Ordering::Acquire) + EPOCHS_AHEAD {
        if shared.failed() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    !shared.failed()
}
