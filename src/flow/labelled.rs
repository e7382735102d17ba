//! Reads labelled audit logs for training: the same decoding, filter, order and causes as in the dataflow.
//!
//! ```text
//! lines ─▶ columns of the event ─────────────────────────────────────┐
//!       └▶ facts of all events ─▶ event order ─▶ causal engine ─▶ columns of the order ─▶ Labelled
//! ```
//! The engine sees no label: what it says is found in the same way as in a run.

use crate::audit::decode::{Reading, Want, decode};
use crate::audit::event::Event;
use crate::audit::filter::{Decision, Rules, Switches, decide, is_row};
use crate::audit::hash::hash;
use crate::audit::label::{Label, control_plane, propose};
use crate::audit::time::Micros;
use crate::context::engine::{Ahead, Engine};
use crate::context::facts::{Extractor, Place};
use crate::context::keys::KeySpace;
use crate::context::model::{FactBatch, Input, flags};
use crate::context::tables::Tables;
use crate::model::features::{FeatureSet, Sequence, Table, Trace};
use crate::model::labelled::{Labelled, LabelledError, LabelledEvent};
use crate::source::files::{FileSource, Item, Settings, discover};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Half the default of `stream.allowed_lateness`, as in [`super::ReplayPlan::event_time`].
const HALF_LATENESS_US: i64 = 5_000_000;

/// A pause after which events are another stream: logs of several clusters, or of several days, may be trained on together.
const PAUSE_US: i64 = 600_000_000;

/// The members of a line that labelling adds.
#[derive(Deserialize, Default)]
struct Marks {
    label: Option<i32>,
    #[serde(default)]
    cplabel: bool,
}

/// Reads labelled audit lines: files, folders, globs. Events that have no row of their own, or that the light filter removes,
/// are left out, as they are in the stream.
///
/// # Errors
/// [`LabelledError`] when an input cannot be read or holds no label.
pub fn read_labelled(inputs: &[String], set: FeatureSet) -> Result<Labelled, LabelledError> {
    let failed = |error: &dyn std::fmt::Display| LabelledError(error.to_string());
    let files = discover(inputs).map_err(|e| failed(&e))?;
    let mut source = FileSource::new(files, &BTreeMap::new(), Settings::default()).map_err(|e| failed(&e))?;
    let tables = Arc::new(Tables::built_in().map_err(|e| failed(&e))?);
    let mut reader = Reader {
        table: Table::new(set),
        facts: FactBatch::default(),
        marked: Vec::new(),
        extractor: Extractor::new(Arc::clone(&tables)),
    };
    while let Some(item) = source.next_item().map_err(|e| failed(&e))? {
        if let Item::Block(block) = item {
            block.bytes.split(|byte| *byte == b'\n').for_each(|line| reader.line(line));
        }
    }
    if reader.marked.iter().flatten().all(|event| event.label.is_none()) {
        let count = reader.table.len();
        let message = format!("none of the {count} events has a label; write labels with `causeway label apply`");
        return Err(LabelledError(message));
    }
    Ok(reader.in_order(&tables))
}

struct Reader {
    table: Table,
    /// All events, of which those in windows have a row in the table.
    facts: FactBatch,
    marked: Vec<Option<Marked>>,
    extractor: Extractor,
}

/// What is known of an event in windows before it is in order.
struct Marked {
    row: usize,
    label: Option<Label>,
    routine: bool,
    own: Label,
    own_routine: Label,
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let marks: Marks = serde_json::from_slice(line).unwrap_or_default();
        decode(line, Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
            if let Ok(event) = event {
                self.event(event, &marks);
            }
        });
    }

    fn event(&mut self, event: &Event<'_>, marks: &Marks) {
        if !is_row(event) {
            return;
        }
        let at = event.received_at.max(event.stage_at.plus(-HALF_LATENESS_US));
        let stream = KeySpace(hash(&["training"]));
        self.extractor.push(event, Place { stream, offset: 0, item: 0, row: 0, at }, &mut self.facts);
        let marked = in_windows(event).then(|| Marked {
            row: self.table.len(),
            label: marks.label.map(Label),
            routine: marks.cplabel,
            own: propose(event),
            own_routine: control_plane(event),
        });
        if marked.is_some() {
            self.table.push(event);
        }
        self.marked.push(marked);
    }

    /// Puts the events in order, stream by stream, and lets the causal engine see them.
    fn in_order(mut self, tables: &Arc<Tables>) -> Labelled {
        let heads = &self.facts.heads;
        let mut order: Vec<usize> = (0..heads.len()).collect();
        let key = |index: &usize| heads.get(*index).map(|head| (head.at, head.audit_id, head.stage));
        order.sort_by_key(key);
        let at = |index: &usize| heads.get(*index).map_or(Micros::MIN, |head| head.at);
        let (mut rows, mut events, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        for stream in order.chunk_by(|a, b| at(b).since(at(a)) < PAUSE_US) {
            let from = events.len();
            let mut engine = Engine::new(Arc::clone(tables));
            let mut sequence = Sequence::default();
            let mut ordered = Vec::new();
            for (number, index) in stream.iter().enumerate() {
                let Some(Input { head, facts, client }) = Input::of(&self.facts, *index) else { continue };
                let ahead = Behind { facts: &self.facts, order: stream.get(number + 1..).unwrap_or_default() };
                let said = Some(engine.apply_before(head, facts, client, &ahead));
                engine.retire(head.at);
                let Some(Some(marked)) = self.marked.get(*index) else { continue };
                let write = head.flags & flags::WRITE != 0;
                let trace = Trace { said, own: marked.own, routine: marked.own_routine, write };
                ordered.extend(sequence.push(head.at, &trace));
                sequence.forget();
                rows.push(marked.row);
                let (label, routine) = (marked.label, marked.routine);
                let audit_id = head.audit_id.0;
                events.push(LabelledEvent {
                    at: head.at,
                    audit_id,
                    stage: head.stage as u8,
                    label,
                    routine,
                    origin: None,
                });
            }
            ordered.extend(sequence.finish());
            for ((row, event), ordered) in rows.iter().zip(&mut events).skip(from).zip(ordered) {
                self.table.complete(*row, &ordered);
                event.origin = ordered.origin;
            }
            segments.push(from..events.len());
        }
        segments.retain(|segment| !segment.is_empty());
        Labelled::new(self.table.select(&rows), events, segments)
    }
}

/// The events behind one.
struct Behind<'a> {
    facts: &'a FactBatch,
    order: &'a [usize],
}

impl Ahead for Behind<'_> {
    fn event(&self, index: usize) -> Option<Input<'_>> {
        Input::of(self.facts, *self.order.get(index)?)
    }
}

/// Whether windows hold the event: one row a request, and what K8NTEXT's light filter keeps. What a run's own filter says of rows
/// does not matter here: a model sees what it was trained on.
pub fn in_windows(event: &Event<'_>) -> bool {
    is_row(event) && !matches!(decide(event, Rules::Strict, &Switches::default()), Decision::Removed(_))
}
