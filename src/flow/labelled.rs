//! Reads labelled audit logs for training: the same decoding, filter, order and links as in the dataflow.

use crate::audit::decode::{Want, decode};
use crate::audit::event::Event;
use crate::audit::filter::{Decision, Rules, Switches, decide, is_row};
use crate::audit::hash::hash;
use crate::audit::label::Label;
use crate::context::facts::{Extractor, Place};
use crate::context::keys::KeySpace;
use crate::context::model::{Actor, Fact, FactBatch, Head, flags};
use crate::context::tables::Tables;
use crate::model::features::{FeatureSet, Link, Table, Touch, Weights};
use crate::model::labelled::{Labelled, LabelledError, LabelledEvent};
use crate::source::files::{FileSource, Item, Settings, discover};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Half the default of `stream.allowed_lateness`, as in [`super::ReplayPlan::event_time`].
const HALF_LATENESS_US: i64 = 5_000_000;

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
    let mut reader =
        Reader { table: Table::new(set), events: Vec::new(), extractor: Extractor::new(Arc::clone(&tables)) };
    while let Some(item) = source.next_item().map_err(|e| failed(&e))? {
        if let Item::Block(block) = item {
            block.bytes.split(|byte| *byte == b'\n').for_each(|line| reader.line(line));
        }
    }
    if reader.events.iter().all(|event| event.label.is_none()) {
        let count = reader.events.len();
        let message = format!("none of the {count} events has a label; write labels with `causeway label apply`");
        return Err(LabelledError(message));
    }
    Ok(Labelled::new(&reader.table, reader.events, weights(&tables)))
}

struct Reader {
    table: Table,
    events: Vec<LabelledEvent>,
    extractor: Extractor,
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let marks: Marks = serde_json::from_slice(line).unwrap_or_default();
        decode(line, Want { evidence: true, raw_bodies: false }, &mut |_, event| {
            if let Ok(event) = event {
                self.event(&event, &marks);
            }
        });
    }

    fn event(&mut self, event: &Event<'_>, marks: &Marks) {
        if !in_windows(event) {
            return;
        }
        let at = event.received_at.max(event.stage_at.plus(-HALF_LATENESS_US));
        let mut facts = FactBatch::default();
        let stream = KeySpace(hash(&["training"]));
        self.extractor.push(event, Place { stream, offset: 0, item: 0, row: 0, at }, &mut facts);
        let Some(head) = facts.heads.first() else { return };
        self.events.push(LabelledEvent {
            at,
            audit_id: head.audit_id.0,
            stage: event.stage as u8,
            label: marks.label.map(Label),
            routine: marks.cplabel,
            touch: touch(head, &facts),
        });
        self.table.push(event);
    }
}

/// Whether windows hold the event: one row a request, and what K8NTEXT's light filter keeps. What a run's own filter says of rows
/// does not matter here: a model sees what it was trained on.
pub fn in_windows(event: &Event<'_>) -> bool {
    is_row(event) && !matches!(decide(event, Rules::Strict, &Switches::default()), Decision::Removed(_))
}

/// What the rules say that evidence weighs.
pub fn weights(tables: &Tables) -> Weights {
    Weights(tables.tiers().into())
}

/// What links an event to others: its facts.
pub fn touch(head: &Head, facts: &FactBatch) -> Touch {
    let facts = facts.facts_of(head).iter();
    Touch {
        client: head.session,
        user: head.user,
        person: head.actor == Actor::Human,
        write: head.flags & flags::WRITE != 0,
        own_root: head.flags & flags::OWN_ROOT != 0,
        links: facts.map(link).collect(),
    }
}

fn link(fact: &Fact) -> Link {
    Link { key: fact.key, written: fact.produce, by_others: fact.own, kind: fact.code }
}
