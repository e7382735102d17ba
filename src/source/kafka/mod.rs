//! Topics of audit events, followed for months or read to their end.
//!
//! ```text
//!            ┌─ reader 0: partitions 0, 2, 4 … ─┐
//! brokers ──▶│                                  ├─ bounded channel ─▶ Arrival (Records, Notice, Note) ─▶ feed
//!            └─ reader 1: partitions 1, 3, 5 … ─┘
//!        └──▶ watch: topics, ids, ends ── tells readers what to read; says what is stalled in Health
//! ```
//!
//! What holds:
//! - Partitions are assigned, never subscribed to: no group decides what is read. Positions come from the manifest.
//! - No message is skipped in silence: an offset that is not there, a topic that was made anew, stall the partition.
//! - Only committed transactions are read. Control records, aborted ones and compaction leave gaps between offsets.
//! - Memory is bounded: a partition that must wait is not fetched, the channel is bounded, and so is what the feed takes.

mod admin;
mod client;
mod error;
mod reader;
mod records;
mod settings;
pub mod status;
mod token;
mod topic_id;
mod watch;

pub use client::Told;
pub use error::KafkaError;
pub use records::{Arrival, Notice, Record, Records, Says};
pub use settings::{OnLoss, Security, Settings, Start, Wanted, Whose};
pub use status::Health;
pub use token::{Endpoint, Tokens};

use super::PartitionId;
use super::catalog::{Catalog, SourceName};
use super::stream::StreamName;
use crate::audit::time::Micros;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use topic_id::TopicId;
use watch::{Known, Topic, Watch, Watched};

/// Batches that wait for the feed, a reader.
const BATCHES_AHEAD: usize = 4;

/// A partition that the manifest knows.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its number in this run.
    pub id: PartitionId,
    /// What it is called.
    pub name: SourceName,
    /// Offset it goes on at.
    pub resume: u64,
    /// Event time it had reached.
    pub newest: Micros,
}

/// Which partitions a process reads: partition p belongs to worker p mod workers, over all processes.
#[derive(Copy, Clone, Debug)]
pub struct Share {
    /// Number of this process.
    pub process: usize,
    /// Number of processes.
    pub processes: usize,
    /// Workers of each process, at least 1; each has a reader.
    pub workers: usize,
}

impl Share {
    /// Whether this process reads the partition with this number.
    pub fn has(&self, number: i32) -> bool {
        let worker = number.unsigned_abs() as usize % (self.workers * self.processes).max(1);
        worker / self.workers.max(1) == self.process
    }
}

/// Key of a partition in the manifest.
pub fn key_of(cluster: &str, topic: &str, number: i32) -> String {
    format!("{cluster}/kafka/{topic}/{number}")
}

/// The stream and the partition's number that a key in the manifest is of, if it is that of a partition of `topic`.
pub fn parse_key(key: &str, topic: &str) -> Option<(StreamName, i32)> {
    let (rest, number) = key.rsplit_once('/')?;
    let stream = rest.strip_suffix(topic)?.strip_suffix("/kafka/")?;
    Some((stream.into(), number.parse().ok()?))
}

/// Topics being read.
pub struct KafkaSource {
    arrivals: Receiver<Arrival>,
    admin: Arc<admin::Admin>,
    health: Arc<Health>,
    catalog: Arc<Catalog>,
    watched: Arc<Watched>,
    share: Share,
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Whether what was read is of the topics that it should be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is.
    Yes,
    /// No broker answers; what was read since the last answer cannot be told.
    CannotTell,
}

