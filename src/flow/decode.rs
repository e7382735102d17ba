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

use super::attribute::{BESIDE, DecodedBlock, ResumePoints, SETTLED};
use super::epoch::Flow;
use super::filtered::{Drop, Drops, MINUTE_US};
use super::labelled::{in_windows, touch};
use super::plan::ReplayPlan;
use super::shelf::{BatchId, Shelf, Shelved};
use super::windows::Features;
use super::write::Rows;
use crate::audit::actor::Class;
use crate::audit::decode::{Want, decode};
use crate::audit::event::Event;
use crate::audit::filter;
use crate::audit::hash::hash;
use crate::audit::label::{Label, propose};
use crate::audit::redact::{redact_body, redact_message, redact_text, redact_uri};
use crate::audit::reject::{Reject, RejectReason};
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use crate::context::facts::{Extractor, Place};
use crate::context::keys::KeySpace;
use crate::context::model::FactBatch;
use crate::lake::LakeError;
use crate::lake::tables::{EventMeta, EventsBuilder, RejectRow, RowNote, annotate};
use crate::source::files::Item;
use crate::source::{Block, Offset, PartitionId};
use hashbrown::HashMap;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

/// What a worker is given.
#[derive(Clone, Debug)]
pub enum Work {
    /// Lines to decode.
    Lines(PartitionId, u64, Arc<Vec<u8>>),
    /// A record that could not be read.
    Unread(Unread),
}

/// A record that could not be read.
#[derive(Clone, Debug)]
pub struct Unread {
    partition: PartitionId,
    offset: u64,
    end: u64,
    reject: Reject,
}

impl Work {
    /// Bytes of input.
    pub fn len(&self) -> u64 {
        match self {
            Work::Lines(_, _, bytes) => bytes.len() as u64,
            Work::Unread(unread) => unread.end.saturating_sub(unread.offset),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a source item gives a worker to do; `None` for an item that only tells of the source.
    pub fn of(item: Item) -> Option<Work> {
        let end = item.end().unwrap_or_default().0;
        match item {
            Item::Block(Block { partition, offset, bytes }) => Some(Work::Lines(partition, offset.0, Arc::new(bytes))),
            Item::Oversize { partition, offset: Offset(offset), len, head } => {
                let message = format!("the record has {len} bytes; raise files.max_record_bytes to read it");
                let reject = Reject::new(RejectReason::TooLong, "", message, &head);
                Some(Work::Unread(Unread { partition, offset, end, reject }))
            }
            Item::Corrupt { partition, offset: Offset(offset), message, head } => {
                let message = format!("{message}; nothing behind this place could be read");
                let reject = Reject::new(RejectReason::Corrupt, "", message, &head);
                Some(Work::Unread(Unread { partition, offset, end, reject }))
            }
            Item::Shrunk { .. } | Item::End(_) => None,
        }
    }
}

/// What leaves the operator.
#[derive(Clone, Debug)]
pub enum Out {
    /// To the stream's owner.
    Block(Box<DecodedBlock>),
    /// To this worker's tables.
    Rows(Rows),
    /// To the counts.
    Dropped(Drop, u64),
}

/// The state of one worker's decoder.
pub struct Decoder {
    worker: u32,
    plan: Arc<ReplayPlan>,
    sources: Arc<Vec<String>>,
    resumed: Arc<ResumePoints>,
    settled_before: Micros,
    extractor: Extractor,
    stream: KeySpace,
    rows: EventsBuilder,
    labels: HashMap<Label, String>,
    action: String,
    shelf: Shelf,
    next_batch: u64,
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
}

impl Decoder {
    /// A decoder for worker `worker`. `sources` names the partitions; below `settled_before` and a partition's read position
    /// everything was settled before a restart.
    pub fn new(
        worker: u32,
        plan: Arc<ReplayPlan>,
        sources: Arc<Vec<String>>,
        (resumed, settled_before): (Arc<ResumePoints>, Micros),
        shelf: Shelf,
    ) -> Decoder {
        Decoder {
            worker,
            sources,
            resumed,
            settled_before,
            extractor: Extractor::new(Arc::clone(&plan.tables)),
            stream: KeySpace(hash(&[&plan.cluster])),
            rows: EventsBuilder::new(),
            labels: HashMap::new(),
            action: String::new(),
            shelf,
            next_batch: 0,
            plan,
        }
    }

    /// Decodes one block.
    pub fn work(&mut self, work: &Work, out: &mut Vec<Out>) -> Result<(), LakeError> {
        let mut found = Yield::default();
        let (partition, offset, end) = match work {
            Work::Lines(partition, offset, bytes) => {
                self.lines(*partition, *offset, bytes, &mut found)?;
                (*partition, *offset, *offset + bytes.len() as u64)
            }
            Work::Unread(unread) => {
                if !self.counted(unread.partition, unread.offset) {
                    self.reject(unread.partition, unread.offset, unread.reject.clone(), &mut found);
                }
                (unread.partition, unread.offset, unread.end)
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
            features: found.features,
        })));
        Ok(())
    }

