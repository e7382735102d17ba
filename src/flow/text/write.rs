//! Operator: rows into staged Parquet files, one writer a worker; at a commit the files are closed and handed over.

use super::detect::Detectors;
use super::rows::BlockRows;
use crate::flow::epoch::{Flow, Mark, by_epoch};
use crate::flow::state::Piece;
use crate::lake::LakeError;
use crate::lake::tables::{Row, to_batches};
use crate::lake::writer::TableWriter;
use timely::dataflow::channels::pact::Exchange;

/// The operator. A failure is handed to the commit, which then makes none.
pub fn write_rows<'s>(
    rows: Flow<'s, BlockRows>,
    marks: Flow<'s, Mark>,
    mut writer: TableWriter,
    mut detectors: Detectors,
) -> Flow<'s, Piece> {
    let home = Exchange::new(|rows: &BlockRows| rows.home as u64);
    by_epoch(rows, marks, home, "WriteText", move |_, blocks, mark, out| {
        for rows in &blocks {
            let cluster = rows.cluster.as_ref();
            let anomalies = match detectors.judge(rows) {
                Ok(anomalies) => anomalies,
                Err(error) => {
                    out.push(Piece::Failed(error.to_string()));
                    Vec::new()
                }
            };
            let written = put(&rows.lines, cluster, &mut writer)
                .and_then(|()| put(&rows.templates, cluster, &mut writer))
                .and_then(|()| put(&rows.sessions, cluster, &mut writer))
                .and_then(|()| put(&rows.rejects, cluster, &mut writer))
                .and_then(|()| put(&anomalies, cluster, &mut writer));
            if let Err(error) = written {
                out.push(Piece::Failed(error.to_string()));
            }
        }
        if let Some(commit) = mark.commit {
            match writer.finish(commit) {
                Ok(files) => out.extend(files.into_iter().map(Piece::File)),
                Err(error) => out.push(Piece::Failed(error.to_string())),
            }
        }
    })
}

fn put<R: Row>(rows: &[R], cluster: &str, writer: &mut TableWriter) -> Result<(), LakeError> {
    for batch in to_batches(rows)? {
        writer.write(R::TABLE, cluster, &batch)?;
    }
    Ok(())
}
