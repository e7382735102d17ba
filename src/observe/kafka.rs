//! What a partition of a topic tells: how much was read of it, and how much is left.

use super::metric;
use metrics::{Counter, Gauge};

/// The metrics of one partition. Made once, then a message costs an addition.
#[derive(Clone, Debug)]
pub struct PartitionMetrics {
    lag: Gauge,
    messages: Counter,
}

impl PartitionMetrics {
    /// Those of partition `partition` of `topic`.
    pub fn new(topic: &str, partition: i32) -> PartitionMetrics {
        let partition = partition.to_string();
        let labels = [("component_id", "kafka"), ("topic_id", topic), ("partition_id", &partition)];
        PartitionMetrics {
            lag: metric::KAFKA_CONSUMER_LAG.gauge(&labels),
            messages: metric::KAFKA_CONSUMED_MESSAGES.counter(&labels),
        }
    }

    /// So many messages were read.
    pub fn read(&self, messages: u64) {
        self.messages.increment(messages);
    }

    /// So many records of the partition are not read yet.
    pub fn lag(&self, records: u64) {
        self.lag.set(records as f64);
    }
}
