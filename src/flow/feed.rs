//! The feed of files: reads the source in a thread of its own, deals blocks to workers, cuts epochs and asks for commits.
//!
//! An epoch is a few blocks a worker.

use super::deal::Dealer;
use super::drive::{Workers, tell_all, wait_for_room};
use super::epoch::{Epoch, Tick};
use super::mailbox::Message;
use super::shared::{FlowError, Shared};
use crate::audit::time::Micros;
use crate::observe::health::Phase;
use crate::source::PartitionId;
use crate::source::files::{FileSource, Item, SourceError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Blocks a worker gets in one epoch.
const BLOCKS_A_WORKER: usize = 4;

/// Name of all files together, as a source.
const FILES: &str = "files";

/// When to commit, and when to end.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Number of the first commit.
    pub next_commit: u64,
    /// Time between commits.
    pub commit_every: Duration,
    /// Input between commits.
    pub commit_bytes: u64,
    /// Worker 0 owns streams of events, beside what all workers do.
    pub owner_busy: bool,
    /// Set to stop reading, commit what was read, and end.
    pub stop: Arc<AtomicBool>,
}

/// Reads everything, or until told to stop. `deal` makes what a worker is to do of what the source gives, in the order of the
/// source; nothing of an item that only tells of the source. Returns whether the input was read to its end.
///
/// # Errors
/// When the source cannot be read.
pub fn feed<W>(
    mut source: FileSource,
    workers: &Workers<W>,
    pace: &Pace,
    shared: &Shared,
    mut deal: impl FnMut(Item) -> Option<W>,
) -> Result<bool, FlowError> {
    let mut commit = pace.next_commit;
    let mut committed_at = Instant::now();
    let mut bytes_since_commit = 0u64;
    let mut epoch: Epoch = 0;
    let mut read_any = false;
    let (mut shown, mut passed) = (0, 0);
    let mut dealer = Dealer::new(workers.len(), pace.owner_busy);
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
            let item = match source.next_item() {
                Ok(Some(item)) => item,
                Ok(None) => {
                    exhausted = true;
                    break;
                }
                Err(SourceError::Stopped) => break,
                Err(error) => return Err(error.into()),
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
                    bytes_since_commit += item.bytes();
                    let Some(work) = deal(item) else { continue };
                    if let Some(worker) = workers.get(dealer.turn())
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
        shared.progress.pass(progress.passed_bytes.saturating_sub(passed));
        (shown, passed) = (progress.read_bytes, progress.passed_bytes);
        let last = exhausted || pace.stop.load(Ordering::Relaxed);
        if last {
            health.done(FILES);
            health.phase(Phase::Draining);
        }
        let due = committed_at.elapsed() >= pace.commit_every || bytes_since_commit >= pace.commit_bytes;
        let commits = read_any && (due || last);
        let tick = Tick {
            floor: source.floor().unwrap_or(Micros::MAX),
            ended,
            last,
            flush: exhausted && read_any,
            ..Tick::committing(commits.then_some(commit))
        };
        if !tell_all(workers, &tick) {
            return Ok(false);
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
