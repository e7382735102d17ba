//! How each partition is, for whoever asks: the log, `/readyz`, metrics, and the readers themselves.
//!
//! ```text
//! readers ─ position, newest event ─▶┐
//! watch   ─ ends, stalls, idleness ─▶├─ Health ─▶ one PartitionStatus each, which topics lack, whether brokers answer
//! clients ─ errors of brokers ──────▶┘
//! ```
//! A partition is stalled when it is not read although there may be something to read; the reason is a sentence for an operator.

use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::source::stream::StreamName;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a partition is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stall {
    /// No broker answers.
    Unreachable,
    /// The topic is not there.
    Gone,
    /// The topic was deleted and made again: its offsets mean other messages now.
    Recreated,
    /// The next offset is not in the log any more, or not yet.
    OutOfRange,
    /// The broker or the client refuses; its own words.
    Refused(String),
}

impl Stall {
    /// One word, for a label.
    pub fn code(&self) -> &'static str {
        match self {
            Stall::Unreachable => "unreachable",
            Stall::Gone => "topic_gone",
            Stall::Recreated => "topic_recreated",
            Stall::OutOfRange => "out_of_range",
            Stall::Refused(_) => "refused",
        }
    }
}

impl std::fmt::Display for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stall::Unreachable => f.write_str("no broker answers; reading goes on when one does"),
            Stall::Gone => f.write_str("the topic is not there; reading goes on if it comes back with its messages"),
            Stall::Recreated => f.write_str(
                "the topic was deleted and made again; set kafka.on_loss = \"skip\" to read the new one from its start",
            ),
            Stall::OutOfRange => f.write_str(
                "the next message is not in the topic any more; set kafka.on_loss = \"skip\" to go on behind the gap",
            ),
            Stall::Refused(words) => write!(f, "{words}"),
        }
    }
}

/// What a partition does.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Doing {
    /// It is read.
    #[default]
    Reading,
    /// Nothing has come for `stream.idle_after`: it does not hold the watermark.
    Idle,
    /// Read to where it was to be read.
    Ended,
    /// Not read, although it should be.
    Stalled(Stall),
}

/// One partition.
#[derive(Clone, Debug)]
pub struct PartitionStatus {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub number: i32,
    /// It is read in step with the partitions that have the same here.
    pub in_step: StreamName,
    /// What it does.
    pub doing: Doing,
    /// Where it is read from next.
    pub position: u64,
    /// End of the partition when last asked: the last stable offset.
    pub end: Option<u64>,
    /// Time of about the newest event read; [`Micros::MIN`] before the first.
    pub newest: Micros,
    /// When it last gave a message.
    pub gave_at: Instant,
    /// When its state last changed.
    pub since: Instant,
}

impl PartitionStatus {
    /// Messages that wait in the topic.
    pub fn lag(&self) -> Option<u64> {
        Some(self.end?.saturating_sub(self.position))
    }
}

/// How the partitions are. Shared by the threads of a source.
#[derive(Debug, Default)]
pub struct Health {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    partitions: BTreeMap<PartitionId, PartitionStatus>,
    unreachable: Option<String>,
    /// No topic is there; unknown before a broker has told.
    no_topic: bool,
    /// Time of the partition that is furthest behind among those of other processes that hold the watermark and are read in step.
    others: BTreeMap<StreamName, Micros>,
}

impl Inner {
    fn holding(&self) -> impl Iterator<Item = &PartitionStatus> {
        self.partitions.values().filter(|p| !matches!(p.doing, Doing::Idle | Doing::Ended))
    }
}

/// The least time of each.
pub fn least(times: impl IntoIterator<Item = (StreamName, Micros)>) -> BTreeMap<StreamName, Micros> {
    let mut least = BTreeMap::new();
    for (stream, time) in times {
        let known = least.entry(stream).or_insert(time);
        *known = time.min(*known);
    }
    least
}

impl Health {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition that is to be read from `position`; `newest` is the time it had reached in an earlier run.
    pub fn add(
        &self,
        id: PartitionId,
        (topic, number): (&str, i32),
        in_step: StreamName,
        position: u64,
        newest: Micros,
    ) {
        let now = Instant::now();
        let status = PartitionStatus {
            topic: topic.to_owned(),
            number,
            in_step,
            doing: Doing::Reading,
            position,
            end: None,
            newest,
            gave_at: now,
            since: now,
        };
        self.inner().partitions.insert(id, status);
    }

    /// The partition was read up to `position`; `newest` where messages came.
    pub fn read(&self, id: PartitionId, position: u64, newest: Option<Micros>) {
        if let Some(status) = self.inner().partitions.get_mut(&id) {
            status.position = position;
            if let Some(newest) = newest {
                status.newest = newest;
                status.gave_at = Instant::now();
                if status.doing == Doing::Idle {
                    status.doing = Doing::Reading;
                }
            }
        }
    }

    /// The partition's end was looked at.
    pub fn ends(&self, id: PartitionId, end: u64) {
        if let Some(status) = self.inner().partitions.get_mut(&id) {
            status.end = Some(end);
        }
    }

    /// What the partition does now. Says so in the log where that changes.
    pub fn set(&self, id: PartitionId, doing: Doing) {
        self.change(id, None, doing);
    }

