//! What a file's properties say of one column.

use parquet::basic::{Encoding, Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnDescriptor;

/// Fewest values by which a dictionary is judged.
const JUDGED_VALUES: usize = 4096;

/// The rules for the values of a column chunk.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether there is a dictionary at all.
    pub dictionary: bool,
    /// A dictionary of so many bytes takes no more values: the pages that follow do without.
    pub dictionary_bytes: usize,
    /// A page of so many bytes is complete.
    pub page_bytes: usize,
    /// Whether the least and the greatest value are noted.
    pub bounds: bool,
    /// Distinct values and rate of false hits that the Bloom filter is made for.
    pub filter: Option<(u64, f64)>,
    /// Whether texts without a dictionary have their lengths apart, so that zstd meets nothing but text: that packs to less,
    /// in half the time.
    pub lengths_apart: bool,
    /// Whether numbers have 32 bits.
    pub narrow: bool,
    /// Whether the least and the greatest value mean the same to readers that know signed numbers only.
    pub signed: bool,
}

impl Rules {
    pub fn of(column: &ColumnDescriptor, properties: &WriterProperties) -> Rules {
        let path = column.path();
        Rules {
            dictionary: properties.dictionary_enabled(path),
            dictionary_bytes: properties.column_dictionary_page_size_limit(path),
            page_bytes: properties.column_data_page_size_limit(path),
            bounds: properties.statistics_enabled(path) != EnabledStatistics::None,
            filter: properties.bloom_filter_properties(path).map(|filter| (filter.ndv(), filter.fpp())),
            lengths_apart: properties.encoding(path) == Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            narrow: column.physical_type() == Type::INT32,
            signed: column.sort_order().is_signed(),
        }
    }

    /// Whether a dictionary goes on after a page with so many values. It does not when it is full, nor when three of four
    /// values were new: then there is little to gain from looking each up.
    pub fn goes_on(&self, dictionary_bytes: usize, distinct: usize, values: usize) -> bool {
        dictionary_bytes < self.dictionary_bytes && (values < JUDGED_VALUES || distinct <= values / 4 * 3)
    }
}
