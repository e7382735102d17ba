//! A block of lines becomes rows and facts: what one worker's part of [`decode_blocks`](super::decode::decode_blocks) does.
//!
//! After a restart, what was counted, rejected or settled before is passed over, see [`super::order::ResumePoint`].

mod lane;

pub use lane::Restored;

use super::block::{BESIDE, DecodedBlock, Pulse, SETTLED, Share};
use super::filtered::Drop;
use super::labelled::in_windows;
use super::plan::ReplayPlan;
use super::shelf::{BatchId, Shelf};
use super::told;
use super::work::Work;
use super::write::Rows;
use crate::audit::decode::{Reading, Want, decode};
use crate::audit::event::Event;
use crate::audit::filter;
use crate::audit::hash::hash;
use crate::audit::label::{control_plane, propose};
use crate::audit::redact::{Unusable, redact_body, redact_uri};
use crate::audit::reject::{Reject, RejectReason};
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use crate::context::facts::{Extractor, Place};
use crate::context::keys::KeySpace;
use crate::lake::LakeError;
use crate::lake::tables::{EventMeta, RejectRow};
use crate::source::PartitionId;
use crate::source::buffers::Buffers;
use crate::source::catalog::{Catalog, SourceName};
use crate::source::kafka::{Record, Records, Says};
use crate::source::stream::StreamName;
use lane::{Lane, Pace};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// Rows after which a batch is closed within an epoch.
const BATCH_ROWS: u32 = 64 << 10;

/// Bytes of text after which it is.
const BATCH_TEXT_BYTES: usize = 64 << 20;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// To the owner of the streams.
    Block(Box<DecodedBlock>),
    /// To this worker's tables.
    Rows(StreamName, Rows),
    /// To the counts.
    Dropped(StreamName, Drop, u64),
    /// To the commit, which may be another process's: what a partition is called.
    Named(PartitionId, SourceName),
}

/// The state of one worker's decoder.
pub struct Decoder {
    worker: u32,
    plan: Arc<ReplayPlan>,
    sources: Arc<Catalog>,
    source: SourceName,
    restored: Arc<Restored>,
    extractor: Extractor,
    /// The stream of the record at hand.
    lane: Lane,
    /// The other streams.
    lanes: BTreeMap<StreamName, Lane>,
    pace: Pace,
    shelf: Shelf,
    /// Where the memory of a block goes when it is decoded.
    buffers: Buffers,
    next_batch: u64,
    /// The record at hand is of a stream that is not taken.
    foreign: bool,
}

impl Decoder {
    /// A decoder for worker `worker`. `sources` names the partitions; `restored` says what was settled before a restart.
    pub fn new(
        worker: u32,
        plan: Arc<ReplayPlan>,
        sources: Arc<Catalog>,
        restored: Arc<Restored>,
        shelf: Shelf,
        buffers: Buffers,
    ) -> Decoder {
        Decoder {
            worker,
            sources,
            source: SourceName::default(),
            restored,
            extractor: Extractor::new(Arc::clone(&plan.tables)),
            lane: Lane::default(),
            lanes: BTreeMap::new(),
            pace: Pace::default(),
            shelf,
            buffers,
            next_batch: 0,
            foreign: false,
            plan,
        }
    }

