//! One Parquet file in the making.

use super::chunk::{Chunk, Kind, kind_of};
use super::levels::Shape;
use super::pages::Packer;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;
use std::io::{Write, sink};
use std::sync::Arc;

/// Writes batches of one schema into a file.
pub struct FileWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    properties: WriterPropertiesPtr,
    fields: Vec<FieldWriter>,
    /// Makes the column writers of the fields that the crate writes.
    others: ArrowRowGroupWriterFactory,
    packer: Packer,
    /// Columns of the row group in the making, by field.
    group: Vec<Column>,
    /// Its rows.
    rows: usize,
}

/// How a field is written.
struct FieldWriter {
    field: FieldRef,
    /// Its columns in the file; more than one where it is nested.
    columns: Vec<ColumnDescPtr>,
    /// `None` where the crate writes it.
    kind: Option<(Kind, Shape)>,
}

/// The columns of a field in the row group in the making.
enum Column {
    Ours(Box<Chunk>),
    Crates(Vec<ArrowColumnWriter>),
}

impl<W: Write + Send> FileWriter<W> {
    /// Begins a file. The pages are compressed with zstd, so the properties have to say so.
    ///
    /// # Errors
    /// When the file cannot be written to, or the schema not be written as Parquet.
    pub fn try_new(sink: W, schema: SchemaRef, properties: WriterProperties) -> Result<FileWriter<W>> {
        let others = others(&schema, properties.clone())?;
        let (file, _) = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties))?.into_serialized_writer()?;
        let leaves = file.schema_descr();
        let columns = |root| {
            let of_root = |leaf: &usize| leaves.get_column_root_idx(*leaf) == root;
            (0..leaves.num_columns()).filter(of_root).map(|leaf| leaves.column(leaf)).collect()
        };
        let field = |(root, field): (usize, &FieldRef)| FieldWriter {
            field: Arc::clone(field),
            columns: columns(root),
            kind: kind_of(field, file.properties()),
        };
        let fields = schema.fields().iter().enumerate().map(field).collect();
        let properties = Arc::clone(file.properties());
        Ok(FileWriter { file, properties, fields, others, packer: Packer::new()?, group: Vec::new(), rows: 0 })
    }

    /// Adds the rows of a batch, which has the file's schema.
    ///
    /// # Errors
    /// When a row group is complete and cannot be written, or the batch has another schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_columns() != self.fields.len() {
            let (found, wanted) = (batch.num_columns(), self.fields.len());
            return Err(ParquetError::General(format!("a batch of {found} columns for a file of {wanted}")));
        }
        let most = self.properties.max_row_group_row_count().unwrap_or(usize::MAX).max(1);
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = (batch.num_rows() - from).min(most - self.rows);
            if self.rows == 0 {
                self.group = self.columns()?;
            }
            for ((column, field), array) in self.group.iter_mut().zip(&self.fields).zip(batch.columns()) {
                column.write(field, &array.slice(from, rows), &mut self.packer)?;
            }
            from += rows;
            self.rows += rows;
            if self.rows >= most {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// The columns of a new row group.
    fn columns(&self) -> Result<Vec<Column>> {
        let mut others = self.others.create_column_writers(self.file.flushed_row_groups().len())?.into_iter();
        let column = |field: &FieldWriter| match (field.kind, field.columns.first()) {
            (Some(kind), Some(column)) => {
                Ok(Column::Ours(Box::new(Chunk::new(Arc::clone(column), kind, &self.properties)?)))
            }
            _ => Ok(Column::Crates(others.by_ref().take(field.columns.len()).collect())),
        };
        self.fields.iter().map(column).collect()
    }

    /// Writes the rows so far as a row group.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let mut group = self.file.next_row_group()?;
        for column in std::mem::take(&mut self.group) {
            column.finish(&mut self.packer, &self.properties, &mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Bytes that the row group in the making takes.
    pub fn memory_size(&self) -> usize {
        self.group.iter().map(Column::memory_size).sum()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub fn into_inner(mut self) -> Result<W> {
        self.flush()?;
        self.file.into_inner()
    }
}

/// The crate makes column writers for whole schemas only: this one has the fields that it writes, and no file.
fn others(schema: &Schema, properties: WriterProperties) -> Result<ArrowRowGroupWriterFactory> {
    let fields: Fields =
        schema.fields().iter().filter(|field| kind_of(field, &properties).is_none()).cloned().collect();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(sink(), Arc::new(Schema::new(fields)), options)?;
    Ok(writer.into_serialized_writer()?.1)
}

impl Column {
    fn write(&mut self, field: &FieldWriter, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        match self {
            Column::Ours(chunk) => chunk.write(array, packer),
            Column::Crates(writers) => {
                let leaves = compute_leaves(&field.field, array)?;
                writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
            }
        }
    }

    fn memory_size(&self) -> usize {
        match self {
            Column::Ours(chunk) => chunk.memory_size(),
            Column::Crates(writers) => writers.iter().map(ArrowColumnWriter::memory_size).sum(),
        }
    }

    fn finish<W: Write + Send>(
        self,
        packer: &mut Packer,
        properties: &WriterProperties,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        match self {
            Column::Ours(chunk) => {
                let (parts, close) = chunk.finish(packer, properties)?;
                group.append_column(&parts, close)
            }
            Column::Crates(writers) => {
                writers.into_iter().try_for_each(|writer| writer.close()?.append_to_row_group(group))
            }
        }
    }
}

impl<W: Write + Send> std::fmt::Debug for FileWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("rows", &self.rows).field("memory_size", &self.memory_size()).finish()
    }
}
