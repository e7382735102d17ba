//! Output to a topic: the rows of `contexts` and `anomalies`, as JSON, once each.
//!
//! ```text
//! commit n of the tables ─▶ its rows, read back ─▶ one transaction: rows on the topic + marker {commit: n}
//! start: fence the one before us ─▶ last marker m ─▶ publish m+1 … newest
//! ```
//! The tables come first and are the truth; the topic follows them, and a slow or unreachable broker holds up no commit. A crash
//! between the two leaves a commit without its marker: it is published on the next start. Rows and marker are one transaction, so
//! a consumer with `isolation.level=read_committed` sees each row once.

use super::shared::{FlowError, Shared};
use crate::lake::Table;
use crate::lake::scan::read_commit;
use crate::lake::store::Store;
use crate::lake::tables::json::row_json;
use crate::source::kafka::{Health, KafkaError, Settings, Told};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as Client;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for a broker before a try is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two tries, and between two looks for a new commit.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the end of a run waits until the topic has what the tables have.
const DRAIN: Duration = Duration::from_secs(10);
/// Where the tables and their rows go.
const TABLES: [Table; 2] = [Table::Contexts, Table::Anomalies];

/// What is published where.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// Topic of the rows.
    pub topic: String,
    /// Topic of the markers: one message a commit, keyed by `id`. It should be compacted.
    pub markers: String,
    /// Who publishes: of two with the same id the later one fences the earlier.
    pub id: String,
    /// The brokers and how to log in to them.
    pub client: Settings,
}

/// Publishes until it is dropped.
pub struct Publisher {
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts to publish the commits of the tables in `store`.
    ///
    /// # Errors
    /// When the client refuses its settings.
    pub fn start(publishing: Publishing, store: Arc<dyn Store>, shared: Arc<Shared>) -> Result<Publisher, FlowError> {
        let closing = Arc::new(AtomicBool::new(false));
        let work = Work { publishing, store, shared, closing: Arc::clone(&closing), published: None };
        // Made once here, so that wrong settings are told at the start.
        let producer = work.producer()?;
        let thread = std::thread::Builder::new()
            .name("publish".to_owned())
            .spawn(move || work.run(producer))
            .map_err(KafkaError::Thread)?;
        Ok(Publisher { closing, thread: Some(thread) })
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended the process already.
            let _ = thread.join();
        }
    }
}

type Transactional = ThreadedProducer<Told>;

struct Work {
    publishing: Publishing,
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    closing: Arc<AtomicBool>,
    /// Last commit on the topic, once that is known.
    published: Option<u64>,
}

/// Why a commit is not on the topic.
enum Trouble {
    /// Another try, with a new producer, may help.
    Again(String),
    /// No try can help.
    Over(FlowError),
}

impl From<Client> for Trouble {
    fn from(error: Client) -> Trouble {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced) => {
                Trouble::Over(KafkaError::Fenced.into())
            }
            _ => Trouble::Again(error.to_string()),
        }
    }
}

impl Work {
    fn producer(&self) -> Result<Transactional, KafkaError> {
        let mut config = self.publishing.client.client()?;
        for consumers_only in [
            "group.id",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "auto.offset.reset",
            "isolation.level",
            "check.crcs",
            "fetch.queue.backoff.ms",
        ] {
            config.remove(consumers_only);
        }
        config
            .set("transactional.id", &self.publishing.id)
            .set("compression.type", "zstd")
            .set("message.max.bytes", "10485760")
            .set("linger.ms", "5");
        config.create_with_context(self.told()).map_err(KafkaError::Client)
    }

    /// Logs in as the source does. What ails a producer is told by its errors.
    fn told(&self) -> Told {
        Told::new(Arc::new(Health::default()), self.publishing.client.security.tokens.clone())
    }

