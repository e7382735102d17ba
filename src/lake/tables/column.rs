//! A column of a table: its name, type and meaning, of which the Arrow schema and the documentation are made.

use arrow_schema::{DataType, Field, Fields, TimeUnit};
use std::sync::Arc;

/// One column.
#[derive(Copy, Clone, Debug)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// May be null.
    pub nullable: bool,
    /// What it says, with its unit.
    pub meaning: &'static str,
    /// Field of the audit event that it comes from, or the step that makes it.
    pub source: &'static str,
}

/// The types that columns have.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text with many different values.
    Text,
    /// Text with few different values.
    Dict,
    /// True or false.
    Bool,
    /// Whole number.
    Int32,
    /// Whole number.
    Int64,
    /// Small whole number, such as an HTTP status.
    UInt16,
    /// Number between 0 and 1, or a score.
    Float32,
    /// Point in time, microseconds, UTC.
    Time,
    /// List of texts.
    TextList,
    /// Number by text, sorted by the text.
    Counts,
}

impl Column {
    /// The column as a field of an Arrow schema.
    pub fn field(&self) -> Field {
        Field::new(self.name, self.kind.data_type(), self.nullable)
    }
}

/// A column that always has a value.
pub(super) const fn always(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, meaning, source }
}

/// A column that is null where there is no value.
pub(super) const fn maybe(name: &'static str, kind: Kind, source: &'static str, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, meaning, source }
}

/// The time zone of every time column.
pub(super) const UTC: &str = "UTC";

impl Kind {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Dict => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Kind::Bool => DataType::Boolean,
            Kind::Int32 => DataType::Int32,
            Kind::Int64 => DataType::Int64,
            Kind::UInt16 => DataType::UInt16,
            Kind::Float32 => DataType::Float32,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Kind::TextList => DataType::List(list_item()),
            Kind::Counts => {
                let entries = DataType::Struct(counts_entry());
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
        }
    }

    /// The type in words, for the documentation.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Text => "Utf8",
            Kind::Dict => "Dictionary(Int32, Utf8)",
            Kind::Bool => "Boolean",
            Kind::Int32 => "Int32",
            Kind::Int64 => "Int64",
            Kind::UInt16 => "UInt16",
            Kind::Float32 => "Float32",
            Kind::Time => "Timestamp(Microsecond, UTC)",
            Kind::TextList => "List(Utf8)",
            Kind::Counts => "Map(Utf8, Int64)",
        }
    }
}

/// The item of a [`Kind::TextList`].
pub(super) fn list_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Utf8, false))
}

/// The entry of a [`Kind::Counts`].
pub(super) fn counts_entry() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, false)])
}
