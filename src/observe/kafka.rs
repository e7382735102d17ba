//! Partitions of topics, as `/readyz` and the metrics show them.
//!
//! ```text
//! source::kafka::Health ── looked at when somebody asks ──▶ Partitions ──▶ Health (sources), metrics (lag, messages)
//! ```
//! The source logs its own changes; here nothing is logged.

use super::health::{Health, SourceStatus};
use super::metric;
use crate::audit::time::Micros;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// One partition now.
#[derive(Clone, Debug)]
pub struct Partition<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its number.
    pub number: i32,
    /// How it is.
    pub status: SourceStatus,
    /// The offset that is read next.
    pub position: u64,
    /// Records not read yet, where the end is known.
    pub lag_records: Option<u64>,
    /// Time of the newest event read.
    pub newest: Option<Micros>,
}

/// What was shown before, to count from.
#[derive(Debug, Default)]
pub struct Partitions {
    /// Where each source was when it was first seen.
    began_at: Mutex<BTreeMap<String, u64>>,
}

impl Partitions {
    /// Shows these partitions, and no others any more.
    pub fn show(&self, health: &Health, partitions: &[Partition<'_>]) {
        let mut began_at = self.began_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = Vec::new();
        for partition in partitions {
            let name = format!("{}/{}", partition.topic, partition.number);
            let number = partition.number.to_string();
            let labels = [("component_id", "kafka"), ("topic_id", partition.topic), ("partition_id", &number)];
            let begun = *began_at.entry(name.clone()).or_insert(partition.position);
            metric::KAFKA_CONSUMED_MESSAGES.counter(&labels).absolute(partition.position.saturating_sub(begun));
            if let Some(lag) = partition.lag_records {
                metric::KAFKA_CONSUMER_LAG.gauge(&labels).set(lag as f64);
            }
            health.show(&name, partition.status.clone(), partition.lag_records, partition.newest);
            names.push(name);
        }
        health.keep_only(&names);
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Phase;
    use super::*;

    #[test]
    fn a_stalled_partition_shows_and_a_deleted_one_goes() {
        let (health, shown) = (Health::default(), Partitions::default());
        health.phase(Phase::Running);
        let stalled = SourceStatus::Stalled { reason: "no broker answers".to_owned(), since: Micros(0) };
        let partition = |number, status| Partition {
            topic: "audit",
            number,
            status,
            position: 10,
            lag_records: Some(7),
            newest: Some(Micros(5)),
        };
        shown.show(&health, &[partition(0, SourceStatus::Running), partition(1, stalled)]);
        assert_eq!(health.report().reasons, ["audit/1 is stalled: no broker answers"]);
        let json = serde_json::to_value(health.report()).unwrap();
        assert_eq!(json["sources"]["audit/0"]["lag_records"], 7);
        assert_eq!(json["sources"]["audit/0"]["last_event_at"], "1970-01-01T00:00:00.000005Z");
        shown.show(&health, &[partition(0, SourceStatus::Running)]);
        assert!(health.report().is_ready());
    }
}