    fn run(mut self, first: Transactional) {
        let mut producer = Some(first);
        let (mut begun, mut told, mut draining) = (false, String::new(), None);
        loop {
            let closing = self.closing.load(Ordering::Relaxed);
            let since = *draining.get_or_insert_with(Instant::now);
            if !closing {
                draining = None;
            } else if self.is_done() || since.elapsed() > DRAIN {
                return;
            }
            let tried = match &producer {
                Some(producer) => self.round(producer, &mut begun),
                None => self.producer().map_err(|e| Trouble::Over(e.into())).map(|made| producer = Some(made)),
            };
            match tried {
                Ok(()) => told.clear(),
                Err(Trouble::Over(error)) => return self.shared.fail(error),
                Err(Trouble::Again(words)) => {
                    if told != words {
                        tracing::warn!(
                            topic = self.publishing.topic,
                            "cannot publish: {words}; the tables go on, and the topic follows later"
                        );
                        told = words;
                    }
                    // Whatever the transaction was at: a new producer aborts it.
                    (producer, begun) = (None, false);
                    std::thread::sleep(PAUSE * 10);
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn is_done(&self) -> bool {
        self.published.is_some_and(|published| published >= self.shared.newest_commit.load(Ordering::Acquire))
    }

    /// Publishes what is committed and not published yet.
    fn round(&mut self, producer: &Transactional, begun: &mut bool) -> Result<(), Trouble> {
        if !*begun {
            producer.init_transactions(PATIENCE)?;
            *begun = true;
            // Whatever was under way is decided now: the marker tells.
            self.published = Some(self.last_marker()?);
        }
        let newest = self.shared.newest_commit.load(Ordering::Acquire);
        while let Some(published) = self.published.filter(|published| *published < newest) {
            self.publish(producer, published + 1)?;
            self.published = Some(published + 1);
        }
        Ok(())
    }

    /// One commit, as one transaction.
    fn publish(&self, producer: &Transactional, commit: u64) -> Result<(), Trouble> {
        producer.begin_transaction()?;
        for table in TABLES {
            let batches = read_commit(&*self.store, commit, table).map_err(|error| Trouble::Over(error.into()))?;
            for batch in &batches {
                for row in 0..batch.num_rows() {
                    let mut value = row_json(batch, row);
                    value["table"] = json!(table.name());
                    // All revisions of a context go to one partition, in order.
                    let key = value["context_id"].as_str().unwrap_or_default().to_owned();
                    self.send(producer, &self.publishing.topic, &key, &value.to_string())?;
                }
            }
        }
        let marker = json!({ "commit": commit }).to_string();
        self.send(producer, &self.publishing.markers, &self.publishing.id, &marker)?;
        // The client's own flush sleeps in slices of 100 ms.
        let begun = Instant::now();
        while producer.in_flight_count() > 0 && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(producer.commit_transaction(PATIENCE)?)
    }

    fn send(&self, producer: &Transactional, topic: &str, key: &str, value: &str) -> Result<(), Trouble> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        let begun = Instant::now();
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((Client::MessageProduction(RDKafkaErrorCode::QueueFull), back)) if begun.elapsed() < PATIENCE => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// The last commit that is on the topic; 0 for none.
    fn last_marker(&self) -> Result<u64, Trouble> {
        let config = self.publishing.client.client().map_err(|error| Trouble::Over(error.into()))?;
        let consumer: BaseConsumer<Told> = config.create_with_context(self.told())?;
        let topic = self.publishing.markers.as_str();
        let found = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let numbers: Vec<i32> =
            found.topics().iter().filter(|t| t.name() == topic).flat_map(|t| t.partitions()).map(|p| p.id()).collect();
        if numbers.is_empty() {
            return Err(Trouble::Again(format!("there is no topic `{topic}`; make it, compacted, with one partition")));
        }
        let mut last = 0;
        for number in numbers {
            last = last.max(self.last_of(&consumer, topic, number)?);
        }
        Ok(last)
    }

    fn last_of(&self, consumer: &BaseConsumer<Told>, topic: &str, number: i32) -> Result<u64, Trouble> {
        let (low, high) = consumer.fetch_watermarks(topic, number, PATIENCE)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, number, Offset::Offset(low))?;
        consumer.assign(&list)?;
        let (begun, mut last) = (Instant::now(), 0);
        let position = || {
            let found = consumer.position().ok()?;
            match found.find_partition(topic, number)?.offset() {
                Offset::Offset(at) => Some(at),
                _ => None,
            }
        };
        while low < high && position().is_none_or(|at| at < high) {
            if begun.elapsed() > PATIENCE {
                return Err(Trouble::Again(format!("the markers on `{topic}` cannot be read to their end")));
            }
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.key() == Some(self.publishing.id.as_bytes()) => {
                    let marker: Option<serde_json::Value> =
                        message.payload().and_then(|value| serde_json::from_slice(value).ok());
                    last = last.max(marker.and_then(|marker| marker["commit"].as_u64()).unwrap_or(0));
                }
                Some(Ok(_)) | None => {}
                Some(Err(error)) => tracing::debug!(%error, "while reading markers"),
            }
        }
        Ok(last)
    }
}
