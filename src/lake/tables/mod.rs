//! The tables: one file each with its columns and its builder.
//!
//! ```text
//! Event ─▶ events ─┬─ place          source and partition, the same for long
//!                  ├─ caller, outcome, request_kind   ─▶ combined ─▶ terms   one look-up for several columns
//!                  └─ intern         other texts
//!                       └─▶ batch ─▶ annotate, with what was found out of it ─▶ rows
//! ```
//! A table's columns stand once, as a list of [`Column`]s with their meaning; the Arrow schema and the page in `schemas/`
//! are made from it.

pub mod annotate;
pub mod anomalies;
mod arrays;
mod caller;
pub mod column;
mod combined;
pub mod contexts;
pub mod events;
#[cfg(test)]
mod events_tests;
pub mod filtered;
mod intern;
pub mod json;
pub mod lines;
pub mod log_sessions;
mod outcome;
mod place;
pub mod read;
pub mod rejects;
mod request_kind;
pub mod rows;
pub mod sessions;
pub mod templates;
mod terms;

pub use annotate::{AuditIdText, ModelLabel, RowNote, annotate};
pub use anomalies::AnomalyRow;
pub use column::{Column, Kind};
pub use contexts::ContextRow;
pub use events::{EventMeta, EventsBuilder};
pub use filtered::FilteredRow;
pub use lines::LineRow;
pub use log_sessions::LogSessionRow;
pub use rejects::RejectRow;
pub use rows::{Row, to_batches};
pub use sessions::SessionRow;
pub use templates::TemplateRow;

use arrow_schema::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// A table of the lake.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// Kept audit events.
    Events,
    /// Contexts and background streams.
    Contexts,
    /// Sessions of actors.
    Sessions,
    /// Findings of detectors.
    Anomalies,
    /// Counts of dropped events.
    Filtered,
    /// Records that could not be read.
    Rejects,
    /// Log lines.
    Lines,
    /// What log keys stand for.
    Templates,
    /// Sessions of log lines.
    #[serde(rename = "log_sessions")]
    LogSessions,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 9] = [
        Table::Events,
        Table::Contexts,
        Table::Sessions,
        Table::Anomalies,
        Table::Filtered,
        Table::Rejects,
        Table::Lines,
        Table::Templates,
        Table::LogSessions,
    ];

    /// Name of the table and of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Table::Events => "events",
            Table::Contexts => "contexts",
            Table::Sessions => "sessions",
            Table::Anomalies => "anomalies",
            Table::Filtered => "filtered",
            Table::Rejects => "rejects",
            Table::Lines => "lines",
            Table::Templates => "templates",
            Table::LogSessions => "log_sessions",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// What a row is.
    pub fn row_is(self) -> &'static str {
        match self {
            Table::Events => "one kept audit event with its action, label, session, context and cause",
            Table::Contexts => {
                "one revision of a context: something that somebody did, with all it set off; or an hour of a background stream"
            }
            Table::Sessions => "one actor's events without a gap longer than the session timeout",
            Table::Anomalies => "one finding of a detector",
            Table::Filtered => "the number of events that one rule dropped, by class of actor and minute",
            Table::Rejects => "one record that could not be read",
            Table::Lines => "one log line with its key and parameters",
            Table::Templates => "one revision of the template of a log key",
            Table::LogSessions => "log lines that belong together",
        }
    }

    /// The columns, in order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Table::Events => events::COLUMNS,
            Table::Contexts => contexts::COLUMNS,
            Table::Sessions => sessions::COLUMNS,
            Table::Anomalies => anomalies::COLUMNS,
            Table::Filtered => filtered::COLUMNS,
            Table::Rejects => rejects::COLUMNS,
            Table::Lines => lines::COLUMNS,
            Table::Templates => templates::COLUMNS,
            Table::LogSessions => log_sessions::COLUMNS,
        }
    }

    /// The column whose date partitions the table; `None` where rows have no time of their own.
    pub fn time_column(self) -> Option<&'static str> {
        match self {
            Table::Events => Some("received_at"),
            Table::Contexts | Table::Sessions | Table::LogSessions => Some("start_at"),
            Table::Anomalies | Table::Lines => Some("at"),
            Table::Filtered => Some("minute"),
            Table::Rejects | Table::Templates => None,
        }
    }

    /// Columns with a Bloom filter.
    pub fn bloom_columns(self) -> &'static [&'static str] {
        match self {
            Table::Events => &["audit_id", "context_id"],
            Table::Contexts => &["context_id", "root_audit_id"],
            _ => &[],
        }
    }

    /// The Arrow schema.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: OnceLock<[SchemaRef; 9]> = OnceLock::new();
        let schemas = SCHEMAS.get_or_init(|| {
            Table::ALL.map(|table| Arc::new(Schema::new(table.columns().iter().map(Column::field).collect::<Vec<_>>())))
        });
        let [events, contexts, sessions, anomalies, filtered, rejects, lines, templates, log_sessions] = schemas;
        let schema = match self {
            Table::Events => events,
            Table::Contexts => contexts,
            Table::Sessions => sessions,
            Table::Anomalies => anomalies,
            Table::Filtered => filtered,
            Table::Rejects => rejects,
            Table::Lines => lines,
            Table::Templates => templates,
            Table::LogSessions => log_sessions,
        };
        Arc::clone(schema)
    }

    /// The page that documents the table, as it stands in `schemas/<table>.json`.
    pub fn schema_page(self) -> serde_json::Value {
        let columns: Vec<_> = self
            .columns()
            .iter()
            .map(|column| {
                serde_json::json!({
                    "name": column.name,
                    "type": column.kind.type_name(),
                    "nullable": column.nullable,
                    "meaning": column.meaning,
                    "source": column.source,
                })
            })
            .collect();
        serde_json::json!({
            "table": self.name(),
            "row": self.row_is(),
            "schema_version": super::SCHEMA_VERSION,
            "partitions": if self.time_column().is_some() { vec!["cluster", "date"] } else { vec!["cluster"] },
            "date_of": self.time_column(),
            "bloom_filters": self.bloom_columns(),
            "columns": columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `CAUSEWAY_UPDATE_SCHEMAS=1 cargo test schema_pages` writes the pages anew.
    #[test]
    fn schema_pages_equal_the_code() {
        for table in Table::ALL {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{}.json", table.name()));
            let expected = format!("{:#}\n", table.schema_page());
            if std::env::var_os("CAUSEWAY_UPDATE_SCHEMAS").is_some() {
                std::fs::write(&path, &expected).unwrap();
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == expected, "{} differs; run with CAUSEWAY_UPDATE_SCHEMAS=1", path.display());
        }
    }

    #[test]
    fn the_columns_that_others_name_exist() {
        for table in Table::ALL {
            let schema = table.schema();
            for name in table.time_column().into_iter().chain(table.bloom_columns().iter().copied()).chain(["cluster"])
            {
                assert!(schema.index_of(name).is_ok(), "{} has no {name}", table.name());
            }
            assert_eq!(Table::from_name(table.name()), Some(table));
            assert!(table.columns().iter().all(|c| c.meaning.ends_with('.') && !c.source.is_empty()));
        }
    }
}
