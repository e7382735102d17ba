//! The watch: a thread that looks at topics and partitions each second, and tells readers what to read.
//!
//! ```text
//! each second: topics, their ids, the ends of partitions
//!    new partition ─▶ Read          topic gone, no broker ─▶ stalled, goes on when it is back
//!    topic made anew ─▶ the run is ended: what was read since the last commit may be of the wrong topic
//!    offset not in the log ─▶ stalled, or behind the gap where the configuration says so
//! ```
//! Invariant: a partition is never read from an offset that is neither its start position nor what the manifest says, but for a
//! loss that was accepted and noted.

use super::admin::{Admin, Topics};
use super::reader::{Assignment, Order, send};
use super::records::{Arrival, Notice, Says};
use super::settings::{Settings, Start, Wanted};
use super::status::{Doing, Health, PartitionStatus, Stall};
use super::topic_id::TopicId;
use super::{KafkaError, OnLoss, Share};
use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::source::catalog::Catalog;
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a bounded run waits for a broker.
const BOUNDED_PATIENCE: Duration = Duration::from_secs(30);
/// Time between two tries to read a partition that was refused.
const RETRY_EVERY: Duration = Duration::from_secs(10);

/// A partition that the manifest knows.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its number in this run.
    pub id: PartitionId,
    /// Where it goes on.
    pub resume: u64,
    /// Time it had reached.
    pub newest: Micros,
}

/// A topic that is read.
#[derive(Debug, Default)]
pub struct Topic {
    /// Its id; `None` where it is not known yet.
    pub id: Option<String>,
    /// Partitions that the manifest knows.
    pub known: BTreeMap<i32, Known>,
    /// Partitions that are read.
    reading: BTreeMap<i32, PartitionId>,
}

/// The state of the watch.
pub struct Watch {
    pub(super) settings: Settings,
    pub(super) wanted: Wanted,
    pub(super) admin: Arc<Admin>,
    pub(super) health: Arc<Health>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) readers: Vec<Sender<Order>>,
    pub(super) arrivals: Sender<Arrival>,
    pub(super) closing: Arc<AtomicBool>,
    pub(super) outcome: Arc<Watched>,
    /// Which partitions are read here.
    pub(super) share: Share,
    /// It was said that everything that was there at the start is begun.
    pub(super) told_begun: bool,
    /// Nothing is read yet, for want of an answer about some partition: asked again soon.
    pub(super) held_up: bool,
}

/// When it is asked again then.
const ASK_AGAIN_SOON: Duration = Duration::from_millis(500);

/// What the watch has found out, for the feed.
#[derive(Debug, Default)]
pub struct Watched {
    /// All partitions are listed, once.
    pub listed: AtomicBool,
    failure: Mutex<Option<KafkaError>>,
}