    fn lines(&mut self, partition: PartitionId, start: u64, bytes: &[u8], found: &mut Yield) -> Result<(), LakeError> {
        let want = Want { evidence: self.plan.contexts || self.plan.labeler.is_some(), raw_bodies: self.plan.bodies };
        let now = Micros(jiff::Timestamp::now().as_microsecond());
        let mut from = 0;
        let mut failure = None;
        while from < bytes.len() {
            let rest = bytes.get(from..).unwrap_or_default();
            let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, offset) = (rest.get(..len).unwrap_or_default(), start + from as u64);
            from += len;
            if line.trim_ascii().is_empty() {
                found.empty_lines += u64::from(!self.counted(partition, offset));
                continue;
            }
            decode(line, want, &mut |item, event| {
                let place = At { partition, offset, item, now };
                match event {
                    Ok(event) => {
                        if let Err(error) = self.event(&event, place, found) {
                            failure.get_or_insert(error);
                        }
                    }
                    Err(_) if self.counted(partition, offset) => {}
                    Err(reject) => self.reject(partition, offset, reject, found),
                }
            });
        }
        failure.map_or(Ok(()), Err)
    }

    /// Whether what needs no order was dealt with before a restart.
    fn counted(&self, partition: PartitionId, offset: u64) -> bool {
        self.resumed.get(&partition).is_some_and(|point| offset < point.read_to)
    }

    fn event(&mut self, event: &Event<'_>, at: At, found: &mut Yield) -> Result<(), LakeError> {
        let counted = self.counted(at.partition, at.offset);
        if self.plan.from_the_future(event, at.now) {
            if !counted {
                let message = "its time lies ahead of this machine's clock by more than stream.max_future_skew";
                let reject = Reject::new(RejectReason::FutureTimestamp, "stageTimestamp", message, b"");
                self.reject(at.partition, at.offset, reject, found);
            }
            return Ok(());
        }
        found.newest = found.newest.max(Some(event.stage_at));
        let time = self.plan.event_time(event);
        let settled = counted && time < self.settled_before;
        let class = event.class();
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
            if (settled || !self.plan.contexts)
                && let Some(head) = found.facts.heads.last_mut()
            {
                found.facts.facts.truncate(facts);
                head.facts_len = 0;
                head.flags |= if settled { SETTLED } else { 0 };
            }
            if !filter::is_row(event)
                && let Some(head) = found.facts.heads.last_mut()
            {
                found.facts.facts.truncate(facts);
                head.facts_len = 0;
                head.flags |= BESIDE;
            }
        }
        Ok(())
    }

    /// What the label model sees of the event whose head was pushed last.
    fn features(&self, event: &Event<'_>, found: &mut Yield) {
        let Some(labeler) = self.plan.labeler.as_ref().filter(|_| in_windows(event)) else { return };
        let Some(head) = found.facts.heads.last() else { return };
        let mut row = Vec::with_capacity(labeler.encoder().width());
        labeler.encoder().encode(event, &mut row);
        found.features.heads.push(found.facts.heads.len() as u32 - 1);
        found.features.rows.push(row);
        found.features.touches.push(touch(head, &found.facts));
    }

    fn row(&mut self, event: &Event<'_>, at: At, class: Class, found: &mut Yield) -> Result<u32, LakeError> {
        let label = propose(event);
        let label_text = self.labels.entry(label).or_insert_with(|| label.to_string());
        let source = self.sources.get(at.partition.0 as usize).map_or("", String::as_str);
        let body = |raw: Option<&RawValue>| raw.map(redact_body).unwrap_or_default();
        let bodies = self.plan.bodies.then(|| (body(event.request_raw), body(event.response_raw)));
        let harmless = harmless(event);
        self.action.clear();
        _ = write!(self.action, "{}", event.action());
        let row = self.rows.append(
            &harmless,
            &EventMeta {
                cluster: &self.plan.cluster,
                source,
                partition: 0,
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

    fn reject(&self, partition: PartitionId, offset: u64, reject: Reject, found: &mut Yield) {
        found.records += 1;
        found.rejects.push(RejectRow {
            cluster: self.plan.cluster.clone(),
            source: self.sources.get(partition.0 as usize).cloned().unwrap_or_default(),
            partition: 0,
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
    fn drop(&mut self, at: Micros, rule: &str, class: Class) {
        let drop = Drop { minute: at.floor(MINUTE_US), rule: rule.to_owned(), class: class.as_str().to_owned() };
        *self.drops.entry(drop).or_default() += 1;
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
                    if let Err(error) = decoder.work(&work, &mut out) {
                        out.push(Out::Rows(Rows::Failed(error.to_string())));
                    }
                }
                output.session(&time).give_container(&mut out);
            });
        }
    })
}
