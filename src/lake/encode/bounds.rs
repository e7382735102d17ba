//! The least and the greatest text of a column chunk, for its statistics.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Longest bound that is written; a longer one would have to be cut, which says less than nothing at all.
const MAX_BYTES: usize = 64;

/// The bounds so far.
#[derive(Debug, Default)]
pub struct Bounds(Option<(Vec<u8>, Vec<u8>)>);

impl Bounds {
    /// Takes another text in.
    pub fn add(&mut self, text: &[u8]) {
        match &mut self.0 {
            None => self.0 = Some((text.to_vec(), text.to_vec())),
            Some((least, _)) if text < least.as_slice() => *least = text.to_vec(),
            Some((_, greatest)) if text > greatest.as_slice() => *greatest = text.to_vec(),
            Some(_) => {}
        }
    }

    /// As statistics of a chunk with so many nulls.
    pub fn statistics(self, nulls: u64) -> Statistics {
        let (least, greatest) = self.0.unzip();
        let bound = |text: Option<Vec<u8>>| text.filter(|text| text.len() <= MAX_BYTES).map(ByteArray::from);
        Statistics::ByteArray(ValueStatistics::new(bound(least), bound(greatest), None, Some(nulls), false))
    }
}
