//! The values of a column chunk of texts: indices into its dictionary, or lengths and texts once that does not pay.

use super::bounds::Bounds;
use super::chunk::{Finished, Values};
use super::dictionary::Dictionary;
use super::key_map::KeyMap;
use super::levels::Levels;
use super::lists::Lists;
use super::rules::Rules;
use super::{bits, delta, hybrid};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray, StringArray};
use arrow_buffer::NullBuffer;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::errors::Result;

/// Bytes of a block of a Bloom filter.
const FILTER_BLOCK_BYTES: usize = 32;

/// The values of the page in the making, and what all pages of the chunk share.
#[derive(Debug)]
pub struct Texts {
    rules: Rules,
    /// Whether texts are written without the dictionary now.
    is_plain: bool,
    terms: Terms,
    keys: KeyMap,
    lists: Lists,
    indices: Vec<u32>,
    /// Texts without the dictionary, and their lengths where those are apart.
    texts: Vec<u8>,
    lengths: Vec<i64>,
    bounds: Bounds,
}

/// The distinct values so far.
#[derive(Debug, Default)]
struct Terms {
    dictionary: Dictionary,
    filter: Option<Sbbf>,
}

impl Terms {
    fn index(&mut self, text: &[u8]) -> u32 {
        let (index, new) = self.dictionary.intern(text);
        if let (true, Some(filter)) = (new, &mut self.filter) {
            filter.insert(text);
        }
        index
    }
}

impl Texts {
    pub fn new(rules: Rules) -> Result<Texts> {
        let filter = rules.filter.map(|(distinct, rate)| Sbbf::new_with_ndv_fpp(distinct, rate)).transpose()?;
        Ok(Texts {
            is_plain: !rules.dictionary,
            rules,
            terms: Terms { dictionary: Dictionary::default(), filter },
            keys: KeyMap::default(),
            lists: Lists::default(),
            indices: Vec::new(),
            texts: Vec::new(),
            lengths: Vec::new(),
            bounds: Bounds::default(),
        })
    }

    /// Adds a text.
    #[inline]
    fn push(&mut self, text: &[u8]) {
        match self.is_plain {
            true => self.push_plain(text),
            false => self.indices.push(self.terms.index(text)),
        }
    }

    fn push_plain(&mut self, text: &[u8]) {
        match self.rules.lengths_apart {
            true => self.lengths.push(text.len() as i64),
            false => self.texts.extend_from_slice(&(text.len() as u32).to_le_bytes()),
        }
        self.texts.extend_from_slice(text);
        if let Some(filter) = &mut self.terms.filter {
            filter.insert(text);
        }
        if self.rules.bounds {
            self.bounds.add(text);
        }
    }

    /// Adds the texts behind keys; `None` if one has none.
    fn push_keys(&mut self, keys: &[i32]) -> Option<()> {
        self.keys.append(keys, &mut self.indices, |text| self.terms.index(text))
    }