    /// Decodes one block; its rows go into the batches in the making.
    pub fn work(&mut self, work: Work, out: &mut Vec<Out>) -> Result<(), LakeError> {
        let mut says = None;
        self.source = self.sources.get(work.partition()).unwrap_or_default();
        let own = self.source.stream.clone();
        self.turn_to(&own);
        let (partition, offset, end) = match work {
            Work::Lines(partition, offset, bytes) => {
                let end = offset + bytes.len() as u64;
                self.lines(partition, offset, &bytes)?;
                if let Some(bytes) = Arc::into_inner(bytes) {
                    self.buffers.give(bytes);
                }
                (partition, offset, end)
            }
            Work::Unread(unread) => {
                if !self.counted(unread.partition, unread.offset) {
                    self.reject(unread.offset, unread.reject);
                }
                (unread.partition, unread.offset, unread.end)
            }
            Work::Messages(records) => {
                self.messages(&records)?;
                (records.partition, records.first(), records.next)
            }
            Work::Notice(notice) => {
                says = Some(notice.says);
                if notice.says == Says::Begins {
                    out.push(Out::Named(notice.partition, self.source.clone()));
                }
                (notice.partition, notice.position, notice.position)
            }
        };
        // The lane at hand is not among the others.
        self.turn_to(&own);
        let mut shares = Vec::new();
        let other = |lane: &&Lane| lane.found.any;
        let others: Vec<StreamName> = self.lanes.values().filter(other).map(|lane| lane.stream.clone()).collect();
        for stream in [own.clone()].into_iter().chain(others) {
            self.turn_to(&stream);
            shares.extend(self.share(out)?);
        }
        let Pace { pulses, newest, ahead, records, empty_lines } = std::mem::take(&mut self.pace);
        self.plan.progress.add(0, records);
        out.push(Out::Block(Box::new(DecodedBlock {
            worker: self.worker,
            stream: own,
            shared: self.source.shared,
            partition,
            offset,
            end,
            // With heads the progress is theirs, event by event, so that it does not depend on where blocks end.
            newest: newest.filter(|_| !self.plan.ordered()),
            records,
            empty_lines,
            shares,
            pulses,
            ahead,
            says,
        })));
        Ok(())
    }

    /// Makes a stream the one that is decoded.
    fn turn_to(&mut self, stream: &StreamName) {
        if self.lane.stream == *stream {
            return;
        }
        let next = self.lanes.remove(stream).unwrap_or_else(|| {
            let (resumed, settled_before) = self.restored.of(stream);
            let keys = KeySpace(hash(&[stream.as_str()]));
            Lane { stream: stream.clone(), keys, resumed, settled_before, ..Lane::default() }
        });
        let last = std::mem::replace(&mut self.lane, next);
        self.lanes.insert(last.stream.clone(), last);
    }

    /// What the block holds of the stream at hand, for the owner of the streams; drops and rejects go on their way, rows into the
    /// batch in the making.
    fn share(&mut self, out: &mut Vec<Out>) -> Result<Option<Share>, LakeError> {
        let (found, stream) = (std::mem::take(&mut self.lane.found), self.lane.stream.clone());
        if !found.any {
            return Ok(None);
        }
        let batch = *self.lane.batch.get_or_insert_with(|| {
            self.next_batch += 1;
            BatchId(self.next_batch - 1)
        });
        told::rejected(&found.rejects);
        out.extend(found.rejects.into_iter().map(|row| Out::Rows(stream.clone(), Rows::Reject(Box::new(row)))));
        out.extend(found.drops.into_iter().map(|((minute, rule, class), count)| {
            let drop = Drop { minute, rule: rule.to_owned(), class: class.as_str().to_owned() };
            Out::Dropped(stream.clone(), drop, count)
        }));
        if self.lane.rows.rows() >= BATCH_ROWS || self.lane.rows.text_bytes() >= BATCH_TEXT_BYTES {
            self.lane.close_batch(&self.plan, &self.shelf, out)?;
        }
        Ok(Some(Share { stream, batch, facts: found.facts, features: found.features }))
    }

    /// Closes the batches in the making: no block that was decoded so far has rows in another one.
    pub fn close_batches(&mut self, out: &mut Vec<Out>) -> Result<(), LakeError> {
        let lanes = std::iter::once(&mut self.lane).chain(self.lanes.values_mut());
        lanes.into_iter().try_for_each(|lane| lane.close_batch(&self.plan, &self.shelf, out))
    }

