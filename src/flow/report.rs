//! Tells whoever watches how the partitions of topics are: each second, from the source's own health to `/readyz` and the metrics.

use crate::audit::time::Micros;
use crate::observe::kafka::PartitionMetrics;
use crate::observe::{Health, lag};
use crate::source::PartitionId;
use crate::source::kafka::status::{self, Doing, PartitionStatus, Stall};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two tellings.
const EVERY: Duration = Duration::from_secs(1);

/// How long a source may say nothing after the start.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the source is called where no partition is known yet.
const SOURCE: &str = "kafka";

/// Labels of the source as a component.
const COMPONENT: [(&str, &str); 3] =
    [("component_id", SOURCE), ("component_kind", "source"), ("component_type", SOURCE)];

/// Tells observers.
pub struct Reporter {
    of: Arc<status::Health>,
    to: Arc<Health>,
    metrics: BTreeMap<PartitionId, PartitionMetrics>,
    told: Option<Instant>,
    began: Instant,
}

impl Reporter {
    /// Tells `to` of `of`.
    pub fn new(of: Arc<status::Health>, to: Arc<Health>) -> Reporter {
        Reporter { of, to, metrics: BTreeMap::new(), told: None, began: Instant::now() }
    }

    /// Messages of a partition were read.
    pub fn read(&mut self, id: PartitionId, topic: &str, number: i32, messages: u64) {
        self.metrics.entry(id).or_insert_with(|| PartitionMetrics::new(topic, number)).read(messages);
        let newest = self.of.newest(id);
        let newest = (newest > Micros::MIN).then_some(newest);
        if let Some(newest) = newest {
            lag::read(&COMPONENT, newest);
        }
        self.to.read(&format!("{topic}/{number}"), newest);
    }

    /// Tells how all partitions are, if that was not done a moment ago.
    pub fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let (partitions, unreachable) = (self.of.partitions(), self.of.unreachable());
        match &unreachable {
            // The first answers are on their way.
            Some(_) if partitions.is_empty() && self.began.elapsed() < PATIENCE => {}
            Some(words) if partitions.is_empty() => self.to.stalled(SOURCE, &format!("unreachable: {words}")),
            None if self.of.no_topic() => {
                self.to.stalled(SOURCE, "no topic of kafka.topics is there yet; it is read when it is");
            }
            _ => self.to.forget(SOURCE),
        }
        for (id, status) in &partitions {
            self.partition(*id, status, unreachable.is_some());
        }
    }

    /// `unreachable`: no broker answers, which a client says before it is seen at each partition.
    fn partition(&mut self, id: PartitionId, status: &PartitionStatus, unreachable: bool) {
        let name = format!("{}/{}", status.topic, status.number);
        match &status.doing {
            Doing::Reading | Doing::Idle if unreachable => {
                let stall = Stall::Unreachable;
                self.to.stalled(&name, &format!("{}: {stall}", stall.code()));
            }
            Doing::Reading | Doing::Idle => self.to.running(&name),
            Doing::Ended => self.to.done(&name),
            Doing::Stalled(stall) => self.to.stalled(&name, &format!("{}: {stall}", stall.code())),
        }
        if let Some(records) = status.lag() {
            self.to.lag(&name, records);
            let metrics = self.metrics.entry(id);
            metrics.or_insert_with(|| PartitionMetrics::new(&status.topic, status.number)).lag(records);
        }
    }
}
