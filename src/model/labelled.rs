//! Labelled events in order, as training and evaluation see them: the same filter, order and columns as in the stream.

use crate::audit::hash::hash;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::model::features::{Table, Touch, Weights};
use std::ops::Range;

/// A pause after which events are another stream: logs of several clusters, or of several days, may be trained on together.
const SEGMENT_GAP_US: i64 = 600_000_000;

/// Why there is nothing to learn from, or to test on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LabelledError(pub String);

/// Events of one or several streams, each in order, one stream after the other.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Their columns.
    pub table: Table,
    /// Order and label.
    pub events: Vec<LabelledEvent>,
    /// What evidence weighs.
    pub weights: Weights,
    /// The streams.
    pub segments: Vec<Range<usize>>,
    /// Hash of everything above.
    pub hash: u64,
}

/// What is known of an event beside its columns.
#[derive(Clone, Debug)]
pub struct LabelledEvent {
    /// Event time.
    pub at: Micros,
    /// Audit id.
    pub audit_id: u128,
    /// Stage.
    pub stage: u8,
    /// Its true label; `None` where nobody knows.
    pub label: Option<Label>,
    /// The label stands for the control plane's routine.
    pub routine: bool,
    /// What links it to others.
    pub touch: Touch,
}

impl Labelled {
    /// Puts events, which come in any order with the rows of `table`, into the order of their streams.
    pub fn new(table: &Table, events: Vec<LabelledEvent>, weights: Weights) -> Labelled {
        let mut placed: Vec<(usize, LabelledEvent)> = events.into_iter().enumerate().collect();
        placed.sort_by_key(|(_, event)| (event.at, event.audit_id, event.stage));
        let places: Vec<usize> = placed.iter().map(|(place, _)| *place).collect();
        let events: Vec<LabelledEvent> = placed.into_iter().map(|(_, event)| event).collect();
        let mut segments: Vec<Range<usize>> = Vec::new();
        let mut last: Option<Micros> = None;
        for (index, event) in events.iter().enumerate() {
            let follows = last.replace(event.at).is_some_and(|last| event.at.since(last) < SEGMENT_GAP_US);
            match segments.last_mut() {
                Some(segment) if follows => segment.end = index + 1,
                _ => segments.push(index..index + 1),
            }
        }
        let texts: Vec<String> =
            events.iter().map(|event| format!("{:x} {} {:?}", event.audit_id, event.stage, event.label)).collect();
        let hash = hash(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        Labelled { table: table.select(&places), events, weights, segments, hash }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The streams cut to `range`.
    pub fn segments_within(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let cut = |s: &Range<usize>| s.start.max(range.start)..s.end.min(range.end);
        self.segments.iter().map(cut).filter(|s| !s.is_empty()).collect()
    }

    /// The classes of a training part: the unknown label, then every label that occurs, in order.
    pub fn classes(&self, parts: &[Range<usize>]) -> Vec<Label> {
        let rows = parts.iter().flat_map(Range::clone);
        let mut labels: Vec<Label> = rows.filter_map(|row| self.events.get(row)?.label).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.retain(|label| *label != Label::UNKNOWN);
        labels.insert(0, Label::UNKNOWN);
        labels
    }
}