    /// Each message is one record, whatever it holds: newlines in it are its own.
    fn messages(&mut self, records: &Records) -> Result<(), LakeError> {
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let (partition, own) = (records.partition, self.source.stream.clone());
        for Record { offset, value, stream } in records.iter() {
            let stream = stream.filter(|_| self.source.shared).unwrap_or(&own);
            self.foreign = !self.restored.takes(stream);
            self.turn_to(if self.foreign { &own } else { stream });
            let value = match unpack(value, self.plan.max_record_bytes) {
                Ok(value) => value,
                Err(_) if self.counted(partition, offset) => continue,
                Err(reject) => {
                    self.reject(offset, reject);
                    continue;
                }
            };
            if value.trim_ascii().is_empty() {
                self.pace.empty_lines += u64::from(!self.counted(partition, offset));
                continue;
            }
            self.record(&value, (partition, offset, now))?;
        }
        self.foreign = false;
        Ok(())
    }

    fn record(&mut self, record: &[u8], (partition, offset, now): (PartitionId, u64, Micros)) -> Result<(), LakeError> {
        self.lane.found.any = true;
        let evidence = match &self.plan.labeler {
            Some(_) => Reading::Whole,
            None if self.plan.causal() => Reading::Causes,
            None => Reading::Nothing,
        };
        let want = Want { evidence, raw_bodies: self.plan.bodies };
        let mut failure = None;
        decode(record, want, &mut |item, event| {
            let place = At { partition, offset, item, now };
            match event {
                Ok(event) => {
                    if let Err(error) = self.event(event, place) {
                        failure.get_or_insert(error);
                    }
                }
                Err(_) if self.counted(partition, offset) => {}
                Err(reject) => self.reject(offset, reject),
            }
        });
        failure.map_or(Ok(()), Err)
    }

