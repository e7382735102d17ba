//! Columns from rows: each helper takes the rows and the way to a cell.
//!
//! Texts are cut at [`MAX_TEXT`] bytes, lists at [`MAX_ITEMS`] items of [`MAX_ITEM`] bytes: whatever a row holds, a batch
//! stays within its bounds.

use super::column::{UTC, counts_entry, list_item};
use super::intern::DictColumn;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use arrow_array::builder::{Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt16Array,
};
use arrow_schema::ArrowError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest text of a cell, in bytes.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// Most items of a list.
pub(super) const MAX_ITEMS: usize = 256;
/// Longest text of an item, in bytes.
pub(super) const MAX_ITEM: usize = 1 << 10;

/// `text`, cut before the character that passes `max` bytes.
pub(super) fn clip(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

/// Text that is always there.
pub(super) fn text<R>(rows: &[R], cell: impl Fn(&R) -> &str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(|row| clip(cell(row), MAX_TEXT))))
}

/// Text that is null where empty.
pub(super) fn text_some<R>(rows: &[R], cell: impl Fn(&R) -> &str) -> ArrayRef {
    let cells = rows.iter().map(|row| Some(clip(cell(row), MAX_TEXT)).filter(|text| !text.is_empty()));
    Arc::new(cells.collect::<StringArray>())
}

/// An id, or null.
pub(super) fn id<R>(rows: &[R], cell: impl Fn(&R) -> Option<Id>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| cell(row).map(|id| id.to_string())).collect::<StringArray>())
}

/// Text with few values that is always there.
pub(super) fn dict<R>(rows: &[R], cell: impl Fn(&R) -> &str) -> Result<ArrayRef, ArrowError> {
    let mut column = DictColumn::default();
    rows.iter().for_each(|row| column.push(clip(cell(row), MAX_TEXT)));
    column.finish()
}

/// Text with few values that is null where empty.
pub(super) fn dict_some<R>(rows: &[R], cell: impl Fn(&R) -> &str) -> Result<ArrayRef, ArrowError> {
    let mut column = DictColumn::default();
    rows.iter().for_each(|row| column.push_some(clip(cell(row), MAX_TEXT)));
    column.finish()
}

/// Whole numbers; those above `i64::MAX` become that.
pub(super) fn count<R>(rows: &[R], cell: impl Fn(&R) -> u64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| i64::try_from(cell(row)).unwrap_or(i64::MAX))))
}

/// Whole numbers, or null.
pub(super) fn int64_some<R>(rows: &[R], cell: impl Fn(&R) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.iter().map(cell).collect::<Int64Array>())
}

/// Small whole numbers.
pub(super) fn int32<R>(rows: &[R], cell: impl Fn(&R) -> i32) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows.iter().map(cell)))
}

/// HTTP statuses; 0 is null.
pub(super) fn status<R>(rows: &[R], cell: impl Fn(&R) -> u16) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(cell(row)).filter(|code| *code != 0)).collect::<UInt16Array>())
}

/// True or false.
pub(super) fn boolean<R>(rows: &[R], cell: impl Fn(&R) -> bool) -> ArrayRef {
    Arc::new(BooleanArray::from(rows.iter().map(cell).collect::<Vec<_>>()))
}

/// True, false, or null.
pub(super) fn boolean_some<R>(rows: &[R], cell: impl Fn(&R) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.iter().map(cell).collect::<BooleanArray>())
}

/// Points in time.
pub(super) fn time<R>(rows: &[R], cell: impl Fn(&R) -> Micros) -> ArrayRef {
    let cells = rows.iter().map(|row| cell(row).0);
    Arc::new(TimestampMicrosecondArray::from_iter_values(cells).with_timezone(UTC))
}

/// Lists of texts.
pub(super) fn list<R>(rows: &[R], cell: impl Fn(&R) -> &[String]) -> ArrayRef {
    let mut column = ListBuilder::new(StringBuilder::new()).with_field(list_item());
    for row in rows {
        for item in cell(row).iter().take(MAX_ITEMS) {
            column.values().append_value(clip(item, MAX_ITEM));
        }
        column.append(true);
    }
    Arc::new(column.finish())
}

/// Numbers by text.
pub(super) fn counts<R>(rows: &[R], cell: impl Fn(&R) -> &BTreeMap<String, u64>) -> Result<ArrayRef, ArrowError> {
    let [key, value] = [0, 1].map(|place| counts_entry().get(place).cloned());
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut column = MapBuilder::new(Some(names), StringBuilder::new(), Int64Builder::new());
    if let (Some(key), Some(value)) = (key, value) {
        column = column.with_keys_field(key).with_values_field(value);
    }
    for row in rows {
        for (name, number) in cell(row).iter().take(MAX_ITEMS) {
            column.keys().append_value(clip(name, MAX_ITEM));
            column.values().append_value(i64::try_from(*number).unwrap_or(i64::MAX));
        }
        column.append(true)?;
    }
    Ok(Arc::new(column.finish()))
}