    fn take_texts<'a>(
        &mut self,
        rows: usize,
        nulls: Option<&NullBuffer>,
        text: impl Fn(usize) -> Option<&'a str>,
    ) -> Option<usize> {
        let mut last = None;
        for row in 0..rows {
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                let text = text(row)?.as_bytes();
                match self.indices.last() {
                    // Without a dictionary there are no indices.
                    Some(index) if last == Some(text) => self.indices.push(*index),
                    _ => self.push(text),
                }
                last = Some(text);
                if self.is_full() {
                    return Some(row + 1);
                }
            }
        }
        Some(rows)
    }

    fn take_keys(&mut self, array: &DictionaryArray<Int32Type>, nulls: Option<&NullBuffer>) -> Option<usize> {
        let (keys, values) = (array.keys().values(), array.values().as_string_opt::<i32>()?);
        if self.is_plain {
            let text = |row: usize| Some(values.value(usize::try_from(*keys.get(row)?).ok()?));
            return self.take_texts(keys.len(), nulls, text);
        }
        self.keys.follow(values);
        match nulls {
            None => self.push_keys(keys)?,
            Some(nulls) => nulls.valid_slices().try_for_each(|(from, to)| self.push_keys(keys.get(from..to)?))?,
        }
        Some(keys.len())
    }

    fn take_lists(&mut self, lists: &ListArray, levels: &mut Levels) -> Option<usize> {
        let items = lists.values().as_string_opt::<i32>().filter(|items| items.null_count() == 0)?;
        for (row, ends) in lists.value_offsets().windows(2).enumerate() {
            let [from, to] = <[i32; 2]>::try_from(ends).ok()?;
            self.push_list(items, from as usize, to as usize)?;
            levels.push_list((to - from) as usize);
            if self.is_full() {
                return Some(row + 1);
            }
        }
        Some(lists.len())
    }

    /// Adds the items of a list.
    fn push_list(&mut self, items: &StringArray, from: usize, to: usize) -> Option<()> {
        let each = (from..to).map(|item| items.value(item).as_bytes());
        if self.is_plain {
            each.for_each(|text| self.push_plain(text));
            return Some(());
        }
        let (start, ends) = items.value_offsets().get(from..=to)?.split_first()?;
        let text = items.value_data().get(*start as usize..*ends.last().unwrap_or(start) as usize)?;
        match self.lists.find(text, *start, ends) {
            Some(indices) => self.indices.extend_from_slice(indices),
            None => {
                let new = self.indices.len();
                each.for_each(|text| self.push(text));
                self.lists.keep(text, *start, ends, self.indices.get(new..)?);
            }
        }
        Some(())
    }
}

impl Values for Texts {
    fn take(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>, levels: &mut Levels) -> Option<usize> {
        if let Some(lists) = array.as_list_opt::<i32>() {
            return self.take_lists(lists, levels);
        }
        let taken = if let Some(texts) = array.as_string_opt::<i32>() {
            self.take_texts(array.len(), nulls, |row| Some(texts.value(row)))?
        } else {
            self.take_keys(array.as_dictionary_opt::<Int32Type>()?, nulls)?
        };
        levels.push_rows(taken, nulls.map(|nulls| nulls.slice(0, taken)).as_ref());
        Some(taken)
    }

    fn is_full(&self) -> bool {
        match self.is_plain {
            true => self.texts.len() >= self.rules.page_bytes,
            false => self.terms.dictionary.page().len() >= self.rules.dictionary_bytes,
        }
    }

    fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if self.is_plain {
            if self.rules.lengths_apart {
                delta::put(&self.lengths, true, out);
                self.lengths.clear();
            }
            out.append(&mut self.texts);
            return if self.rules.lengths_apart { Encoding::DELTA_LENGTH_BYTE_ARRAY } else { Encoding::PLAIN };
        }
        let (distinct, bytes) = (self.terms.dictionary.len(), self.terms.dictionary.page().len());
        let width = bits::width_of(u64::from(distinct.saturating_sub(1)));
        out.push(width as u8);
        hybrid::put(&self.indices, width, out);
        self.is_plain = !self.rules.goes_on(bytes, distinct as usize, self.indices.len());
        self.indices.clear();
        Encoding::RLE_DICTIONARY
    }

    fn memory_size(&self) -> usize {
        let filter = self.terms.filter.as_ref().map_or(0, |filter| filter.num_blocks() * FILTER_BLOCK_BYTES);
        let plain = self.texts.len() + self.lengths.len() * size_of::<i64>();
        let keys = self.keys.memory_size() + self.lists.memory_size() + self.indices.len() * size_of::<u32>();
        plain + keys + filter + self.terms.dictionary.memory_size()
    }

    fn finish(mut self: Box<Self>, nulls: u64) -> Finished {
        if let (Some(filter), Some((_, rate))) = (&mut self.terms.filter, self.rules.filter) {
            filter.fold_to_target_fpp(rate);
        }
        let Texts { rules, terms, mut bounds, .. } = *self;
        let statistics = rules.bounds.then(|| {
            terms.dictionary.texts().for_each(|text| bounds.add(text));
            bounds.statistics(nulls)
        });
        let dictionary = rules.dictionary.then(|| terms.dictionary.into_page());
        Finished { dictionary, filter: terms.filter, statistics }
    }
}
