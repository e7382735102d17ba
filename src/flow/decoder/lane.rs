//! What is decoded of a block: of each stream its own, and what counts for all of them.

use super::super::attribute::ResumePoints;
use super::super::block::{Features, Pulse};
use super::super::filtered::MINUTE_US;
use super::super::plan::ReplayPlan;
use super::super::shelf::{BatchId, Shelf, Shelved};
use super::super::write::Rows;
use super::Out;
use crate::audit::actor::Class;
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use crate::context::keys::KeySpace;
use crate::context::model::FactBatch;
use crate::lake::LakeError;
use crate::lake::tables::{EventsBuilder, RejectRow, RowNote, annotate};
use crate::source::kafka::Wanted;
use crate::source::stream::StreamName;
use std::collections::BTreeMap;

/// Where the streams of a run went on after a restart, and which ones it takes.
#[derive(Debug, Default)]
pub struct Restored {
    /// The stream of what names none.
    pub home: StreamName,
    /// Each that was there before.
    pub streams: BTreeMap<StreamName, (ResumePoints, Micros)>,
    /// Which ones are taken; all without it.
    pub wanted: Option<Wanted>,
}

impl Restored {
    /// Where a stream's partitions went on, and before which time everything was settled. One that is new was listened to, in shared
    /// partitions, as far as the others were read.
    pub fn of(&self, stream: &StreamName) -> (ResumePoints, Micros) {
        let shared = || self.streams.get(&self.home).map(|(points, _)| (points.clone(), Micros::MIN));
        self.streams.get(stream).cloned().or_else(shared).unwrap_or_else(|| (ResumePoints::new(), Micros::MIN))
    }

    /// Whether events of a stream are rows; others are counted.
    pub fn takes(&self, stream: &StreamName) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.takes(stream))
    }
}

/// What a worker decodes of one stream.
#[derive(Default)]
pub struct Lane {
    pub stream: StreamName,
    pub keys: KeySpace,
    pub resumed: ResumePoints,
    pub settled_before: Micros,
    /// Rows of the batch in the making.
    pub rows: EventsBuilder,
    /// What is to be told of them beside their columns.
    pub details: Vec<(u32, Detail)>,
    /// Number of that batch, once a block has something of it.
    pub batch: Option<BatchId>,
    /// Of the block at hand.
    pub found: Yield,
}

impl Lane {
    /// Closes the batch in the making: it goes to the shelf, or to the tables where nothing has to be added to it.
    pub fn close_batch(&mut self, plan: &ReplayPlan, shelf: &Shelf, out: &mut Vec<Out>) -> Result<(), LakeError> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        let (rows, details) = (self.rows.finish()?, std::mem::take(&mut self.details));
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let stream = self.stream.clone();
        if plan.ordered() {
            shelf.put(batch, Shelved { stream, open: rows.num_rows(), rows, details });
        } else {
            let notes = vec![Some(&RowNote::PLAIN); rows.num_rows()];
            out.push(Out::Rows(stream, Rows::Events(annotate(rows, &notes)?)));
        }
        Ok(())
    }
}

/// What one block says of its partition, of whatever stream its events are.
#[derive(Default)]
pub struct Pace {
    pub pulses: Vec<Pulse>,
    pub newest: Option<Micros>,
    pub ahead: Vec<u64>,
    pub records: u64,
    pub empty_lines: u64,
}

/// What one block has come to so far of one stream.
#[derive(Default)]
pub struct Yield {
    /// The block holds something of it.
    pub any: bool,
    pub facts: FactBatch,
    pub features: Features,
    /// By start of the minute, rule and class.
    pub drops: BTreeMap<(Micros, &'static str, Class), u64>,
    pub rejects: Vec<RejectRow>,
}

impl Yield {
    /// Takes the facts from `facts` on away from the event whose head was pushed last, and flags it.
    pub fn bare(&mut self, facts: usize, flag: u8) {
        if let Some(head) = self.facts.heads.last_mut() {
            self.facts.facts.truncate(facts);
            head.facts_len = 0;
            head.flags |= flag;
        }
    }

    /// Counts an event that has no row.
    pub fn drop(&mut self, at: Micros, rule: &'static str, class: Class) {
        *self.drops.entry((at.floor(MINUTE_US), rule, class)).or_default() += 1;
    }
}
