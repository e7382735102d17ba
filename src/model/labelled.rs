//! Labelled events in order, as training and evaluation see them: the same filter, order and columns as in the stream.

use crate::audit::hash::hash;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::model::features::Table;
use std::ops::Range;

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
    /// What the causal engine says by itself: the label of the start of the event's context.
    pub origin: Option<Label>,
}

impl Labelled {
    /// Events with the rows of `table`, in the order of their streams, and these streams.
    pub fn new(table: Table, events: Vec<LabelledEvent>, segments: Vec<Range<usize>>) -> Labelled {
        let texts: Vec<String> =
            events.iter().map(|event| format!("{:x} {} {:?}", event.audit_id, event.stage, event.label)).collect();
        let hash = hash(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        Labelled { table, events, segments, hash }
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
