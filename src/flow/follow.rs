//! The feed for topics: takes what the readers give, deals it to workers, cuts epochs and asks for commits, until told to stop.
//!
//! ```text
//! readers ─▶ channel ─▶ follow ─┬─ messages of partition p ─▶ worker p mod workers
//!                               └─ Tick: clock, notes, commit when due ─▶ all workers of this process
//! ```
//! An epoch ends when enough has come, or some time after the one before. As in a replay at most a few epochs are under way: while
//! the commit is behind, nothing is taken from the channel, the readers wait, and librdkafka stops fetching.
//! Before each commit the topics are asked whether they are still the same; if they are not, nothing is committed.
//!
//! Of several processes each cuts its own epochs; an epoch is complete when it is so in all of them. Process 0 says in its ticks where
//! commits are; the others' ticks only end epochs. In epoch 0 partitions are named and nothing is read: before that no process knows
//! what holds the watermark.

mod lead;
mod second;

use super::drive::{Workers, tell_all};
use super::epoch::{Epoch, Tick};
use super::mailbox::Message;
use super::processes::words::{Peers, Standing};
use super::report::Reporter;
use super::run::RunPlan;
use super::shared::{FlowError, Shared};
use super::work::Work;
use crate::observe::health::Phase;
use crate::source::catalog::Catalog;
use crate::source::kafka::{Arrival, KafkaSource};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Longest time from one epoch to the next.
const EPOCH: Duration = Duration::from_millis(100);

/// The same among several processes, where each waits for the epochs of all others.
const SHARED_EPOCH: Duration = Duration::from_millis(20);

/// Messages of one epoch, in bytes a worker.
const BYTES_A_WORKER: u64 = 2 << 20;

/// What the feed of a process works with.
#[derive(Copy, Clone)]
pub struct Feed<'a> {
    /// Where messages come from.
    pub source: &'a KafkaSource,
    /// The workers of this process.
    pub workers: &'a Workers<Work>,
    /// What is to be done.
    pub plan: &'a RunPlan,
    /// What partitions are called.
    pub catalog: &'a Catalog,
    /// Shared with the workers.
    pub shared: &'a Arc<Shared>,
}

impl Feed<'_> {
    /// Feeds until told to stop, or until everything of a bounded run is read. `next_commit` is the number of the first commit,
    /// and `open` says that the last one has something that the end of a bounded run is to close. Returns whether everything was
    /// read to its end.
    ///
    /// # Errors
    /// When the source cannot go on, or a topic is not the one it was.
    pub fn run(self, next_commit: u64, open: bool) -> Result<bool, FlowError> {
        let health = &self.shared.progress.health;
        let reporter = Reporter::new(Arc::clone(&self.plan.health), Arc::clone(health));
        health.phase(Phase::Running);
        let (peers, notes) = (self.shared.peers.as_deref(), Vec::new());
        let mut following = Following { feed: self, peers, reporter, epoch: 0, read: (0, 0), notes, drained: None };
        match peers {
            None => following.lead(next_commit, open),
            Some(_) if !following.begin()? => Ok(false),
            Some(peers) if peers.leads() => following.lead(next_commit, open),
            Some(peers) => following.second(peers),
        }
    }
}

/// The state of a feed.
struct Following<'a> {
    feed: Feed<'a>,
    /// The other processes, where there are any.
    peers: Option<&'a Peers>,
    reporter: Reporter,
    epoch: Epoch,
    /// Messages read in this run, and their bytes.
    read: (u64, u64),
    /// What the manifest is to tell.
    notes: Vec<String>,
    /// All of this process's part of a bounded run was dealt by the end of this epoch.
    drained: Option<Epoch>,
}

impl Following<'_> {
    /// Deals what comes until the epoch is full or over; false when the run has failed.
    fn gather(&mut self) -> Result<bool, FlowError> {
        let Feed { source, plan, shared, .. } = self.feed;
        self.tell_group();
        self.reporter.tell();
        let room = BYTES_A_WORKER * self.feed.workers.len() as u64;
        let before = self.read.1;
        let epoch = if self.peers.is_some() { SHARED_EPOCH } else { EPOCH };
        let deadline = Instant::now() + epoch;
        // Asked first: then what is in the channel is all there is.
        let finished = plan.source.until_end && source.finished();
        while self.read.1 - before < room && !self.told_to_stop() {
            let wait = if finished { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            match source.next(wait)? {
                None => {
                    if finished {
                        self.drained.get_or_insert(self.epoch);
                    }
                    break;
                }
                Some(arrival) => {
                    if !self.take(arrival) {
                        return Ok(false);
                    }
                }
            }
        }
        if self.peers.is_some() && (self.drained.is_some() || self.told_to_stop()) {
            // Nothing is to be read; the others are waited for.
            std::thread::sleep(SHARED_EPOCH);
        }
        shared.progress.add(self.read.1 - before, 0);
        if self.told_to_stop() {
            shared.progress.health.phase(Phase::Draining);
        }
        Ok(true)
    }

    /// Deals what has arrived; false when the run has failed.
    fn take(&mut self, arrival: Arrival) -> bool {
        let work = match arrival {
            Arrival::Begun => return true,
            Arrival::Note(note) => {
                self.notes.push(note);
                return true;
            }
            Arrival::Notice(notice) => Work::Notice(notice),
            Arrival::Records(records) => Work::Messages(Arc::new(records)),
        };
        let name = self.feed.catalog.get(work.partition()).unwrap_or_default();
        if let Work::Messages(records) = &work {
            let messages = records.count() as u64;
            self.read.0 += messages;
            self.reporter.read(records.partition, &name.name, name.number, messages);
        }
        self.read.1 += work.len();
        let workers = self.feed.workers;
        let worker = workers.get(name.number.unsigned_abs() as usize % workers.len().max(1));
        worker.is_none_or(|worker| worker.send(Message::Work(work)).is_ok())
    }

    /// Ends the epoch; false when the run has failed.
    fn tick(&mut self, tick: &Tick) -> bool {
        self.epoch += 1;
        tell_all(self.feed.workers, tick)
    }

    fn told_to_stop(&self) -> bool {
        self.feed.plan.dataflow.stop.load(Ordering::Relaxed)
    }

    /// Tells the other processes where this one stands, and learns how far their partitions are.
    fn stand(&self, peers: &Peers, commit: u64) {
        let newest = self.feed.plan.health.least_newest_here(peers.others_newest());
        let (rows, bytes) = self.read;
        peers.stand(Standing { rows, bytes, newest, stopping: self.told_to_stop(), drained: self.drained, commit });
    }

    /// After a commit the group learns where we would go on, so that lag monitors see it.
    fn tell_group(&self) {
        let Some(offsets) = self.feed.shared.take_resumes_at() else { return };
        let named = offsets.into_iter().filter_map(|(id, at)| {
            let name = self.feed.catalog.get(id)?;
            Some((name.name, name.number, at))
        });
        self.feed.source.tell_group(&named.collect::<Vec<_>>());
    }
}