    /// The same, unless the partition's state has changed since it was `seen`: asking a broker takes time, in which a reader may
    /// have left the partition. Were that overwritten, everybody would believe it to be read and nobody would read it.
    pub fn set_as_seen(&self, id: PartitionId, seen: &PartitionStatus, doing: Doing) {
        self.change(id, Some(seen.since), doing);
    }

    fn change(&self, id: PartitionId, seen: Option<Instant>, doing: Doing) {
        let mut inner = self.inner();
        let Some(status) = inner.partitions.get_mut(&id) else { return };
        if status.doing == doing || status.doing == Doing::Ended || seen.is_some_and(|seen| seen != status.since) {
            return;
        }
        let (topic, partition, position) = (&status.topic, status.number, status.position);
        match (&status.doing, &doing) {
            // Told with all other changes by whoever watches: waiting is enough.
            (_, Doing::Stalled(Stall::Unreachable | Stall::Gone)) => {}
            (_, Doing::Stalled(stall)) => {
                tracing::error!(topic, partition, position, reason = stall.code(), "stalled: {stall}");
            }
            (_, Doing::Idle) => tracing::info!(topic, partition, position, "idle: it does not hold the watermark"),
            _ => {}
        }
        status.doing = doing;
        status.since = Instant::now();
    }

    /// Whether brokers answer; `None` when they do.
    pub fn reachable(&self, unreachable: Option<String>) {
        let mut inner = self.inner();
        match (&inner.unreachable, &unreachable) {
            (None, Some(words)) => tracing::warn!("no broker answers: {words}"),
            (Some(_), None) => tracing::info!("brokers answer again"),
            _ => {}
        }
        // The first words tell most: after a refused login a client only says that all brokers are down.
        inner.unreachable = unreachable.map(|words| inner.unreachable.take().unwrap_or(words));
    }

    /// What a partition does.
    pub fn doing(&self, id: PartitionId) -> Option<Doing> {
        self.inner().partitions.get(&id).map(|status| status.doing.clone())
    }

    /// Time of the partition that is furthest behind among those that hold the watermark, of those that are read in step with one.
    pub fn least_newest(&self, with: PartitionId) -> Option<Micros> {
        let inner = self.inner();
        let in_step = &inner.partitions.get(&with)?.in_step;
        let here = inner.holding().filter(|p| p.in_step == *in_step).map(|p| p.newest);
        here.chain(inner.others.get(in_step).copied()).min()
    }

    /// The same of this process's partitions alone, given that of the others: for all that are read in step.
    pub fn least_newest_here(&self, others: BTreeMap<StreamName, Micros>) -> BTreeMap<StreamName, Micros> {
        let mut inner = self.inner();
        inner.others = others;
        least(inner.holding().map(|p| (p.in_step.clone(), p.newest)))
    }

    /// Forgets all partitions: everything starts anew.
    pub fn clear(&self) {
        *self.inner() = Inner::default();
    }

    /// Time that a partition has reached.
    pub fn newest(&self, id: PartitionId) -> Micros {
        self.inner().partitions.get(&id).map_or(Micros::MIN, |status| status.newest)
    }

    /// Whether every partition was read to where it was to be read.
    pub fn all_ended(&self) -> bool {
        self.inner().partitions.values().all(|p| p.doing == Doing::Ended)
    }

    /// Each partition with its number.
    pub fn partitions(&self) -> Vec<(PartitionId, PartitionStatus)> {
        self.inner().partitions.iter().map(|(id, status)| (*id, status.clone())).collect()
    }

    /// What was last said when no broker answered; `None` when one answers.
    pub fn unreachable(&self) -> Option<String> {
        self.inner().unreachable.clone()
    }

    /// A broker has told which of the wanted topics are there: so many.
    pub fn topics(&self, found: usize) {
        self.inner().no_topic = found == 0;
    }

    /// None of the wanted topics is there.
    pub fn no_topic(&self) -> bool {
        self.inner().no_topic
    }

    /// Marks as idle what has given nothing for `idle_after` and has nothing more to give.
    pub fn idle(&self, id: PartitionId, idle_after: Duration) {
        let seen = self.inner().partitions.get(&id).cloned();
        if let Some(seen) = seen
            && seen.doing == Doing::Reading
            && seen.lag() == Some(0)
            && seen.gave_at.elapsed() >= idle_after
        {
            self.set_as_seen(id, &seen, Doing::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_that_is_told_while_a_broker_is_asked_stays() {
        let (health, id) = (Health::default(), PartitionId(0));
        health.add(id, ("audit", 0), StreamName::default(), 0, Micros::MIN);
        health.set(id, Doing::Stalled(Stall::Unreachable));
        let (_, seen) = health.partitions().remove(0);
        // The reader has left it meanwhile; the answer that comes now is of before.
        health.set(id, Doing::Stalled(Stall::Gone));
        health.set_as_seen(id, &seen, Doing::Reading);
        assert_eq!(health.doing(id), Some(Doing::Stalled(Stall::Gone)));

        let (_, seen) = health.partitions().remove(0);
        health.set_as_seen(id, &seen, Doing::Reading);
        assert_eq!(health.doing(id), Some(Doing::Reading));
    }
}
