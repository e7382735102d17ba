//! Cells of a batch by column name and row, whatever the column's exact type: text may be plain or a dictionary.

use crate::audit::hash::Id;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use std::collections::BTreeMap;

/// Reads cells of one batch. A column that is absent, and a cell that is null, is empty.
#[derive(Copy, Clone, Debug)]
pub struct Cells<'a>(&'a RecordBatch);

impl<'a> Cells<'a> {
    /// Of this batch.
    pub fn new(batch: &'a RecordBatch) -> Cells<'a> {
        Cells(batch)
    }

    /// The column, when the cell exists and is not null.
    fn cell(&self, name: &str, row: usize) -> Option<&'a ArrayRef> {
        self.0.column_by_name(name).filter(|column| row < column.len() && column.is_valid(row))
    }

    /// Text as it lies in the batch; empty when null.
    pub fn str(&self, name: &str, row: usize) -> &'a str {
        self.cell(name, row).and_then(|column| text_at(column, row)).unwrap_or_default()
    }

    /// Text; empty when null.
    pub fn text(&self, name: &str, row: usize) -> String {
        self.str(name, row).to_owned()
    }

    /// An id.
    pub fn id(&self, name: &str, row: usize) -> Option<Id> {
        self.str(name, row).parse().ok()
    }

    /// A whole number, or a time in microseconds.
    pub fn int(&self, name: &str, row: usize) -> Option<i64> {
        let column = self.cell(name, row)?;
        match column.data_type() {
            DataType::Int64 => Some(column.as_primitive_opt::<Int64Type>()?.value(row)),
            DataType::Int32 => Some(i64::from(column.as_primitive_opt::<Int32Type>()?.value(row))),
            DataType::UInt16 => Some(i64::from(column.as_primitive_opt::<UInt16Type>()?.value(row))),
            DataType::Timestamp(_, _) => Some(column.as_primitive_opt::<TimestampMicrosecondType>()?.value(row)),
            _ => None,
        }
    }

    /// A whole number that is never negative; 0 when null.
    pub fn count(&self, name: &str, row: usize) -> u64 {
        self.int(name, row).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
    }

    /// True or false; false when null.
    pub fn boolean(&self, name: &str, row: usize) -> bool {
        self.cell(name, row).and_then(|column| column.as_boolean_opt()).is_some_and(|column| column.value(row))
    }

    /// A list of texts.
    pub fn list(&self, name: &str, row: usize) -> Vec<String> {
        let Some(column) = self.cell(name, row).and_then(|column| column.as_list_opt::<i32>()) else {
            return Vec::new();
        };
        texts(&column.value(row))
    }

    /// Numbers by text.
    pub fn counts(&self, name: &str, row: usize) -> BTreeMap<String, u64> {
        let Some(column) = self.cell(name, row).and_then(|column| column.as_map_opt()) else { return BTreeMap::new() };
        let entries = column.value(row);
        let Some(numbers) = entries.column(1).as_primitive_opt::<Int64Type>() else { return BTreeMap::new() };
        let numbers = numbers.values().iter().map(|number| u64::try_from(*number).unwrap_or_default());
        texts(entries.column(0)).into_iter().zip(numbers).collect()
    }
}

fn text_at(column: &ArrayRef, row: usize) -> Option<&str> {
    if let Some(column) = column.as_string_opt::<i32>() {
        return Some(column.value(row));
    }
    let column = column.as_dictionary_opt::<Int32Type>()?;
    let values = column.values().as_string_opt::<i32>()?;
    Some(values.value(column.key(row)?))
}

fn texts(items: &ArrayRef) -> Vec<String> {
    (0..items.len()).map(|item| text_at(items, item).unwrap_or_default().to_owned()).collect()
}
