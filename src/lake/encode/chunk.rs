//! One column chunk in the making: its rows are cut into pages, whatever their values are.

use super::levels::{Levels, Shape};
use super::numbers::Numbers;
use super::pages::{Packer, Pages};
use super::parts::Parts;
use super::rules::Rules;
use super::texts::Texts;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, TimeUnit};
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

/// The values of a chunk of some type: those of the page in the making, and what all pages share.
pub trait Values: Send {
    /// Adds the first rows of an array with their levels, one at least, and says how many: the page may be full before the
    /// last. `None` if the array is of another type.
    fn take(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>, levels: &mut Levels) -> Option<usize>;

    /// Whether the page has to end here.
    fn is_full(&self) -> bool;

    /// Appends the values to a page, and says how. The next page begins.
    fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding;

    /// Bytes that they take.
    fn memory_size(&self) -> usize;

    /// What a chunk with so many nulls has beside its data pages.
    fn finish(self: Box<Self>, nulls: u64) -> Finished;
}

/// What a chunk has beside its data pages.
#[derive(Debug)]
pub struct Finished {
    /// The dictionary page, and how many values it has, where there is one.
    pub dictionary: Option<(Vec<u8>, u32)>,
    /// The Bloom filter, where there is one.
    pub filter: Option<Sbbf>,
    /// The statistics, where they are noted.
    pub statistics: Option<Statistics>,
}

/// What the values of a column are.
#[derive(Copy, Clone, Debug)]
pub enum Kind {
    Texts,
    Numbers,
}

/// How a field's column is written; `None` where the crate writes it.
pub fn kind_of(field: &Field, properties: &WriterProperties) -> Option<(Kind, Shape)> {
    let shape = if field.is_nullable() { Shape::Optional } else { Shape::Required };
    match field.data_type() {
        DataType::Utf8 => Some((Kind::Texts, shape)),
        DataType::Dictionary(key, value) if (&**key, &**value) == (&DataType::Int32, &DataType::Utf8) => {
            Some((Kind::Texts, shape))
        }
        DataType::List(item)
            if shape == Shape::Required && !item.is_nullable() && *item.data_type() == DataType::Utf8 =>
        {
            Some((Kind::Texts, Shape::List))
        }
        DataType::Int32 | DataType::Int64 | DataType::UInt16 | DataType::Timestamp(TimeUnit::Microsecond, _) => {
            // Numbers have no Bloom filter here.
            let filter = properties.bloom_filter_properties(&ColumnPath::from(field.name().as_str()));
            filter.is_none().then_some((Kind::Numbers, shape))
        }
        _ => None,
    }
}

/// The chunk.
pub struct Chunk {
    column: ColumnDescPtr,
    page_rows: usize,
    /// Rows of the page in the making.
    rows: usize,
    /// Levels without a value in the pages before.
    nulls: usize,
    levels: Levels,
    values: Box<dyn Values>,
    pages: Pages,
}

impl Chunk {
    pub fn new(column: ColumnDescPtr, (kind, shape): (Kind, Shape), properties: &WriterProperties) -> Result<Chunk> {
        let rules = Rules::of(&column, properties);
        let values: Box<dyn Values> = match kind {
            Kind::Texts => Box::new(Texts::new(rules)?),
            Kind::Numbers => Box::new(Numbers::new(rules)),
        };
        let (levels, pages) = (Levels::new(shape), Pages::default());
        Ok(Chunk {
            column,
            page_rows: properties.data_page_row_count_limit(),
            rows: 0,
            nulls: 0,
            levels,
            values,
            pages,
        })
    }

    /// Adds the rows of an array.
    pub fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let mut from = 0;
        while from < array.len() {
            let part = array.slice(from, (array.len() - from).min(self.page_rows.saturating_sub(self.rows).max(1)));
            let taken = self.take(&part).ok_or_else(|| self.unlike(array))?;
            from += taken;
            self.rows += taken;
            if self.rows >= self.page_rows || self.values.is_full() {
                self.end_page(packer)?;
            }
        }
        Ok(())
    }

    /// Adds the first rows of an array, and says how many; `None` if it is not what the column's field says.
    fn take(&mut self, array: &ArrayRef) -> Option<usize> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        if let Some(nulls) = &nulls {
            if self.levels.shape() != Shape::Optional {
                return None;
            }
            if nulls.null_count() == array.len() {
                self.levels.push_rows(array.len(), Some(nulls));
                return Some(array.len());
            }
        }
        self.values.take(array, nulls.as_ref(), &mut self.levels)
    }

    fn unlike(&self, array: &ArrayRef) -> ParquetError {
        let (path, found) = (self.column.path(), array.data_type());
        ParquetError::General(format!("the cells of column {path} are not what its field says, but {found}"))
    }

    fn end_page(&mut self, packer: &mut Packer) -> Result<()> {
        let levels = if self.levels.shape() == Shape::Required { self.rows } else { self.levels.len() };
        self.nulls += self.levels.nulls();
        self.levels.end_page(&mut packer.page);
        let encoding = self.values.end_page(&mut packer.page);
        self.pages.push(packer, encoding, std::mem::take(&mut self.rows), levels)
    }

    /// Bytes that the chunk takes.
    pub fn memory_size(&self) -> usize {
        self.levels.memory_size() + self.values.memory_size() + self.pages.memory_size()
    }

    /// The chunk: its pages, and what the file's metadata say of it.
    pub fn finish(mut self, packer: &mut Packer, properties: &WriterProperties) -> Result<(Parts, ColumnCloseResult)> {
        if self.rows > 0 {
            self.end_page(packer)?;
        }
        let compression = properties.compression(self.column.path());
        let finished = self.values.finish(self.nulls as u64);
        let mut metadata = ColumnChunkMetaData::builder(self.column).set_compression(compression);
        if let Some(statistics) = finished.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let (parts, close) = self.pages.finish(packer, finished.dictionary, metadata)?;
        Ok((parts, ColumnCloseResult { bloom_filter: finished.filter, ..close }))
    }
}