impl KafkaSource {
    /// Begins to read the partitions of this process. `saved` is what the manifest knows; each of it stands in `catalog`.
    ///
    /// # Errors
    /// When the settings make no sense. That no broker answers is no error: it is waited for.
    pub fn open(
        settings: &Settings,
        saved: &[Saved],
        catalog: Arc<Catalog>,
        health: Arc<Health>,
        share: Share,
    ) -> Result<KafkaSource, KafkaError> {
        let readers = share.workers.max(1);
        let admin = Arc::new(admin::Admin::new(settings, Arc::clone(&health))?);
        let closing = Arc::new(AtomicBool::new(false));
        let (to_feed, arrivals) = crossbeam_channel::bounded(readers * BATCHES_AHEAD);
        let mut source = KafkaSource {
            arrivals,
            admin: Arc::clone(&admin),
            health: Arc::clone(&health),
            catalog: Arc::clone(&catalog),
            watched: Arc::default(),
            share,
            closing: Arc::clone(&closing),
            threads: Vec::new(),
        };
        let mut orders = Vec::new();
        for number in 0..readers {
            let (to_reader, from_watch) = crossbeam_channel::unbounded();
            orders.push(to_reader);
            let arrivals = to_feed.clone();
            let reader =
                reader::Reader::new(settings, Arc::clone(&health), from_watch, arrivals, Arc::clone(&closing))?;
            source.spawn(format!("kafka-{number}"), move || reader.run())?;
        }
        let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
        for Saved { id, name, resume, newest } in saved {
            let topic = topics.entry(name.name.clone()).or_default();
            topic.id = topic.id.take().or_else(|| name.fingerprint.clone());
            topic.known.insert(name.number, Known { id: *id, resume: *resume, newest: *newest });
        }
        let watch = Watch {
            settings: settings.clone(),
            wanted: settings.wanted()?,
            admin,
            health,
            catalog,
            topics,
            readers: orders,
            arrivals: to_feed,
            closing,
            outcome: Arc::clone(&source.watched),
            share,
            held_up: false,
            told_begun: false,
        };
        source.spawn("kafka-watch".to_owned(), move || watch.run())?;
        Ok(source)
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), KafkaError> {
        let thread = std::thread::Builder::new().name(name).spawn(run).map_err(KafkaError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    /// What comes next, if anything comes within `wait`.
    ///
    /// # Errors
    /// When the source cannot go on.
    pub fn next(&self, wait: Duration) -> Result<Option<Arrival>, KafkaError> {
        if let Some(error) = self.watched.failure() {
            return Err(error);
        }
        match self.arrivals.recv_timeout(wait) {
            Ok(arrival) => Ok(Some(arrival)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(wait);
                self.watched.failure().map_or(Ok(None), Err)
            }
        }
    }

    /// Whether everything of a bounded run has been sent: what is in the channel then is the last of it.
    pub fn finished(&self) -> bool {
        self.watched.listed.load(Ordering::Acquire) && self.health.all_ended()
    }

    /// Asks whether the topics are still those that are meant to be read. To be asked before a commit: a topic that is deleted
    /// and made again goes on at our offset without any error, with other messages.
    ///
    /// # Errors
    /// [`KafkaError::Recreated`] when one is not.
    pub fn verify(&self) -> Result<Verified, KafkaError> {
        let mut topics: BTreeMap<String, String> = BTreeMap::new();
        // Nothing was read of those. What other processes read must be asked for here.
        let unread = |id, number| match self.health.doing(id) {
            None => self.share.has(number),
            Some(doing) => doing == status::Doing::Stalled(status::Stall::Recreated),
        };
        for (id, name) in self.catalog.all() {
            let unread = unread(id, name.number);
            if let Some(fingerprint) = name.fingerprint.filter(|_| !unread) {
                topics.insert(name.name, fingerprint);
            }
        }
        let names: Vec<String> = topics.keys().cloned().collect();
        if names.is_empty() {
            return Ok(Verified::Yes);
        }
        let Ok(ids) = self.admin.ids(&names) else { return Ok(Verified::CannotTell) };
        for (topic, wanted) in &topics {
            match ids.get(topic) {
                Some(TopicId::Is(id)) if id != wanted => return Err(KafkaError::Recreated { topic: topic.clone() }),
                // Where it is gone, nothing of another one can have come.
                Some(TopicId::Is(_) | TopicId::Absent) => {}
                Some(TopicId::Unknown(_)) | None => return Ok(Verified::CannotTell),
            }
        }
        Ok(Verified::Yes)
    }

    /// Tells the group how far everything is committed.
    pub fn tell_group(&self, offsets: &[(String, i32, u64)]) {
        self.admin.commit(offsets);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended the process already.
            let _ = thread.join();
        }
    }
}