    fn lines(&mut self, partition: PartitionId, start: u64, bytes: &[u8]) -> Result<(), LakeError> {
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let mut from = 0;
        while from < bytes.len() {
            let rest = bytes.get(from..).unwrap_or_default();
            let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, offset) = (rest.get(..len).unwrap_or_default(), start + from as u64);
            from += len;
            if line.trim_ascii().is_empty() {
                self.pace.empty_lines += u64::from(!self.counted(partition, offset));
                continue;
            }
            self.record(line, (partition, offset, now))?;
        }
        Ok(())
    }

    /// Whether what needs no order was dealt with before a restart.
    fn counted(&self, partition: PartitionId, offset: u64) -> bool {
        self.lane.resumed.get(&partition).is_some_and(|point| offset < point.read_to)
    }

    fn event(&mut self, event: &Event<'_>, at: At) -> Result<(), LakeError> {
        let counted = self.counted(at.partition, at.offset);
        let resumed = self.lane.resumed.get(&at.partition).filter(|_| counted);
        // The clock decides once: what it said of a record is said again when the record is read again.
        let ahead = match resumed {
            Some(point) => point.decided.ahead.contains(&at.offset),
            None => self.plan.from_the_future(event, at.now),
        };
        if ahead {
            if !counted {
                self.pace.ahead.push(at.offset);
                let message = "its time lies ahead of this machine's clock by more than stream.max_future_skew";
                let reject =
                    Reject::new(RejectReason::FutureTimestamp, "stageTimestamp", message, Unusable::Bytes(b""));
                self.reject(at.offset, reject);
            }
            return Ok(());
        }
        self.pace.newest = self.pace.newest.max(Some(event.stage_at));
        let time = self.plan.event_time(event);
        let settled = counted && time < self.lane.settled_before;
        let unseen = self.plan.dropped_unseen(event);
        if let Some(rule) = if self.foreign { Some("cluster") } else { unseen } {
            if !counted {
                self.pace.records += 1;
                self.lane.found.drop(time, rule, event.class());
            }
            if unseen.is_none() {
                self.pulse(event, at);
            }
            return Ok(());
        }
        let verdict = self.plan.dropped_by_filter(event);
        if !counted || (!settled && verdict.is_none()) {
            self.pace.records += 1;
        }
        let mut row = u32::MAX;
        match verdict {
            Some(rule) if !counted => self.lane.found.drop(time, rule, event.class()),
            Some(_) => {}
            None if settled || (counted && !self.plan.ordered()) => {}
            None => row = self.row(event, at)?,
        }
        self.pulse(event, at);
        if self.plan.ordered() {
            let place = Place { stream: self.lane.keys, offset: at.offset, item: at.item, row, at: time };
            let facts = self.lane.found.facts.facts.len();
            self.extractor.push(event, place, &mut self.lane.found.facts);
            if !settled {
                self.features(event);
            }
            let found = &mut self.lane.found;
            if settled || !self.plan.causal() {
                found.bare(facts, if settled { SETTLED } else { 0 });
            }
            if !filter::is_row(event) {
                found.bare(facts, BESIDE);
            }
        }
        Ok(())
    }

    /// Lets the streams that share the partition know of the event.
    fn pulse(&mut self, event: &Event<'_>, at: At) {
        if self.source.shared && self.plan.ordered() {
            self.pace.pulses.push(Pulse { offset: at.offset, item: at.item, stage_at: event.stage_at });
        }
    }

    /// What the label model sees of the event whose head was pushed last.
    fn features(&mut self, event: &Event<'_>) {
        let found = &mut self.lane.found;
        let Some(labeler) = self.plan.labeler.as_ref().filter(|_| in_windows(event)) else { return };
        let Some(index) = found.facts.heads.len().checked_sub(1) else { return };
        let mut row = Vec::with_capacity(labeler.encoder().width());
        labeler.encoder().encode(event, &mut row);
        found.features.heads.push(index as u32);
        found.features.rows.push(row);
        found.features.labels.push((propose(event), control_plane(event)));
    }

    fn row(&mut self, event: &Event<'_>, at: At) -> Result<u32, LakeError> {
        let body = |raw: Option<&RawValue>| raw.map(redact_body).unwrap_or_default();
        let bodies = self.plan.bodies.then(|| (body(event.request_raw), body(event.response_raw)));
        let row = self.lane.rows.append(
            event,
            &EventMeta {
                cluster: self.lane.stream.as_str(),
                source: &self.source.name,
                partition: self.source.number.unsigned_abs(),
                offset: at.offset,
                item: at.item,
                request_uri: &redact_uri(&event.request_uri),
                bodies: bodies.as_ref().map(|(request, response)| (request.as_str(), response.as_str())),
            },
        )?;
        if self.plan.contexts
            && let Some(detail) = Detail::of(event)
        {
            self.lane.details.push((row, detail));
        }
        Ok(row)
    }

    fn reject(&mut self, offset: u64, reject: Reject) {
        self.pace.records += 1;
        self.lane.found.any = true;
        self.lane.found.rejects.push(RejectRow {
            cluster: self.lane.stream.to_string(),
            source: self.source.name.clone(),
            partition: self.source.number.unsigned_abs(),
            offset,
            reason: reject.reason.code().to_owned(),
            json_path: reject.path,
            message: reject.message,
            bytes: reject.excerpt,
        });
    }
}

/// Where an event was read, and when.
#[derive(Copy, Clone)]
struct At {
    partition: PartitionId,
    offset: u64,
    item: u32,
    now: Micros,
}

/// The value of a message: unpacked where it is gzip, as CloudWatch sends it.
fn unpack(value: &[u8], max_bytes: usize) -> Result<Cow<'_, [u8]>, Reject> {
    let too_long = |bytes: &[u8]| {
        let message = format!("the record has more than {max_bytes} bytes; raise files.max_record_bytes to read it");
        Reject::new(RejectReason::TooLong, "", message, Unusable::Bytes(bytes.get(..256).unwrap_or(bytes)))
    };
    if value.len() > max_bytes {
        return Err(too_long(value));
    }
    if !value.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(value));
    }
    let mut bytes = Vec::new();
    let limit = max_bytes as u64;
    match flate2::read::MultiGzDecoder::new(value).take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Err(error) => Err(Reject::new(
            RejectReason::Corrupt,
            "",
            format!("the message is damaged gzip: {error}"),
            Unusable::Bytes(b""),
        )),
        Ok(_) if bytes.len() > max_bytes => Err(too_long(&bytes)),
        Ok(_) => Ok(Cow::Owned(bytes)),
    }
}
