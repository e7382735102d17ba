//! How the partitions are, for `/readyz` and the metrics.

use crate::audit::time::Micros;
use crate::observe::health::{Health, SourceStatus};
use crate::observe::kafka::{Partition, Partitions};
use crate::observe::server::Refresh;
use crate::source::kafka;
use crate::source::kafka::status::{Doing, PartitionStatus};
use std::sync::Arc;

/// What brings `/readyz` and the metrics up to date with how the partitions are.
pub fn shown(source: Arc<kafka::Health>) -> Refresh {
    let shown = Partitions::default();
    Arc::new(move |health: &Health| {
        let snapshot = source.snapshot();
        let partitions: Vec<Partition<'_>> = snapshot.partitions.iter().map(partition).collect();
        shown.show(health, &partitions);
    })
}

fn partition(found: &PartitionStatus) -> Partition<'_> {
    let status = match &found.doing {
        Doing::Stalled(stall) => {
            let age_us = i64::try_from(found.since.elapsed().as_micros()).unwrap_or(i64::MAX);
            SourceStatus::Stalled {
                reason: stall.to_string(),
                since: Micros(jiff::Timestamp::now().as_microsecond()).plus(-age_us),
            }
        }
        Doing::Ended => SourceStatus::Done,
        Doing::Reading | Doing::Idle => SourceStatus::Running,
    };
    Partition {
        topic: &found.topic,
        number: found.number,
        status,
        position: found.position,
        lag_records: found.lag(),
        newest: (found.newest > Micros::MIN).then_some(found.newest),
    }
}
