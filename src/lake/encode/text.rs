//! One column chunk of texts: plain ones, those of a dictionary, or lists of them.

use super::levels::{Levels, Shape};
use super::pages::{Packer, Pages};
use super::values::{Rules, Values};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnDescPtr;

/// How columns of texts are written, by their field; `None` for fields that are none.
pub fn shape_of(field: &Field) -> Option<Shape> {
    let is_text = |data_type: &DataType| *data_type == DataType::Utf8;
    match field.data_type() {
        DataType::Utf8 => {}
        DataType::Dictionary(key, value) if **key == DataType::Int32 && is_text(value) => {}
        DataType::List(item) if !field.is_nullable() && !item.is_nullable() && is_text(item.data_type()) => {
            return Some(Shape::List);
        }
        _ => return None,
    }
    Some(if field.is_nullable() { Shape::Optional } else { Shape::Required })
}

/// The chunk in the making.
pub struct TextChunk {
    column: ColumnDescPtr,
    page_rows: usize,
    /// Rows of the page in the making.
    rows: usize,
    nulls: usize,
    levels: Levels,
    values: Values,
    pages: Pages,
}

impl TextChunk {
    pub fn new(column: ColumnDescPtr, shape: Shape, properties: &WriterProperties) -> Result<TextChunk> {
        let path = column.path();
        let rules = Rules {
            dictionary: properties.dictionary_enabled(path),
            dictionary_bytes: properties.column_dictionary_page_size_limit(path),
            page_bytes: properties.column_data_page_size_limit(path),
            bounds: properties.statistics_enabled(path) != EnabledStatistics::None,
            filter: properties.bloom_filter_properties(path).map(|filter| (filter.ndv(), filter.fpp())),
        };
        Ok(TextChunk {
            page_rows: properties.data_page_row_count_limit(),
            column,
            rows: 0,
            nulls: 0,
            levels: Levels::new(shape),
            values: Values::new(rules)?,
            pages: Pages::default(),
        })
    }

    /// Adds the rows of an array.
    pub fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let mut from = 0;
        while from < array.len() {
            let part = array.slice(from, (array.len() - from).min(self.page_rows.saturating_sub(self.rows).max(1)));
            let taken = self.take(&part)?;
            from += taken;
            self.rows += taken;
            if self.rows >= self.page_rows || self.values.is_full() {
                self.end_page(packer)?;
            }
        }
        Ok(())
    }

    /// Adds the first rows of an array, one at least, and says how many: the page may be full before the last.
    fn take(&mut self, array: &ArrayRef) -> Result<usize> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        match (self.levels.shape(), &nulls) {
            (Shape::Required | Shape::List, Some(_)) => return Err(self.unlike(array)),
            (Shape::Optional, Some(nulls)) if nulls.null_count() == array.len() => {
                self.levels.push_rows(array.len(), Some(nulls));
                return Ok(array.len());
            }
            _ => {}
        }
        if self.levels.shape() == Shape::List {
            let lists = array.as_list_opt::<i32>().ok_or_else(|| self.unlike(array))?;
            return self.take_lists(lists).ok_or_else(|| self.unlike(array));
        }
        let nulls = nulls.as_ref();
        let taken = if let Some(texts) = array.as_string_opt::<i32>() {
            self.take_texts(array.len(), nulls, |row| Some(texts.value(row)))
        } else if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
            self.take_keys(dictionary, nulls)
        } else {
            None
        };
        let taken = taken.ok_or_else(|| self.unlike(array))?;
        self.levels.push_rows(taken, nulls.map(|nulls| nulls.slice(0, taken)).as_ref());
        Ok(taken)
    }

    fn take_texts<'a>(
        &mut self,
        rows: usize,
        nulls: Option<&NullBuffer>,
        text: impl Fn(usize) -> Option<&'a str>,
    ) -> Option<usize> {
        for row in 0..rows {
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                self.values.push(text(row)?.as_bytes());
                if self.values.is_full() {
                    return Some(row + 1);
                }
            }
        }
        Some(rows)
    }

    fn take_keys(&mut self, array: &DictionaryArray<Int32Type>, nulls: Option<&NullBuffer>) -> Option<usize> {
        let (keys, values) = (array.keys().values(), array.values().as_string_opt::<i32>()?);
        if self.values.is_plain() {
            let text = |row: usize| Some(values.value(usize::try_from(*keys.get(row)?).ok()?));
            return self.take_texts(keys.len(), nulls, text);
        }
        self.values.follow(values);
        match nulls {
            None => self.values.push_keys(keys)?,
            Some(nulls) => {
                nulls.valid_slices().try_for_each(|(from, to)| self.values.push_keys(keys.get(from..to)?))?
            }
        }
        Some(keys.len())
    }

    fn take_lists(&mut self, lists: &ListArray) -> Option<usize> {
        let items = lists.values().as_string_opt::<i32>().filter(|items| items.null_count() == 0)?;
        for (row, ends) in lists.value_offsets().windows(2).enumerate() {
            let [from, to] = <[i32; 2]>::try_from(ends).ok()?.map(|end| end as usize);
            (from..to).for_each(|item| self.values.push(items.value(item).as_bytes()));
            self.levels.push_list(to - from);
            if self.values.is_full() {
                return Some(row + 1);
            }
        }
        Some(lists.len())
    }

    fn unlike(&self, array: &ArrayRef) -> ParquetError {
        let (path, found) = (self.column.path(), array.data_type());
        ParquetError::General(format!("the cells of column {path} are not what its field says: {found}"))
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

    /// The chunk: its bytes, and what the file's metadata say of it.
    pub fn finish(mut self, packer: &mut Packer, properties: &WriterProperties) -> Result<(Bytes, ColumnCloseResult)> {
        if self.rows > 0 {
            self.end_page(packer)?;
        }
        let compression = properties.compression(self.column.path());
        let finished = self.values.finish(self.nulls as u64);
        let mut metadata = ColumnChunkMetaData::builder(self.column).set_compression(compression);
        if let Some(statistics) = finished.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let dictionary = finished.dictionary.as_ref().map(|dictionary| (dictionary.page(), dictionary.len()));
        let (bytes, close) = self.pages.finish(packer, dictionary, metadata)?;
        Ok((bytes, ColumnCloseResult { bloom_filter: finished.filter, ..close }))
    }
}
