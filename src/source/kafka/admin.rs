//! Questions to the cluster: which topics and partitions there are, where they begin and end, which topic it is.
//!
//! They go over a client of their own: on a client that reads, a question waits behind the long poll for messages.

use super::client::Told;
use super::settings::{Settings, Start, Wanted};
use super::status::Health;
use super::topic_id::{TopicId, topic_ids};
use super::{KafkaError, OnLoss};
use crate::audit::time::Micros;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError as Client;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Topics and the numbers of their partitions.
pub type Topics = BTreeMap<String, Vec<i32>>;

/// Asks the cluster.
pub struct Admin {
    client: BaseConsumer<Told>,
    health: Arc<Health>,
    wanted: Wanted,
    /// What is done where messages are lost.
    pub on_loss: OnLoss,
}

impl Admin {
    /// A client with these settings.
    ///
    /// # Errors
    /// When the settings are refused, or a topic pattern is wrong.
    pub fn new(settings: &Settings, health: Arc<Health>) -> Result<Admin, KafkaError> {
        let told = Told::new(Arc::clone(&health), settings.security.tokens.clone());
        let client = settings.client()?.create_with_context(told).map_err(KafkaError::Client)?;
        Ok(Admin { client, health, wanted: settings.wanted()?, on_loss: settings.on_loss })
    }

    /// The wanted topics that are there.
    ///
    /// # Errors
    /// The client's words when no broker answers.
    pub fn topics(&self) -> Result<Topics, String> {
        let mut topics = Topics::new();
        let mut add = |topic: &rdkafka::metadata::MetadataTopic| {
            let mut numbers: Vec<i32> = topic.partitions().iter().map(|p| p.id()).collect();
            numbers.sort_unstable();
            if topic.error().is_none() && !numbers.is_empty() {
                topics.insert(topic.name().to_owned(), numbers);
            }
        };
        if self.wanted.patterns.is_empty() {
            for name in &self.wanted.names {
                let found = self.answered(self.client.fetch_metadata(Some(name), PATIENCE))?;
                found.topics().iter().filter(|topic| topic.name() == name).for_each(&mut add);
            }
        } else {
            let found = self.answered(self.client.fetch_metadata(None, PATIENCE))?;
            found.topics().iter().filter(|topic| self.wanted.has(topic.name())).for_each(&mut add);
        }
        Ok(topics)
    }

    /// Topics that are wanted by name and not among `found`.
    pub fn absent<'a>(&'a self, found: &'a Topics) -> impl Iterator<Item = &'a String> {
        self.wanted.names.iter().filter(|name| !found.contains_key(*name))
    }

    /// The ids of topics.
    ///
    /// # Errors
    /// The client's words when no broker answers.
    pub fn ids(&self, topics: &[String]) -> Result<BTreeMap<String, TopicId>, String> {
        let found = topic_ids(&self.client, topics, PATIENCE);
        if let Err(words) = &found {
            self.health.reachable(Some(words.clone()));
        }
        found
    }

    /// First offset of a partition, and the offset behind its last message that may be read.
    ///
    /// # Errors
    /// The client's words when its broker does not answer.
    pub fn ends(&self, topic: &str, number: i32) -> Result<(u64, u64), String> {
        let found = self.client.fetch_watermarks(topic, number, PATIENCE);
        let (low, high) = found.map_err(|error| error.to_string())?;
        Ok((offset(low), offset(high)))
    }

    /// Offset at which a partition is begun.
    ///
    /// # Errors
    /// The client's words when its broker does not answer.
    pub fn begin(&self, topic: &str, number: i32, start: Start) -> Result<u64, String> {
        let (low, high) = self.ends(topic, number)?;
        match start {
            Start::Earliest => Ok(low),
            Start::Latest => Ok(high),
            Start::At(time) => self.at(topic, number, time).map(|found| found.unwrap_or(high)),
        }
    }

    /// First offset with a timestamp at or after `time`; `None` when there is none.
    fn at(&self, topic: &str, number: i32, time: Micros) -> Result<Option<u64>, String> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, number, Offset::Offset(time.0.div_euclid(1000).max(0)))
            .map_err(|error| error.to_string())?;
        let found = self.client.offsets_for_times(list, PATIENCE).map_err(|error| error.to_string())?;
        let found = found.elements().first().map(|element| element.offset());
        Ok(found.and_then(|found| if let Offset::Offset(at) = found { Some(offset(at)) } else { None }))
    }

    /// Commits offsets to the group. They are for lag monitors: nothing is ever read from them, and a failure changes nothing.
    pub fn commit(&self, offsets: &[(String, i32, u64)]) {
        let mut list = TopicPartitionList::new();
        for (topic, number, at) in offsets {
            let at = Offset::Offset(i64::try_from(*at).unwrap_or(i64::MAX));
            if let Err(error) = list.add_partition_offset(topic, *number, at) {
                tracing::debug!(%error, "an offset cannot be told to the group");
            }
        }
        if let Err(error) = self.client.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "offsets cannot be told to the group");
        }
    }

    /// Lets the client serve its callbacks.
    pub fn serve(&self) {
        // No partition is assigned to this client: it yields errors, which have been told to `health` already.
        while self.client.poll(Duration::ZERO).is_some() {}
    }

    /// Notes whether a broker answered.
    fn answered<T>(&self, found: Result<T, Client>) -> Result<T, String> {
        match found {
            Ok(found) => {
                self.health.reachable(None);
                Ok(found)
            }
            Err(error) => {
                self.health.reachable(Some(match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure) => {
                        "no answer in time".to_owned()
                    }
                    _ => error.to_string(),
                }));
                Err(error.to_string())
            }
        }
    }
}

fn offset(at: i64) -> u64 {
    u64::try_from(at).unwrap_or(0)
}
