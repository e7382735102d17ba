//! A reader: one client, one thread, its share of the partitions.
//!
//! ```text
//! partition queues of librdkafka ─┬─ the one that is furthest behind first ─▶ Records ─▶ bounded channel ─▶ feed
//!                                 └─ one far ahead of the others is left alone, and its queue stops fetching
//! ```
//! Each partition has a queue of its own, so a partition that must wait holds up no other, and an error tells which partition it
//! is of. librdkafka decompresses in one thread a client: several readers use several cores.

use super::KafkaError;
use super::client::Told;
use super::records::{Arrival, Notice, Records, Says};
use super::settings::Settings;
use super::status::{Doing, Health, Stall};
use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::source::files::first_event_time;
use crossbeam_channel::{Receiver, SendTimeoutError, Sender};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as Client;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes of one batch.
const BATCH_BYTES: usize = 1 << 20;
/// Messages of one batch.
const BATCH_RECORDS: usize = 4_000;
/// Pause when nothing is there.
const PAUSE: Duration = Duration::from_millis(5);
/// Time between two looks at positions, which alone step over control records.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a reader is told.
#[derive(Debug)]
pub enum Order {
    /// Read this partition.
    Read(Assignment),
    /// Read it no more.
    Leave(PartitionId),
}

/// A partition to read.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Its number in this run.
    pub id: PartitionId,
    /// Its topic.
    pub topic: String,
    /// Its number there.
    pub number: i32,
    /// Where to begin; behind what this reader has sent of the partition, if that is further.
    pub from: u64,
    /// Begin at `from` even so: what is behind a loss has other offsets.
    pub exact: bool,
    /// Where to end; `None` follows it.
    pub end: Option<u64>,
}

struct Lane {
    what: Assignment,
    queue: PartitionQueue<Told>,
    position: u64,
    newest: Micros,
}

/// A reader before its thread runs.
pub struct Reader {
    client: Arc<BaseConsumer<Told>>,
    health: Arc<Health>,
    orders: Receiver<Order>,
    arrivals: Sender<Arrival>,
    closing: Arc<AtomicBool>,
    lanes: Vec<Lane>,
    /// Offset behind the last message that was sent, of every partition that was ever read: an order may have been given while a
    /// batch was still on its way.
    sent: BTreeMap<PartitionId, u64>,
    ahead_us: i64,
    max_future_skew_us: i64,
    /// Header that names the cluster.
    header: Option<String>,
}

impl Reader {
    /// A reader that listens to `orders`.
    ///
    /// # Errors
    /// When the client refuses its settings.
    pub fn new(
        settings: &Settings,
        health: Arc<Health>,
        orders: Receiver<Order>,
        arrivals: Sender<Arrival>,
        closing: Arc<AtomicBool>,
    ) -> Result<Reader, KafkaError> {
        let told = Told::new(Arc::clone(&health), settings.security.tokens.clone());
        let client = settings.reader()?.create_with_context(told).map_err(KafkaError::Client)?;
        Ok(Reader {
            client: Arc::new(client),
            health,
            orders,
            arrivals,
            closing,
            lanes: Vec::new(),
            sent: BTreeMap::new(),
            ahead_us: settings.ahead_us,
            max_future_skew_us: settings.max_future_skew_us,
            header: settings.cluster_header.clone(),
        })
    }

