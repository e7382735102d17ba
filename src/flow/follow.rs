//! The feed for topics: takes what the readers give, deals it to workers, cuts epochs and asks for commits, until told to stop.
//!
//! ```text
//! readers ─▶ channel ─▶ follow ─┬─ messages of partition p ─▶ worker p mod workers
//!                               └─ Tick: clock, notes, commit when due ─▶ all workers
//! ```
//! An epoch ends when enough has come, or `EPOCH` after the one before. As in a replay at most a few epochs are under way: while
//! the commit is behind, nothing is taken from the channel, the readers wait, and librdkafka stops fetching.
//! Before each commit the topics are asked whether they are still the same; if they are not, nothing is committed.

use super::drive::{Message, Workers, tell_all, wait_for_room};
use super::epoch::{Epoch, Tick};
use super::report::Reporter;
use super::run::RunPlan;
use super::shared::{FlowError, Shared};
use super::work::Work;
use crate::observe::health::Phase;
use crate::source::catalog::Catalog;
use crate::source::kafka::{Arrival, KafkaSource, Verified};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Longest time from one epoch to the next.
const EPOCH: Duration = Duration::from_millis(100);

/// Messages of one epoch, in bytes a worker.
const BYTES_A_WORKER: u64 = 2 << 20;

/// Time between two tries of a commit for which no broker could be asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What has been fed since the last commit, and when it is to be committed.
struct Due {
    since: Instant,
    bytes: u64,
    rows: u64,
    released: u64,
    asked: Option<Instant>,
}

impl Due {
    fn begin(released: u64) -> Due {
        Due { since: Instant::now(), bytes: 0, rows: 0, released, asked: None }
    }

    /// Whether anything was read or settled that no commit holds.
    fn anything(&self, shared: &Shared) -> bool {
        self.rows > 0 || shared.released.load(Ordering::Relaxed) != self.released
    }

    fn is_now(&self, plan: &RunPlan, shared: &Shared) -> bool {
        let full = self.bytes >= plan.dataflow.commit_bytes || self.rows >= plan.commit_rows;
        let due = full || self.since.elapsed() >= plan.dataflow.commit_every;
        due && self.anything(shared) && self.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN)
    }
}

/// Feeds until told to stop, or until everything of a bounded run is read. Returns whether it was read to its end.
///
/// # Errors
/// When the source cannot go on, or a topic is not the one it was.
pub fn follow(
    source: &KafkaSource,
    workers: &Workers<Work>,
    next_commit: u64,
    plan: &RunPlan,
    catalog: &Catalog,
    shared: &Arc<Shared>,
) -> Result<bool, FlowError> {
    let begun = Instant::now();
    let mut commit = next_commit;
    let mut due = Due::begin(0);
    let mut epoch: Epoch = 0;
    let health = &shared.progress.health;
    let mut reporter = Reporter::new(Arc::clone(&plan.health), Arc::clone(health));
    health.phase(Phase::Running);
    let room = BYTES_A_WORKER * workers.len() as u64;
    loop {
        if !wait_for_room(epoch, shared) {
            return Ok(false);
        }
        tell_group(source, catalog, shared);
        reporter.tell();
        // Asked first: then what is in the channel is all there is.
        let finished = plan.source.until_end && source.finished();
        let (mut dealt, mut drained, mut notes) = (0, false, Vec::new());
        let deadline = Instant::now() + EPOCH;
        while dealt < room && !plan.dataflow.stop.load(Ordering::Relaxed) {
            let wait = if finished { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            let mut messages = 0;
            let work = match source.next(wait)? {
                None => {
                    drained = finished;
                    break;
                }
                Some(Arrival::Note(note)) => {
                    notes.push(note);
                    continue;
                }
                Some(Arrival::Notice(notice)) => Work::Notice(notice),
                Some(Arrival::Records(records)) => {
                    messages = records.count() as u64;
                    due.rows += messages;
                    Work::Messages(Arc::new(records))
                }
            };
            dealt += work.len();
            let (id, name) = (work.partition(), catalog.get(work.partition()).unwrap_or_default());
            if messages > 0 {
                reporter.read(id, &name.name, name.number, messages);
            }
            let number = name.number.unsigned_abs() as usize;
            if let Some(worker) = workers.get(number % workers.len().max(1))
                && worker.send(Message::Work(work)).is_err()
            {
                return Ok(false);
            }
        }
        due.bytes += dealt;
        shared.progress.add(dealt, 0);
        if plan.dataflow.stop.load(Ordering::Relaxed) {
            health.phase(Phase::Draining);
        }
        let last = drained || plan.dataflow.stop.load(Ordering::Relaxed);
        // At the end of a bounded run even what was read before is told, if there ever was anything.
        let told = drained && (commit > 1 || due.rows > 0);
        let mut commits = told || (last && due.anything(shared)) || due.is_now(plan, shared);
        if commits && source.verify()? == Verified::CannotTell {
            due.asked = Some(Instant::now());
            commits = false;
            if last {
                tracing::warn!(
                    "no broker answers, so what was read since the last commit is not committed; it is read again"
                );
            }
        }
        let tick = Tick {
            last,
            flush: commits && drained,
            now_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            notes,
            ..Tick::committing(commits.then_some(commit))
        };
        if !tell_all(workers, &tick) {
            return Ok(false);
        }
        if commits {
            commit += 1;
            due = Due::begin(shared.released.load(Ordering::Relaxed));
        }
        if last {
            return Ok(drained);
        }
        epoch += 1;
    }
}

/// After a commit the group learns where we would go on, so that lag monitors see it.
fn tell_group(source: &KafkaSource, catalog: &Catalog, shared: &Shared) {
    let Some(offsets) = shared.take_resumes_at() else { return };
    let named = offsets.into_iter().filter_map(|(id, at)| catalog.get(id).map(|name| (name.name, name.number, at)));
    source.tell_group(&named.collect::<Vec<_>>());
}
