//! The values of a column chunk of whole numbers or times: indices into its dictionary, or differences.

use super::chunk::{Finished, Values};
use super::levels::Levels;
use super::rules::Rules;
use super::{bits, delta, hybrid};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt16Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::NullBuffer;
use hashbrown::{DefaultHashBuilder, HashTable};
use parquet::basic::Encoding;
use parquet::file::statistics::{Statistics, ValueStatistics};
use std::hash::BuildHasher;

/// The values of the page in the making, and what all pages of the chunk share.
#[derive(Debug)]
pub struct Numbers {
    rules: Rules,
    has_dictionary: bool,
    /// Of the page; with a dictionary those that have no index yet.
    numbers: Vec<i64>,
    indices: Vec<u32>,
    dictionary: Vec<i64>,
    /// Indices by the hash of their number.
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
    bounds: Option<(i64, i64)>,
}

impl Numbers {
    pub fn new(rules: Rules) -> Numbers {
        Numbers {
            has_dictionary: rules.dictionary,
            rules,
            numbers: Vec::new(),
            indices: Vec::new(),
            dictionary: Vec::new(),
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            bounds: None,
        }
    }

    fn index(&mut self, number: i64) -> u32 {
        let (dictionary, hasher) = (&self.dictionary, &self.hasher);
        let hash = hasher.hash_one(number);
        let at = |index: &u32| dictionary.get(*index as usize).copied();
        if let Some(index) = self.known.find(hash, |index| at(index) == Some(number)) {
            return *index;
        }
        let index = dictionary.len() as u32;
        self.known.insert_unique(hash, index, |index| hasher.hash_one(at(index).unwrap_or_default()));
        self.dictionary.push(number);
        index
    }

    /// Finds the indices of the numbers that have none yet. Equal neighbours are looked up once.
    fn look_up(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        let mut last = None;
        for number in &numbers {
            let index = match last {
                Some((same, index)) if same == *number => index,
                _ => self.index(*number),
            };
            last = Some((*number, index));
            self.indices.push(index);
        }
        self.numbers = numbers;
        self.numbers.clear();
    }

    fn note_bounds(&mut self, new: usize) {
        let new = self.numbers.get(new..).unwrap_or_default();
        let Some(first) = new.first() else { return };
        // One pass, without a branch.
        let bounds = self.bounds.unwrap_or((*first, *first));
        self.bounds = Some(new.iter().fold(bounds, |(least, most), number| (least.min(*number), most.max(*number))));
    }

    fn value_bytes(&self) -> usize {
        if self.rules.narrow { size_of::<i32>() } else { size_of::<i64>() }
    }
}

impl Values for Numbers {
    fn take(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>, levels: &mut Levels) -> Option<usize> {
        let new = self.numbers.len();
        if let Some(array) = array.as_primitive_opt::<Int64Type>() {
            extend(&mut self.numbers, array, nulls)?;
        } else if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            extend(&mut self.numbers, array, nulls)?;
        } else if let Some(array) = array.as_primitive_opt::<Int32Type>() {
            extend(&mut self.numbers, array, nulls)?;
        } else {
            extend(&mut self.numbers, array.as_primitive_opt::<UInt16Type>()?, nulls)?;
        }
        if self.rules.bounds {
            self.note_bounds(new);
        }
        if self.has_dictionary {
            self.look_up();
        }
        levels.push_rows(array.len(), nulls);
        Some(array.len())
    }

    fn is_full(&self) -> bool {
        !self.has_dictionary && self.numbers.len() * self.value_bytes() >= self.rules.page_bytes
    }

    fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if !self.has_dictionary {
            delta::put(&self.numbers, self.rules.narrow, out);
            self.numbers.clear();
            return Encoding::DELTA_BINARY_PACKED;
        }
        let (distinct, values) = (self.dictionary.len(), self.indices.len());
        let width = bits::width_of(distinct.saturating_sub(1) as u64);
        out.push(width as u8);
        hybrid::put(&self.indices, width, out);
        self.indices.clear();
        self.has_dictionary = self.rules.goes_on(distinct * self.value_bytes(), distinct, values);
        Encoding::RLE_DICTIONARY
    }

    fn memory_size(&self) -> usize {
        let wide = (self.numbers.len() + self.dictionary.len()) * size_of::<i64>();
        wide + (self.indices.len() + self.known.len()) * size_of::<u32>()
    }

    fn finish(self: Box<Self>, nulls: u64) -> Finished {
        let mut page = Vec::with_capacity(self.dictionary.len() * self.value_bytes());
        for number in &self.dictionary {
            match self.rules.narrow {
                true => page.extend_from_slice(&(*number as i32).to_le_bytes()),
                false => page.extend_from_slice(&number.to_le_bytes()),
            }
        }
        let (least, greatest) = self.bounds.unzip();
        let statistics = self.rules.bounds.then(|| match self.rules.narrow {
            true => statistics(least.map(|n| n as i32), greatest.map(|n| n as i32), nulls, self.rules.signed),
            false => statistics(least, greatest, nulls, self.rules.signed),
        });
        let dictionary = self.rules.dictionary.then_some((page, self.dictionary.len() as u32));
        Finished { dictionary, filter: None, statistics }
    }
}

/// Appends the numbers of an array without its nulls.
fn extend<T>(numbers: &mut Vec<i64>, array: &PrimitiveArray<T>, nulls: Option<&NullBuffer>) -> Option<()>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let mut add = |from: usize, to: usize| -> Option<()> {
        numbers.extend(array.values().get(from..to)?.iter().map(|number| -> i64 { (*number).into() }));
        Some(())
    };
    match nulls {
        None => add(0, array.len()),
        Some(nulls) => nulls.valid_slices().try_for_each(|(from, to)| add(from, to)),
    }
}

fn statistics<T>(least: Option<T>, greatest: Option<T>, nulls: u64, signed: bool) -> Statistics
where
    Statistics: From<ValueStatistics<T>>,
{
    let bounds = ValueStatistics::new(least, greatest, None, Some(nulls), false);
    bounds.with_backwards_compatible_min_max(signed).into()
}
