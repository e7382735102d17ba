//! Labelled events in order, as training and evaluation see them: the same filter, order and columns as in the stream.

use super::TrainError;
use crate::audit::decode::{Want, decode};
use crate::audit::event::Event;
use crate::audit::filter::{Decision, Rules, Switches, decide, is_row};
use crate::audit::hash::hash;
use crate::audit::label::Label;
use crate::audit::time::Micros;
use crate::context::facts::audit_id;
use crate::context::model::AuditId;
use crate::model::features::{FeatureSet, Table};
use crate::source::files::{FileSource, Item, Settings, discover};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// A pause after which events are another stream: logs of several clusters, or of several days, may be trained on together.
const SEGMENT_GAP_US: i64 = 600_000_000;
/// Half the default of `stream.allowed_lateness`, as in the order of a stream.
const HALF_LATENESS_US: i64 = 5_000_000;

/// Events of one or several streams, each in order, one stream after the other.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// Their columns.
    pub table: Table,
    /// Time since the previous event of the stream.
    pub gaps_us: Vec<i64>,
    /// Their true labels; `None` where nobody knows.
    pub labels: Vec<Option<Label>>,
    /// Whether the label was made for the control plane's routine.
    pub routine: Vec<bool>,
    /// The streams.
    pub segments: Vec<Range<usize>>,
    /// Hash of everything above.
    pub hash: u64,
}

/// The members of a line that labelling adds.
#[derive(Deserialize, Default)]
struct Marks {
    label: Option<i32>,
    #[serde(default)]
    cplabel: bool,
}

/// Order and label of an event whose columns are in the table.
struct Row {
    at: Micros,
    audit_id: AuditId,
    stage: u8,
    label: Option<Label>,
    routine: bool,
    place: usize,
}

impl Labelled {
    /// Reads labelled audit lines: files, folders, globs. Events that have no row of their own, or that the light filter removes,
    /// are left out, as they are in the stream.
    ///
    /// # Errors
    /// [`TrainError`] when an input cannot be read or holds no label.
    pub fn read(inputs: &[String], set: FeatureSet) -> Result<Labelled, TrainError> {
        let failed = |error: &dyn std::fmt::Display| TrainError::Data(error.to_string());
        let files = discover(inputs).map_err(|e| failed(&e))?;
        let mut source = FileSource::new(files, &BTreeMap::new(), Settings::default()).map_err(|e| failed(&e))?;
        let mut reader = Reader { table: Table::new(set), rows: Vec::new(), switches: Switches::default() };
        while let Some(item) = source.next_item().map_err(|e| failed(&e))? {
            if let Item::Block(block) = item {
                block.bytes.split(|byte| *byte == b'\n').for_each(|line| reader.line(line));
            }
        }
        let labelled = reader.finish();
        if labelled.labels.iter().all(Option::is_none) {
            return Err(TrainError::Data(format!(
                "none of the {} events has a label; write labels with `causeway label apply`",
                labelled.labels.len()
            )));
        }
        Ok(labelled)
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The streams cut to `range`.
    pub fn segments_within(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let cut = |s: &Range<usize>| s.start.max(range.start)..s.end.min(range.end);
        self.segments.iter().map(cut).filter(|s| !s.is_empty()).collect()
    }

    /// The classes of a training part: the unknown label, then every label that occurs, in order.
    pub fn classes(&self, parts: &[Range<usize>]) -> Vec<Label> {
        let mut labels: Vec<Label> =
            parts.iter().flat_map(Range::clone).filter_map(|row| *self.labels.get(row)?).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.retain(|label| *label != Label::UNKNOWN);
        labels.insert(0, Label::UNKNOWN);
        labels
    }
}

struct Reader {
    table: Table,
    rows: Vec<Row>,
    switches: Switches,
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
        if !in_windows(event, Rules::Strict, &self.switches) {
            return;
        }
        self.rows.push(Row {
            at: event.received_at.max(event.stage_at.plus(-HALF_LATENESS_US)),
            audit_id: audit_id(&event.audit_id),
            stage: event.stage as u8,
            label: marks.label.map(Label),
            routine: marks.cplabel,
            place: self.table.len(),
        });
        self.table.push(event);
    }

    fn finish(mut self) -> Labelled {
        self.rows.sort_by_key(|row| (row.at, row.audit_id, row.stage));
        let places: Vec<usize> = self.rows.iter().map(|row| row.place).collect();
        let mut segments: Vec<Range<usize>> = Vec::new();
        let (mut gaps_us, mut last) = (Vec::with_capacity(self.rows.len()), None);
        for (index, row) in self.rows.iter().enumerate() {
            let gap = last.replace(row.at).map(|last| row.at.since(last)).filter(|gap| *gap < SEGMENT_GAP_US);
            match (gap, segments.last_mut()) {
                (Some(_), Some(segment)) => segment.end = index + 1,
                _ => segments.push(index..index + 1),
            }
            gaps_us.push(gap.unwrap_or(0));
        }
        let texts: Vec<String> =
            self.rows.iter().map(|row| format!("{:x} {} {:?}", row.audit_id.0, row.stage, row.label)).collect();
        Labelled {
            table: self.table.select(&places),
            gaps_us,
            labels: self.rows.iter().map(|row| row.label).collect(),
            routine: self.rows.iter().map(|row| row.routine).collect(),
            segments,
            hash: hash(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
}

/// Whether windows hold the event: one row a request, and what K8NTEXT's light filter keeps.
pub fn in_windows(event: &Event<'_>, rules: Rules, switches: &Switches) -> bool {
    is_row(event) && !matches!(decide(event, rules, switches), Decision::Removed(_))
}