impl Watched {
    /// Why the source cannot go on.
    pub fn failure(&self) -> Option<KafkaError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: KafkaError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Partitions that are not read yet.
#[derive(Default)]
struct Fresh {
    found: Vec<FreshPartition>,
    /// Of some the broker did not tell where they begin and end,
    failed: bool,
    /// and of these some were never read.
    unknown_failed: bool,
}

/// One of them.
struct FreshPartition {
    topic: String,
    number: i32,
    known: Option<Known>,
    from: u64,
    /// Offset behind its last message.
    high: u64,
}

impl Watch {
    /// Watches until told to close.
    pub fn run(mut self) {
        let begun = Instant::now();
        while !self.closing.load(Ordering::Relaxed) {
            let round = Instant::now();
            match self.round() {
                Ok(()) => {}
                Err(Trouble::Fatal(error)) => return self.outcome.fail(error),
                Err(Trouble::Wait(words)) => {
                    tracing::debug!(words, "the cluster does not answer");
                    if self.settings.until_end && begun.elapsed() > BOUNDED_PATIENCE && !self.listed() {
                        let brokers = self.settings.brokers.clone();
                        let words = self.health.unreachable().unwrap_or(words);
                        return self.outcome.fail(KafkaError::Unreachable { brokers, words });
                    }
                    self.unreachable();
                }
            }
            self.admin.serve();
            let pause = if self.held_up { ASK_AGAIN_SOON } else { self.settings.watch_every };
            while round.elapsed() < pause && !self.closing.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn listed(&self) -> bool {
        self.outcome.listed.load(Ordering::Acquire)
    }

    fn round(&mut self) -> Result<(), Trouble> {
        let found = self.admin.topics().map_err(Trouble::Wait)?;
        self.health.topics(found.len());
        if self.settings.until_end
            && !self.listed()
            && let Some(topic) = self.admin.absent(&found).next()
        {
            return Err(KafkaError::NoTopic { topic: topic.clone(), brokers: self.settings.brokers.clone() }.into());
        }
        let names: Vec<String> = found.keys().cloned().collect();
        let ids = self.admin.ids(&names).map_err(Trouble::Wait)?;
        self.lost_topics(&found);
        let mut complete = self.admin.absent(&found).next().is_none();
        let mut fresh = Fresh::default();
        for (name, numbers) in &found {
            let Some(TopicId::Is(id)) = ids.get(name) else { continue };
            if self.is_another(name, id)? {
                continue;
            }
            self.new_partitions(name, numbers, &mut fresh);
        }
        complete &= !fresh.failed;
        // One that begins after others have been read finds the watermark ahead of it. So at the start none is read before all
        // hold it: those that were read before do so already.
        self.held_up = !self.listed() && fresh.unknown_failed;
        if !self.held_up {
            self.begin(fresh.found);
        }
        if complete && !self.listed() {
            self.outcome.listed.store(true, Ordering::Release);
        }
        self.ends();
        Ok(())
    }

    /// Topics that were there and are not.
    fn lost_topics(&mut self, found: &Topics) {
        for (name, topic) in &self.topics {
            if found.contains_key(name) {
                continue;
            }
            let unread = |number: i32| !topic.reading.contains_key(&number) && self.share.has(number);
            for (number, known) in topic.known.iter().filter(|(number, _)| unread(**number)) {
                if self.health.doing(known.id).is_none() {
                    self.health.add(known.id, (name, *number), self.wanted.in_step(name), known.resume, known.newest);
                    self.health.set(known.id, Doing::Stalled(Stall::Gone));
                }
            }
            for (number, id) in &topic.reading {
                if self.health.doing(*id) != Some(Doing::Stalled(Stall::Gone)) {
                    self.order(*number, Order::Leave(*id));
                    self.health.set(*id, Doing::Stalled(Stall::Gone));
                }
            }
        }
    }

    /// Whether a topic is not the one that was read before.
    fn is_another(&mut self, name: &str, id: &str) -> Result<bool, Trouble> {
        let topic = self.topics.entry(name.to_owned()).or_default();
        match &topic.id {
            None => {
                topic.id = Some(id.to_owned());
                Ok(false)
            }
            Some(known) if known == id => Ok(false),
            // Something of it may have been read as if it were the old one.
            Some(_) if !topic.reading.is_empty() || self.admin.on_loss == OnLoss::Skip => {
                Err(KafkaError::Recreated { topic: name.to_owned() }.into())
            }
            Some(_) => {
                for (number, known) in &topic.known {
                    if self.health.doing(known.id).is_none() {
                        self.health.add(
                            known.id,
                            (name, *number),
                            self.wanted.in_step(name),
                            known.resume,
                            known.newest,
                        );
                    }
                    self.health.set(known.id, Doing::Stalled(Stall::Recreated));
                }
                Ok(true)
            }
        }
    }

    /// Finds the partitions of a topic that are not read yet.
    fn new_partitions(&self, name: &str, numbers: &[i32], fresh: &mut Fresh) {
        let listed = self.listed();
        if listed && self.settings.until_end {
            return;
        }
        let Some(topic) = self.topics.get(name) else { return };
        for number in numbers {
            if topic.reading.contains_key(number) || !self.share.has(*number) {
                continue;
            }
            // What appears while we run is new: all of it is read.
            let start = if listed { Start::Earliest } else { self.settings.start };
            let known = topic.known.get(number).cloned();
            let ends = self.admin.ends(name, *number);
            let from = match &known {
                Some(known) => Ok(known.resume),
                None => self.admin.begin(name, *number, start),
            };
            match (ends, from) {
                (Ok((_, high)), Ok(from)) => {
                    fresh.found.push(FreshPartition { topic: name.to_owned(), number: *number, known, from, high });
                }
                _ => {
                    fresh.failed = true;
                    fresh.unknown_failed |= known.is_none();
                }
            }
        }
    }

    /// Begins to read partitions: first all of them hold the watermark, then the first one is read.
    fn begin(&mut self, fresh: Vec<FreshPartition>) {
        let mut begun = Vec::new();
        for FreshPartition { topic: name, number, known, from, high } in fresh {
            let topic = self.topics.entry(name.clone()).or_default();
            let topic_id = topic.id.clone();
            let id = match &known {
                Some(known) => known.id,
                None => self.catalog.add(self.wanted.name_of(&name, number, topic_id.clone())),
            };
            self.catalog.identify(id, topic_id);
            topic.reading.insert(number, id);
            let newest = known.map_or(Micros::MIN, |known| known.newest);
            self.health.add(id, (&name, number), self.wanted.in_step(&name), from, newest);
            self.health.ends(id, high);
            tracing::info!(topic = name, partition = number, from, "is read");
            self.notice(id, from, Says::Begins);
            let end = self.settings.until_end.then_some(high);
            begun.push(Assignment { id, topic: name, number, from, exact: false, end });
        }
        if !std::mem::replace(&mut self.told_begun, true) {
            send(&self.arrivals, Arrival::Begun, &self.closing);
        }
        for what in begun {
            if what.end.is_some_and(|end| what.from == end) {
                // Nothing would ever be fetched of it, so no position would tell.
                self.notice(what.id, what.from, Says::Ended);
                self.health.set(what.id, Doing::Ended);
            } else {
                self.order(what.number, Order::Read(what));
            }
        }
    }

    fn notice(&self, partition: PartitionId, position: u64, says: Says) {
        send(&self.arrivals, Arrival::Notice(Notice { partition, position, says }), &self.closing);
    }

    fn order(&self, number: i32, order: Order) {
        let reader = number.unsigned_abs() as usize % self.readers.len().max(1);
        // A reader that is gone has ended with the run.
        let _ = self.readers.get(reader).map(|reader| reader.send(order));
    }

    /// Looks at the end of each partition: how far behind it is, whether it is at its end, whether it can go on.
    fn ends(&self) {
        for (id, status) in self.health.partitions() {
            if matches!(status.doing, Doing::Ended | Doing::Stalled(Stall::Gone | Stall::Recreated)) {
                self.back(id, &status);
                continue;
            }
            let Ok((low, high)) = self.admin.ends(&status.topic, status.number) else {
                if !matches!(status.doing, Doing::Stalled(_)) {
                    self.health.set_as_seen(id, &status, Doing::Stalled(Stall::Unreachable));
                }
                continue;
            };
            self.health.ends(id, high);
            match &status.doing {
                Doing::Stalled(Stall::Unreachable) => self.health.set_as_seen(id, &status, Doing::Reading),
                Doing::Stalled(Stall::OutOfRange) => self.out_of_range(id, &status, low, high),
                Doing::Stalled(_) if status.since.elapsed() >= RETRY_EVERY => {
                    self.again(id, &status, status.position, false)
                }
                Doing::Stalled(_) => continue,
                Doing::Reading | Doing::Idle | Doing::Ended => {}
            }
            if status.position >= high {
                let notice = Notice { partition: id, position: status.position, says: Says::AtEnd };
                // Where the feed has no room, there is something to do before this matters.
                let _ = self.arrivals.try_send(Arrival::Notice(notice));
                self.health.idle(id, self.settings.idle_after);
            }
        }
    }

    /// Reads a topic on that was gone, once it is there again. That it is the same topic was looked at before.
    fn back(&self, id: PartitionId, status: &PartitionStatus) {
        let begun = self.topics.get(&status.topic).is_some_and(|topic| topic.reading.contains_key(&status.number));
        if begun && status.doing == Doing::Stalled(Stall::Gone) && self.admin.ends(&status.topic, status.number).is_ok()
        {
            self.again(id, status, status.position, false);
        }
    }

    fn out_of_range(&self, id: PartitionId, status: &PartitionStatus, low: u64, high: u64) {
        let at = status.position;
        if (low..=high).contains(&at) {
            return self.again(id, status, at, false);
        }
        if self.admin.on_loss == OnLoss::Hold {
            return;
        }
        let from = if at < low { low } else { high };
        let note = format!(
            "messages of {}/{} between offsets {at} and {from} were lost: they were not in the topic any more",
            status.topic, status.number
        );
        tracing::error!("{note}");
        send(&self.arrivals, Arrival::Note(note), &self.closing);
        self.again(id, status, from, true);
    }

    fn again(&self, id: PartitionId, status: &PartitionStatus, from: u64, exact: bool) {
        self.health.set(id, Doing::Reading);
        self.health.read(id, from, None);
        let end = if self.settings.until_end { status.end } else { None };
        let what = Assignment { id, topic: status.topic.clone(), number: status.number, from, exact, end };
        self.order(status.number, Order::Read(what));
    }

    fn unreachable(&self) {
        for (id, status) in self.health.partitions() {
            if matches!(status.doing, Doing::Reading | Doing::Idle) {
                self.health.set_as_seen(id, &status, Doing::Stalled(Stall::Unreachable));
            }
        }
    }
}

/// Why a round did not come to its end.
enum Trouble {
    /// The cluster does not answer; in the client's words.
    Wait(String),
    /// Waiting does not help.
    Fatal(KafkaError),
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Trouble {
        Trouble::Fatal(error)
    }
}
