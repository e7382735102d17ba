//! Operator: rows into staged Parquet files, one writer a worker; at a commit the files are closed and handed over.

use super::epoch::{Flow, Mark, by_epoch};
use super::state::Piece;
use crate::lake::LakeError;
use crate::lake::tables::{FilteredRow, RejectRow, SessionRow, Table, to_batches};
use crate::lake::writer::TableWriter;
use crate::observe::lag::LagCounts;
use crate::source::stream::StreamName;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use std::collections::BTreeMap;
use timely::dataflow::channels::pact::Pipeline;

/// Rows for a table, on the worker that writes them.
#[derive(Clone, Debug)]
pub enum Rows {
    /// A batch of `events`.
    Events(RecordBatch),
    /// A batch of `contexts`.
    Contexts(RecordBatch),
    /// A row of `sessions`.
    Session(Box<SessionRow>),
    /// A row of `filtered`.
    Filtered(FilteredRow),
    /// A row of `rejects`.
    Reject(Box<RejectRow>),
    /// An operator before this one failed.
    Failed(String),
}

/// The operator. A failure is handed to the commit, which then makes none.
pub fn write_rows<'s>(
    rows: Flow<'s, (StreamName, Rows)>,
    marks: Flow<'s, Mark>,
    mut writer: TableWriter,
) -> Flow<'s, Piece> {
    let mut lags = LagCounts::default();
    by_epoch(rows, marks, Pipeline, "Write", move |_, rows, mark, out| {
        let mut by_stream: BTreeMap<StreamName, Vec<Rows>> = BTreeMap::new();
        for (stream, rows) in rows {
            note_times(&rows, &mut lags);
            by_stream.entry(stream).or_default().push(rows);
        }
        for (stream, rows) in by_stream {
            if let Err(error) = write(rows, stream.as_str(), &mut writer) {
                out.push(Piece::Failed(error));
            }
        }
        if let Some(commit) = mark.commit {
            out.push(Piece::Lags(std::mem::take(&mut lags)));
            match writer.finish(commit) {
                Ok(files) => out.extend(files.into_iter().map(Piece::File)),
                Err(error) => out.push(Piece::Failed(error.to_string())),
            }
        }
    })
}

/// Notes when the events of the rows were written.
fn note_times(rows: &Rows, lags: &mut LagCounts) {
    let Rows::Events(batch) = rows else { return };
    let times = batch.column_by_name("stage_at").and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    if let Some(times) = times {
        lags.add(times.values());
    }
}

fn write(rows: Vec<Rows>, cluster: &str, writer: &mut TableWriter) -> Result<(), String> {
    let (mut sessions, mut filtered, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            Rows::Events(batch) => writer.write(Table::Events, cluster, &batch).map_err(|e| e.to_string())?,
            Rows::Contexts(batch) => writer.write(Table::Contexts, cluster, &batch).map_err(|e| e.to_string())?,
            Rows::Session(row) => sessions.push(*row),
            Rows::Filtered(row) => filtered.push(row),
            Rows::Reject(row) => rejects.push(*row),
            Rows::Failed(error) => return Err(error),
        }
    }
    let mut put = |table, batches: Result<Vec<RecordBatch>, LakeError>| -> Result<(), LakeError> {
        for batch in batches? {
            writer.write(table, cluster, &batch)?;
        }
        Ok(())
    };
    put(Table::Sessions, to_batches(&sessions))
        .and_then(|()| put(Table::Filtered, to_batches(&filtered)))
        .and_then(|()| put(Table::Rejects, to_batches(&rejects)))
        .map_err(|e| e.to_string())
}
