//! Operator: a block of lines becomes rows on the shelf and facts for the engine; what has no row becomes a count or a reject.
//!
//! ```text
//! line ─▶ events ─┬─ outside --from/--to, RequestReceived ─▶ count
//!                 ├─ filter says no ─▶ count, but its facts still go to the engine
//!                 ├─ row on the shelf + facts ─▶ attribute
//!                 └─ (no engine, no sessions) row ─▶ write
//!        reject ──▶ row of `rejects`
//! ```
//! After a restart, what was counted, rejected or settled before is passed over, see [`super::order::ResumePoint`].

use super::attribute::ResumePoints;
use super::block::{BESIDE, DecodedBlock, Features, SETTLED};
use super::epoch::Flow;
use super::filtered::{Drop, Drops, MINUTE_US};
use super::labelled::in_windows;
use super::plan::ReplayPlan;
use super::shelf::{BatchId, Shelf, Shelved};
use super::told;
use super::work::Work;
use super::write::Rows;
use crate::audit::actor::Class;
use crate::audit::decode::{Want, decode};
use crate::audit::event::Event;
use crate::audit::filter;
use crate::audit::hash::hash;
use crate::audit::label::{Label, control_plane, propose};
use crate::audit::redact::{redact_body, redact_message, redact_text, redact_uri};
use crate::audit::reject::{Reject, RejectReason};
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use crate::context::facts::{Extractor, Place};
use crate::context::keys::KeySpace;
use crate::context::model::FactBatch;
use crate::lake::LakeError;
use crate::lake::tables::{EventMeta, EventsBuilder, RejectRow, RowNote, annotate};
use crate::source::PartitionId;
use crate::source::buffers::Buffers;
use crate::source::catalog::{Catalog, SourceName};
use crate::source::kafka::{Record, Records, Says};
use hashbrown::HashMap;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// To the stream's owner.
    Block(Box<DecodedBlock>),
    /// To this worker's tables.
    Rows(Rows),
    /// To the counts.
    Dropped(Drop, u64),
    /// To the commit, which may be another process's: what a partition is called.
    Named(PartitionId, SourceName),
}

/// The state of one worker's decoder.
pub struct Decoder {
    worker: u32,
    plan: Arc<ReplayPlan>,
    sources: Arc<Catalog>,
    source: SourceName,
    resumed: Arc<ResumePoints>,
    settled_before: Micros,
    extractor: Extractor,
    stream: KeySpace,
    rows: EventsBuilder,
    labels: HashMap<Label, String>,
    action: String,
    shelf: Shelf,
    /// Where the memory of a block goes when it is decoded.
    buffers: Buffers,
    next_batch: u64,
    /// The record at hand is of another cluster.
    foreign: bool,
}

/// What one block has come to so far.
#[derive(Default)]
struct Yield {
    facts: FactBatch,
    details: Vec<(u32, Detail)>,
    features: Features,
    drops: Drops,
    rejects: Vec<RejectRow>,
    records: u64,
    empty_lines: u64,
    newest: Option<Micros>,
    ahead: Vec<u64>,
}

impl Decoder {
    /// A decoder for worker `worker`. `sources` names the partitions; below `settled_before` and a partition's read position
    /// everything was settled before a restart.
    pub fn new(
        worker: u32,
        plan: Arc<ReplayPlan>,
        sources: Arc<Catalog>,
        (resumed, settled_before): (Arc<ResumePoints>, Micros),
        shelf: Shelf,
        buffers: Buffers,
    ) -> Decoder {
        Decoder {
            worker,
            sources,
            source: SourceName::default(),
            resumed,
            settled_before,
            extractor: Extractor::new(Arc::clone(&plan.tables)),
            stream: KeySpace(hash(&[&plan.cluster])),
            rows: EventsBuilder::new(),
            labels: HashMap::new(),
            action: String::new(),
            shelf,
            buffers,
            next_batch: 0,
            foreign: false,
            plan,
        }
    }

