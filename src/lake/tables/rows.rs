//! Tables that are built from plain row structs: how rows become batches.

use super::Table;
use crate::lake::LakeError;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

/// Most rows of one batch; with the caps in `arrays` no column can outgrow its 32-bit offsets.
pub const MAX_ROWS: usize = 4096;

/// A row of a table that is built row by row.
pub trait Row: Sized {
    /// Its table.
    const TABLE: Table;

    /// The columns of the table, in order, for these rows.
    ///
    /// # Errors
    /// Only when the code and the schema disagree.
    fn arrays(rows: &[Self]) -> Result<Vec<ArrayRef>, ArrowError>;
}

/// Batches of at most [`MAX_ROWS`] rows each.
///
/// # Errors
/// [`LakeError::Batch`] only when the code and the schema disagree.
pub fn to_batches<R: Row>(rows: &[R]) -> Result<Vec<RecordBatch>, LakeError> {
    rows.chunks(MAX_ROWS)
        .map(|rows| R::arrays(rows).and_then(|arrays| RecordBatch::try_new(R::TABLE.schema(), arrays)))
        .collect::<Result<_, _>>()
        .map_err(LakeError::batch(R::TABLE))
}