    /// Reads until told to close.
    pub fn run(mut self) {
        let mut looked = Instant::now();
        while !self.closing.load(Ordering::Relaxed) {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order);
            }
            // Errors of brokers come here; they are told to `health` by the client's callbacks, and librdkafka tries again.
            while let Some(found) = self.client.poll(Duration::ZERO) {
                if let Err(error) = found {
                    tracing::debug!(%error, "a reader's client");
                }
            }
            let gave = self.round();
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.look();
            }
            if !gave {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Leave(id) => self.leave(id),
            Order::Read(what) => {
                self.leave(what.id);
                if let Err(error) = self.read(&what) {
                    self.health.set(what.id, Doing::Stalled(Stall::Refused(error.to_string())));
                }
            }
        }
    }

    fn read(&mut self, what: &Assignment) -> Result<(), Client> {
        let mut list = TopicPartitionList::new();
        let sent = self.sent.get(&what.id).copied().filter(|_| !what.exact);
        let position = sent.map_or(what.from, |sent| sent.max(what.from));
        let from = Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX));
        list.add_partition_offset(&what.topic, what.number, from)?;
        // The queue is split off first, or the first messages would go to the common one.
        let queue = self.client.split_partition_queue(&what.topic, what.number);
        self.client.incremental_assign(&list)?;
        let queue = queue.or_else(|| self.client.split_partition_queue(&what.topic, what.number));
        // Told as a stall and tried again, rather than a partition that nobody reads.
        let queue = queue.ok_or(Client::Subscription("the partition has no queue".to_owned()))?;
        let newest = self.health.newest(what.id);
        self.lanes.push(Lane { what: what.clone(), queue, position, newest });
        Ok(())
    }

    fn leave(&mut self, id: PartitionId) {
        let Some(at) = self.lanes.iter().position(|lane| lane.what.id == id) else { return };
        let lane = self.lanes.swap_remove(at);
        let mut list = TopicPartitionList::new();
        list.add_partition(&lane.what.topic, lane.what.number);
        drop(lane);
        if let Err(error) = self.client.incremental_unassign(&list) {
            tracing::debug!(%error, "a partition cannot be left");
        }
    }

    /// Takes a batch from every partition that may go on. Whether anything came.
    fn round(&mut self) -> bool {
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|at| self.lanes.get(*at).map(|lane| lane.newest));
        let (mut gave, mut failed) = (false, Vec::new());
        for at in order {
            let Some(lane) = self.lanes.get_mut(at) else { continue };
            let least = self.health.least_newest(lane.what.id);
            if least.is_some_and(|least| lane.newest > least.plus(self.ahead_us)) {
                continue;
            }
            let (records, stall) = take(lane, self.header.as_deref());
            if let Some(stall) = stall {
                failed.push((lane.what.id, stall));
            }
            if records.is_empty() {
                continue;
            }
            gave = true;
            let (id, next) = (lane.what.id, records.next);
            let now = Micros(jiff::Timestamp::now().as_microsecond());
            let time = first_event_time(records.bytes()).filter(|time| time.since(now) <= self.max_future_skew_us);
            lane.newest = time.unwrap_or(lane.newest);
            let newest = lane.newest;
            lane.position = next;
            if !self.send(Arrival::Records(records)) {
                return false;
            }
            self.sent.insert(id, next);
            // Behind the sending: whoever sees this position knows that all before it is under way.
            self.health.read(id, next, Some(newest));
        }
        for (id, stall) in failed {
            self.health.set(id, Doing::Stalled(stall));
            self.leave(id);
        }
        gave
    }

    /// Follows positions over what gives no message, and ends what is read to its end.
    fn look(&mut self) {
        let Ok(positions) = self.client.position() else { return };
        let mut ended = Vec::new();
        for lane in &mut self.lanes {
            let found = positions.find_partition(&lane.what.topic, lane.what.number).map(|element| element.offset());
            if let Some(Offset::Offset(at)) = found
                && let Ok(at) = u64::try_from(at)
                && at > lane.position
            {
                lane.position = at;
                self.health.read(lane.what.id, at, None);
            }
            if lane.what.end.is_some_and(|end| lane.position >= end) {
                ended.push((lane.what.id, lane.position));
            }
        }
        for (partition, position) in ended {
            self.leave(partition);
            self.send(Arrival::Notice(Notice { partition, position, says: Says::Ended }));
            // Behind the sending: once all have ended, what is in the channel is the last of it.
            self.health.set(partition, Doing::Ended);
        }
    }

    /// Sends, and waits while the feed has enough; false when the run is closing.
    fn send(&self, arrival: Arrival) -> bool {
        send(&self.arrivals, arrival, &self.closing)
    }
}

/// Sends, and waits while the feed has enough; false when the run is closing.
pub fn send(to: &Sender<Arrival>, arrival: Arrival, closing: &AtomicBool) -> bool {
    let mut arrival = arrival;
    loop {
        match to.send_timeout(arrival, Duration::from_millis(100)) {
            Ok(()) => return true,
            Err(SendTimeoutError::Timeout(back)) if !closing.load(Ordering::Relaxed) => arrival = back,
            Err(_) => return false,
        }
    }
}

/// A batch of one partition, and what ails it.
fn take(lane: &mut Lane, header: Option<&str>) -> (Records, Option<Stall>) {
    let mut records = Records::new(lane.what.id, lane.position);
    while records.bytes().len() < BATCH_BYTES && records.count() < BATCH_RECORDS {
        match lane.queue.poll(Duration::ZERO) {
            None => break,
            Some(Ok(message)) => {
                let Ok(offset) = u64::try_from(message.offset()) else { continue };
                // A bounded run ends where the partition ended when it began.
                if lane.what.end.is_none_or(|end| offset < end) {
                    let stream = header.and_then(|header| named(&message, header));
                    records.push(offset, message.payload().unwrap_or_default(), stream.as_deref());
                }
            }
            Some(Err(error)) => match stall_of(&error) {
                Some(stall) => return (records, Some(stall)),
                None => tracing::debug!(%error, topic = lane.what.topic, partition = lane.what.number, "while reading"),
            },
        }
    }
    (records, None)
}

/// The cluster that a header of the message names; an empty one names none.
fn named<'m>(message: &'m BorrowedMessage<'_>, header: &str) -> Option<Cow<'m, str>> {
    let headers = message.headers()?;
    let value = (0..headers.count()).map(|index| headers.get(index)).find(|found| found.key == header)?.value?;
    Some(String::from_utf8_lossy(value)).filter(|name| !name.is_empty())
}

/// What an error means for the partition; `None` where librdkafka goes on by itself.
fn stall_of(error: &Client) -> Option<Stall> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => Some(Stall::OutOfRange),
        RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition => Some(Stall::Gone),
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed => {
            Some(Stall::Refused(format!("{error}; give this user the right to read the topic")))
        }
        _ => None,
    }
}
