//! A row of any table as JSON, with the names of its columns: ids as they stand, times in RFC 3339, nothing for null.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use serde_json::{Map, Value, json};

/// Row `row` of a batch.
pub fn row_json(batch: &RecordBatch, row: usize) -> Value {
    let fields = batch.schema();
    let cells = fields.fields().iter().zip(batch.columns());
    let filled = cells.filter_map(|(field, column)| Some((field.name().clone(), cell(column, row)?)));
    Value::Object(filled.collect::<Map<String, Value>>())
}

/// A cell; `None` for null and for types that no table has.
fn cell(column: &ArrayRef, row: usize) -> Option<Value> {
    if row >= column.len() || column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(json!(column.as_string_opt::<i32>()?.value(row))),
        DataType::Dictionary(_, _) => {
            let coded = column.as_dictionary_opt::<Int32Type>()?;
            cell(coded.values(), coded.key(row)?)
        }
        DataType::Boolean => Some(json!(column.as_boolean_opt()?.value(row))),
        DataType::Int32 => Some(json!(column.as_primitive_opt::<Int32Type>()?.value(row))),
        DataType::Int64 => Some(json!(column.as_primitive_opt::<Int64Type>()?.value(row))),
        DataType::UInt16 => Some(json!(column.as_primitive_opt::<UInt16Type>()?.value(row))),
        DataType::Float32 => Some(json!(column.as_primitive_opt::<Float32Type>()?.value(row))),
        DataType::Timestamp(_, _) => {
            let at = column.as_primitive_opt::<TimestampMicrosecondType>()?.value(row);
            let at = jiff::Timestamp::from_microsecond(at).ok()?;
            Some(json!(format!("{at:.6}")))
        }
        DataType::List(_) => {
            let items = column.as_list_opt::<i32>()?.value(row);
            Some(Value::Array((0..items.len()).filter_map(|item| cell(&items, item)).collect()))
        }
        DataType::Map(_, _) => {
            let entries = column.as_map_opt()?.value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pair = |entry: usize| Some((cell(keys, entry)?.as_str()?.to_owned(), cell(values, entry)?));
            Some(Value::Object((0..entries.len()).filter_map(pair).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::hash::Id;
    use crate::audit::time::Micros;
    use crate::lake::tables::{ContextRow, to_batches};
    use std::collections::BTreeMap;

    #[test]
    fn a_context_keeps_its_columns() {
        let row = ContextRow {
            context_id: Id(0x2a),
            revision: 2,
            user: "alice".into(),
            start_at: Micros(1_772_323_200_000_001),
            verbs: BTreeMap::from([("create".into(), 3)]),
            namespaces: vec!["a".into(), "b".into()],
            closed: true,
            ..ContextRow::default()
        };
        let value = row_json(&to_batches(&[row]).unwrap()[0], 0);
        assert_eq!(value["context_id"], "000000000000002a");
        assert_eq!(value["revision"], 2);
        assert_eq!(value["user"], "alice");
        assert_eq!(value["start_at"], "2026-03-01T00:00:00.000001Z");
        assert_eq!(value["verbs"], json!({"create": 3}));
        assert_eq!(value["namespaces"], json!(["a", "b"]));
        assert_eq!(value["closed"], true);
        assert_eq!(value.get("parent_context_id"), None);
    }
}
