//! The second half of an `events` row: what the pipeline found out about it after it was decoded.

use super::Table;
use super::column::Column;
use super::events::{COLUMNS, is_annotation};
use super::intern::{DictColumn, MAX_BATCH_TEXT, TextColumn};
use crate::audit::audit_id::{audit_uuid_text, hex};
use crate::audit::hash::Id;
use crate::lake::LakeError;
use arrow_array::{ArrayRef, BooleanArray, Float32Array, Int32Array, RecordBatch, UInt16Array, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of an id, and of a UUID, as text.
const ID_BYTES: usize = 16;
const UUID_BYTES: usize = 36;

/// An audit id: a UUID as its 128 bits, or the text of an id that is none.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AuditIdText<'a> {
    /// Written as `8-4-4-4-12` hexadecimal digits.
    Uuid(u128),
    /// Written as it is.
    Text(&'a str),
}

/// What the label model says of one row.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ModelLabel<'a> {
    /// Code of the label.
    pub label: i32,
    /// The label in words.
    pub text: &'a str,
    /// Share of the votes that it had.
    pub confidence: f32,
    /// Another label came close.
    pub undecided: bool,
    /// Version of the model.
    pub version: &'a str,
}

/// What the pipeline says of one row.
#[derive(Copy, Clone, Debug)]
pub struct RowNote<'a> {
    /// Session of the event.
    pub session: Option<Id>,
    /// Context of the event; `None` for background.
    pub context: Option<Id>,
    /// What the event is in its context: `root`, `request`, `effect` or `background`; empty where contexts are off.
    pub role: &'static str,
    /// Request that caused it.
    pub cause_audit_id: Option<AuditIdText<'a>>,
    /// The evidence, in words.
    pub cause_reason: Option<&'static str>,
    /// Weight of that evidence, and by how much it outweighs the best cause in another context.
    pub cause_weight: Option<(u8, u8)>,
    /// Arrived after its time was settled.
    pub late: bool,
    /// What the label model voted for; `None` without one, and for events that are in no window.
    pub model: Option<ModelLabel<'a>>,
}

impl RowNote<'_> {
    /// A row of which nothing is said.
    pub const PLAIN: RowNote<'static> = RowNote {
        session: None,
        context: None,
        role: "",
        cause_audit_id: None,
        cause_reason: None,
        cause_weight: None,
        late: false,
        model: None,
    };

    /// Whether something is said of the row.
    fn says_anything(&self) -> bool {
        let RowNote { session, context, role, cause_audit_id, cause_reason, cause_weight, late, model } = *self;
        let placed = session.is_some() || context.is_some() || !role.is_empty();
        let caused = cause_audit_id.is_some() || cause_reason.is_some() || cause_weight.is_some();
        placed || caused || late || model.is_some()
    }
}

/// What is said of each row of a batch; a row without a note is not written, or not now.
type RowNotes<'n, 'a> = [Option<&'n RowNote<'a>>];