    /// Decodes one block.
    pub fn work(&mut self, work: Work, out: &mut Vec<Out>) -> Result<(), LakeError> {
        let mut found = Yield::default();
        let mut says = None;
        self.source = self.sources.get(work.partition()).unwrap_or_default();
        let (partition, offset, end) = match work {
            Work::Lines(partition, offset, bytes) => {
                let end = offset + bytes.len() as u64;
                self.lines(partition, offset, &bytes, &mut found)?;
                if let Some(bytes) = Arc::into_inner(bytes) {
                    self.buffers.give(bytes);
                }
                (partition, offset, end)
            }
            Work::Unread(unread) => {
                if !self.counted(unread.partition, unread.offset) {
                    self.reject(unread.offset, unread.reject, &mut found);
                }
                (unread.partition, unread.offset, unread.end)
            }
            Work::Messages(records) => {
                self.messages(&records, &mut found)?;
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
        self.plan.progress.add(0, found.records);
        let batch = BatchId(self.next_batch);
        let rows = self.rows.finish()?;
        if rows.num_rows() > 0 {
            if self.plan.ordered() {
                self.next_batch += 1;
                self.shelf.put(batch, Shelved { open: rows.num_rows(), rows, details: found.details });
            } else {
                let notes = vec![RowNote::PLAIN; rows.num_rows()];
                out.push(Out::Rows(Rows::Events(annotate(rows, &notes)?)));
            }
        }
        told::rejected(&found.rejects);
        out.extend(found.rejects.into_iter().map(|row| Out::Rows(Rows::Reject(Box::new(row)))));
        out.extend(found.drops.into_iter().map(|(drop, count)| Out::Dropped(drop, count)));
        out.push(Out::Block(Box::new(DecodedBlock {
            worker: self.worker,
            batch,
            partition,
            offset,
            end,
            // With heads the progress is theirs, event by event, so that it does not depend on where blocks end.
            newest: found.newest.filter(|_| !self.plan.ordered()),
            records: found.records,
            empty_lines: found.empty_lines,
            facts: found.facts,
            ahead: found.ahead,
            says,
            features: found.features,
        })));
        Ok(())
    }

    /// Each message is one record, whatever it holds: newlines in it are its own.
    fn messages(&mut self, records: &Records, found: &mut Yield) -> Result<(), LakeError> {
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let partition = records.partition;
        for Record { offset, value, foreign } in records.iter() {
            let value = match unpack(value, self.plan.max_record_bytes) {
                Ok(value) => value,
                Err(_) if self.counted(partition, offset) => continue,
                Err(reject) => {
                    self.reject(offset, reject, found);
                    continue;
                }
            };
            if value.trim_ascii().is_empty() {
                found.empty_lines += u64::from(!self.counted(partition, offset));
                continue;
            }
            self.foreign = foreign;
            self.record(&value, (partition, offset, now), found)?;
        }
        self.foreign = false;
        Ok(())
    }

    fn record(
        &mut self,
        record: &[u8],
        (partition, offset, now): (PartitionId, u64, Micros),
        found: &mut Yield,
    ) -> Result<(), LakeError> {
        let want = Want { evidence: self.plan.causal() || self.plan.labeler.is_some(), raw_bodies: self.plan.bodies };
        let mut failure = None;
        decode(record, want, &mut |item, event| {
            let place = At { partition, offset, item, now };
            match event {
                Ok(event) => {
                    if let Err(error) = self.event(&event, place, found) {
                        failure.get_or_insert(error);
                    }
                }
                Err(_) if self.counted(partition, offset) => {}
                Err(reject) => self.reject(offset, reject, found),
            }
        });
        failure.map_or(Ok(()), Err)
    }

    fn lines(&mut self, partition: PartitionId, start: u64, bytes: &[u8], found: &mut Yield) -> Result<(), LakeError> {
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let mut from = 0;
        while from < bytes.len() {
            let rest = bytes.get(from..).unwrap_or_default();
            let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, offset) = (rest.get(..len).unwrap_or_default(), start + from as u64);
            from += len;
            if line.trim_ascii().is_empty() {
                found.empty_lines += u64::from(!self.counted(partition, offset));
                continue;
            }
            self.record(line, (partition, offset, now), found)?;
        }
        Ok(())
    }

    /// Whether what needs no order was dealt with before a restart.
    fn counted(&self, partition: PartitionId, offset: u64) -> bool {
        self.resumed.get(&partition).is_some_and(|point| offset < point.read_to)
    }

    fn event(&mut self, event: &Event<'_>, at: At, found: &mut Yield) -> Result<(), LakeError> {
        let counted = self.counted(at.partition, at.offset);
        let resumed = self.resumed.get(&at.partition).filter(|_| counted);
        // The clock decides once: what it said of a record is said again when the record is read again.
        let ahead = match resumed {
            Some(point) => point.decided.ahead.contains(&at.offset),
            None => self.plan.from_the_future(event, at.now),
        };
        if ahead {
            if !counted {
                found.ahead.push(at.offset);
                let message = "its time lies ahead of this machine's clock by more than stream.max_future_skew";
                let reject = Reject::new(RejectReason::FutureTimestamp, "stageTimestamp", message, b"");
                self.reject(at.offset, reject, found);
            }
            return Ok(());
        }
        found.newest = found.newest.max(Some(event.stage_at));
        let time = self.plan.event_time(event);
        let settled = counted && time < self.settled_before;
        let class = event.class();
        if self.foreign {
            if !counted {
                found.records += 1;
                found.drop(time, "cluster", class);
            }
            if self.plan.ordered() {
                // It only tells how far its partition is.
                let place = Place { stream: self.stream, offset: at.offset, item: at.item, row: u32::MAX, at: time };
                let facts = found.facts.facts.len();
                self.extractor.push(event, place, &mut found.facts);
                found.bare(facts, SETTLED);
            }
            return Ok(());
        }
        if let Some(rule) = self.plan.dropped_unseen(event) {
            if !counted {
                found.records += 1;
                found.drop(time, rule, class);
            }
            return Ok(());
        }
        let verdict = self.plan.dropped_by_filter(event);
        if !counted || (!settled && verdict.is_none()) {
            found.records += 1;
        }
        let mut row = u32::MAX;
        match verdict {
            Some(rule) if !counted => found.drop(time, rule, class),
            Some(_) => {}
            None if settled || (counted && !self.plan.ordered()) => {}
            None => row = self.row(event, at, class, found)?,
        }
        if self.plan.ordered() {
            let place = Place { stream: self.stream, offset: at.offset, item: at.item, row, at: time };
            let facts = found.facts.facts.len();
            self.extractor.push(event, place, &mut found.facts);
            if !settled {
                self.features(event, found);
            }
            if settled || !self.plan.causal() {
                found.bare(facts, if settled { SETTLED } else { 0 });
            }
            if !filter::is_row(event) {
                found.bare(facts, BESIDE);
            }
        }
        Ok(())
    }

    /// What the label model sees of the event whose head was pushed last.
    fn features(&self, event: &Event<'_>, found: &mut Yield) {
        let Some(labeler) = self.plan.labeler.as_ref().filter(|_| in_windows(event)) else { return };
        let Some(index) = found.facts.heads.len().checked_sub(1) else { return };
        let mut row = Vec::with_capacity(labeler.encoder().width());
        labeler.encoder().encode(event, &mut row);
        found.features.heads.push(index as u32);
        found.features.rows.push(row);
        found.features.labels.push((propose(event), control_plane(event)));
    }

    fn row(&mut self, event: &Event<'_>, at: At, class: Class, found: &mut Yield) -> Result<u32, LakeError> {
        let label = propose(event);
        let label_text = self.labels.entry(label).or_insert_with(|| label.to_string());
        let body = |raw: Option<&RawValue>| raw.map(redact_body).unwrap_or_default();
        let bodies = self.plan.bodies.then(|| (body(event.request_raw), body(event.response_raw)));
        let harmless = harmless(event);
        self.action.clear();
        _ = write!(self.action, "{}", event.action());
        let row = self.rows.append(
            &harmless,
            &EventMeta {
                cluster: &self.plan.cluster,
                source: &self.source.name,
                partition: self.source.number.unsigned_abs(),
                offset: at.offset,
                item: at.item,
                action: &self.action,
                class: class.as_str(),
                label: label.0,
                label_text,
                request_uri: &redact_uri(&event.request_uri),
                bodies: bodies.as_ref().map(|(request, response)| (request.as_str(), response.as_str())),
            },
        )?;
        if self.plan.contexts
            && let Some(detail) = Detail::of(event)
        {
            found.details.push((row, detail));
        }
        Ok(row)
    }

    fn reject(&self, offset: u64, reject: Reject, found: &mut Yield) {
        found.records += 1;
        found.rejects.push(RejectRow {
            cluster: self.plan.cluster.clone(),
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

impl Yield {
    /// Takes the facts from `facts` on away from the event whose head was pushed last, and flags it.
    fn bare(&mut self, facts: usize, flag: u8) {
        if let Some(head) = self.facts.heads.last_mut() {
            self.facts.facts.truncate(facts);
            head.facts_len = 0;
            head.flags |= flag;
        }
    }

    fn drop(&mut self, at: Micros, rule: &str, class: Class) {
        let drop = Drop { minute: at.floor(MINUTE_US), rule: rule.to_owned(), class: class.as_str().to_owned() };
        *self.drops.entry(drop).or_default() += 1;
    }
}

/// The value of a message: unpacked where it is gzip, as CloudWatch sends it.
fn unpack(value: &[u8], max_bytes: usize) -> Result<Cow<'_, [u8]>, Reject> {
    let too_long = |bytes: &[u8]| {
        let message = format!("the record has more than {max_bytes} bytes; raise files.max_record_bytes to read it");
        Reject::new(RejectReason::TooLong, "", message, bytes.get(..256).unwrap_or(bytes))
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
        Err(error) => Err(Reject::new(RejectReason::Corrupt, "", format!("the message is damaged gzip: {error}"), b"")),
        Ok(_) if bytes.len() > max_bytes => Err(too_long(&bytes)),
        Ok(_) => Ok(Cow::Owned(bytes)),
    }
}

/// The event without what may stand in free text by mistake: a bearer token as the user agent, what an authorizer quotes.
fn harmless<'e, 'a>(event: &'e Event<'a>) -> Cow<'e, Event<'a>> {
    let resource = event.object.as_ref().map_or("", |object| &object.resource);
    let reason = match &*event.decision_reason {
        // RBAC names roles and bindings only, and gives nearly all reasons
        reason if reason.starts_with("RBAC: ") => Cow::Borrowed(reason),
        reason => redact_message(reason, resource),
    };
    let texts = (redact_text(&event.user_agent), reason);
    if let (Cow::Borrowed(_), Cow::Borrowed(_)) = texts {
        return Cow::Borrowed(event);
    }
    let (user_agent, decision_reason) = (texts.0.into_owned().into(), texts.1.into_owned().into());
    Cow::Owned(Event { user_agent, decision_reason, ..event.clone() })
}

/// The operator.
pub fn decode_blocks<'s>(work: Flow<'s, Work>, mut decoder: Decoder) -> Flow<'s, Out> {
    work.unary::<CapacityContainerBuilder<Vec<Out>>, _, _, _>(Pipeline, "Decode", move |_, _| {
        move |input, output| {
            input.for_each(|time, batch| {
                let mut out = Vec::new();
                for work in batch.drain(..) {
                    if let Err(error) = decoder.work(work, &mut out) {
                        out.push(Out::Rows(Rows::Failed(error.to_string())));
                    }
                }
                output.session(&time).give_container(&mut out);
            });
        }
    })
}