/// Completes a batch of [`EventsBuilder`](super::EventsBuilder): drops the rows that have no note and adds what the others say.
///
/// # Errors
/// [`LakeError::Batch`] when there is not one place in `notes` for each row.
pub fn annotate(batch: RecordBatch, notes: &[Option<&RowNote<'_>>]) -> Result<RecordBatch, LakeError> {
    if notes.len() != batch.num_rows() {
        let what = format!("{} notes for {} rows", notes.len(), batch.num_rows());
        return Err(LakeError::batch(Table::Events)(ArrowError::InvalidArgumentError(what)));
    }
    let text_bytes =
        |note: &&RowNote<'_>| if let Some(AuditIdText::Text(t)) = note.cause_audit_id { t.len() } else { UUID_BYTES };
    let text: usize = notes.iter().flatten().map(text_bytes).sum();
    if text > MAX_BATCH_TEXT {
        return Err(LakeError::Full { table: Table::Events.name() });
    }
    let annotated = keep(batch, notes).and_then(|batch| join(&batch, notes));
    annotated.map_err(LakeError::batch(Table::Events))
}

/// The rows that are kept, without a copy where they lie together.
fn keep(batch: RecordBatch, notes: &RowNotes<'_, '_>) -> Result<RecordBatch, ArrowError> {
    let kept = notes.iter().flatten().count();
    let first = notes.iter().position(Option::is_some).unwrap_or(0);
    if kept == notes.len() {
        return Ok(batch);
    }
    if notes.iter().skip(first).take(kept).all(Option::is_some) {
        return Ok(batch.slice(first, kept));
    }
    filter_record_batch(&batch, &BooleanArray::from(notes.iter().map(Option::is_some).collect::<Vec<bool>>()))
}

/// The whole row: the decoded columns and the annotations, in the order of the table.
fn join(batch: &RecordBatch, notes: &RowNotes<'_, '_>) -> Result<RecordBatch, ArrowError> {
    let mut noted = note_columns(notes)?;
    let column = |column: &Column| match batch.column_by_name(column.name) {
        Some(array) if !is_annotation(column.name) => Arc::clone(array),
        _ => noted.remove(column.name).unwrap_or_else(|| new_null_array(&column.kind.data_type(), batch.num_rows())),
    };
    let columns: Vec<ArrayRef> = COLUMNS.iter().map(column).collect();
    RecordBatch::try_new(Table::Events.schema(), columns)
}

/// The columns of which something is said; those that are missing are null all through.
fn note_columns(notes: &RowNotes<'_, '_>) -> Result<BTreeMap<&'static str, ArrayRef>, ArrowError> {
    let rows = notes.iter().flatten().count();
    if !notes.iter().flatten().any(|note| note.says_anything()) {
        let late = BooleanArray::new(BooleanBuffer::new_unset(rows), None);
        return Ok(BTreeMap::from([("late", Arc::new(late) as ArrayRef)]));
    }
    let [mut session, mut context, mut cause] =
        [ID_BYTES, ID_BYTES, UUID_BYTES].map(|bytes| TextColumn::with_room(rows, bytes));
    let (mut role, mut reason) = (DictColumn::default(), DictColumn::default());
    let (mut weight, mut margin, mut late) = (Vec::new(), Vec::new(), Vec::new());
    let (mut label, mut confidence, mut undecided) = (Vec::new(), Vec::new(), Vec::new());
    let (mut label_text, mut version) = (DictColumn::default(), DictColumn::default());
    let any_label = notes.iter().flatten().any(|note| note.model.is_some());
    for note in notes.iter().flatten() {
        push_id(&mut session, note.session);
        push_id(&mut context, note.context);
        role.push_some(note.role);
        match note.cause_audit_id {
            None => cause.push_null(),
            Some(AuditIdText::Text(text)) => cause.push(text),
            Some(AuditIdText::Uuid(bits)) => cause.push(ascii(&audit_uuid_text(bits))),
        }
        reason.push_some(note.cause_reason.unwrap_or_default());
        weight.push(note.cause_weight.map(|(weight, _)| u16::from(weight)));
        margin.push(note.cause_weight.map(|(_, margin)| u16::from(margin)));
        late.push(note.late);
        if any_label {
            label.push(note.model.map(|model| model.label));
            confidence.push(note.model.map(|model| model.confidence));
            undecided.push(note.model.map(|model| model.undecided));
            label_text.push_some(note.model.map_or("", |model| model.text));
            version.push_some(note.model.map_or("", |model| model.version));
        }
    }
    let mut columns = BTreeMap::from([
        ("session_id", session.finish()),
        ("context_id", context.finish()),
        ("context_role", role.finish()?),
        ("cause_audit_id", cause.finish()),
        ("cause_reason", reason.finish()?),
        ("cause_weight", Arc::new(UInt16Array::from(weight)) as ArrayRef),
        ("cause_margin", Arc::new(UInt16Array::from(margin)) as ArrayRef),
        ("late", Arc::new(BooleanArray::from(late)) as ArrayRef),
    ]);
    if any_label {
        columns.extend([
            ("model_label", Arc::new(Int32Array::from(label)) as ArrayRef),
            ("model_label_text", label_text.finish()?),
            ("model_confidence", Arc::new(Float32Array::from(confidence)) as ArrayRef),
            ("model_undecided", Arc::new(BooleanArray::from(undecided)) as ArrayRef),
            ("model_version", version.finish()?),
        ]);
    }
    Ok(columns)
}

fn push_id(column: &mut TextColumn, id: Option<Id>) {
    match id {
        Some(Id(bits)) => column.push(ascii(&hex::<ID_BYTES>(u128::from(bits) << 64))),
        None => column.push_null(),
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::samples::{START_US, event, meta, note};
    use crate::lake::tables::EventsBuilder;
    use crate::lake::tables::read::Cells;
    use proptest::prelude::*;

    fn bare(rows: usize) -> RecordBatch {
        let mut builder = EventsBuilder::new();
        for n in 0..rows {
            builder.append(&event(&format!("a{n}"), START_US), &meta(n as u64)).unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn notes_become_columns() {
        let caused = RowNote {
            role: "effect",
            cause_audit_id: Some(AuditIdText::Uuid(0x0a1b2c3d_0000_4000_8000_0000000000ff)),
            cause_reason: Some("owner"),
            cause_weight: Some((85, 40)),
            late: true,
            ..note(0xabc)
        };
        let background = RowNote { context: None, cause_audit_id: Some(AuditIdText::Text("odd")), ..note(0) };
        let batch = annotate(bare(2), &[Some(&caused), Some(&background)]).unwrap();
        let cells = Cells::new(&batch);
        assert_eq!(cells.str("context_id", 0), "0000000000000abc");
        assert_eq!(cells.str("session_id", 0), Id(1).to_string());
        assert_eq!(cells.str("cause_audit_id", 0), "0a1b2c3d-0000-4000-8000-0000000000ff");
        assert_eq!((cells.str("context_role", 0), cells.str("cause_reason", 0)), ("effect", "owner"));
        assert_eq!((cells.int("cause_weight", 0), cells.int("cause_margin", 0)), (Some(85), Some(40)));
        assert_eq!((cells.int("cause_weight", 1), cells.int("cause_margin", 1)), (None, None));
        assert!(cells.boolean("late", 0) && !cells.boolean("late", 1));
        assert_eq!((cells.str("context_id", 1), cells.str("cause_audit_id", 1)), ("", "odd"));
        assert_eq!(cells.str("cause_reason", 1), "");
    }

    #[test]
    fn where_nothing_is_said_nothing_stands() {
        let batch = annotate(bare(3), &[Some(&RowNote::PLAIN), None, Some(&RowNote::PLAIN)]).unwrap();
        assert_eq!(batch.num_rows(), 2);
        let late = batch.column_by_name("late").unwrap();
        assert!(late.null_count() == 0 && !Cells::new(&batch).boolean("late", 1));
        for column in COLUMNS.iter().filter(|column| is_annotation(column.name) && column.name != "late") {
            assert_eq!(batch.column_by_name(column.name).unwrap().logical_null_count(), 2, "{}", column.name);
        }
    }

    #[test]
    fn a_wrong_number_of_notes_is_an_error() {
        assert!(annotate(bare(2), &[Some(&note(1))]).is_err());
    }

    proptest! {
        #[test]
        fn exactly_the_kept_rows_stay(keep in prop::collection::vec(any::<bool>(), 0..20)) {
            let all: Vec<_> = (0..).zip(&keep).map(|(n, _)| note(n)).collect();
            let notes: Vec<_> = all.iter().zip(&keep).map(|(note, keep)| keep.then_some(note)).collect();
            let batch = annotate(bare(keep.len()), &notes).unwrap();
            let cells = Cells::new(&batch);
            let found: Vec<_> = (0..batch.num_rows()).map(|row| (cells.text("audit_id", row), cells.id("context_id", row))).collect();
            let kept = (0u64..).zip(&keep).filter(|(_, keep)| **keep);
            let expected: Vec<_> = kept.map(|(n, _)| (format!("a{n}"), Some(Id(n)))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
