//! The values of a column chunk: indices into its dictionary, or plain texts once the dictionary does not pay.

use super::bounds::Bounds;
use super::dictionary::{Dictionary, put_plain};
use super::hybrid;
use super::key_map::KeyMap;
use arrow_array::StringArray;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;

/// Fewest values by which a dictionary is judged.
const JUDGED_VALUES: usize = 4096;
/// Bytes of a block of a Bloom filter.
const FILTER_BLOCK_BYTES: usize = 32;

/// What the file's properties say of a column's values.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether there is a dictionary at all.
    pub dictionary: bool,
    /// A dictionary of so many bytes takes no more texts: the pages that follow are plain.
    pub dictionary_bytes: usize,
    /// A plain page of so many bytes is complete.
    pub page_bytes: usize,
    /// Whether the least and the greatest text are noted.
    pub bounds: bool,
    /// Distinct values and rate of false hits that the Bloom filter is made for.
    pub filter: Option<(u64, f64)>,
}

/// The values of the page in the making, and what all pages of the chunk share.
#[derive(Debug)]
pub struct Values {
    rules: Rules,
    plain: bool,
    terms: Terms,
    keys: KeyMap,
    indices: Vec<u32>,
    /// Plain texts.
    texts: Vec<u8>,
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

impl Values {
    pub fn new(rules: Rules) -> Result<Values> {
        let filter = rules.filter.map(|(distinct, rate)| Sbbf::new_with_ndv_fpp(distinct, rate)).transpose()?;
        Ok(Values {
            plain: !rules.dictionary,
            rules,
            terms: Terms { dictionary: Dictionary::default(), filter },
            keys: KeyMap::default(),
            indices: Vec::new(),
            texts: Vec::new(),
            bounds: Bounds::default(),
        })
    }

    /// Whether texts are written plainly now.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        if self.plain {
            return self.push_plain(text);
        }
        let same = self.indices.last().filter(|last| self.terms.dictionary.text(**last) == Some(text));
        let index = same.copied().unwrap_or_else(|| self.terms.index(text));
        self.indices.push(index);
    }

    fn push_plain(&mut self, text: &[u8]) {
        put_plain(text, &mut self.texts);
        if let Some(filter) = &mut self.terms.filter {
            filter.insert(text);
        }
        if self.rules.bounds {
            self.bounds.add(text);
        }
    }

    /// Goes on with keys of these values; not where texts are written plainly.
    pub fn follow(&mut self, values: &StringArray) {
        self.keys.follow(values);
    }

    /// Adds the texts behind keys; `None` if one has none.
    pub fn push_keys(&mut self, keys: &[i32]) -> Option<()> {
        self.indices.reserve(keys.len());
        for key in keys {
            self.indices.push(self.keys.index(*key, |text| self.terms.index(text))?);
        }
        Some(())
    }

    /// Whether the page has to end here.
    #[inline]
    pub fn is_full(&self) -> bool {
        if self.plain { self.texts.len() >= self.rules.page_bytes } else { self.is_dictionary_full() }
    }

    fn is_dictionary_full(&self) -> bool {
        self.terms.dictionary.page().len() >= self.rules.dictionary_bytes
    }

    /// Appends the values to a page, and says how.
    pub fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if self.plain {
            out.append(&mut self.texts);
            return Encoding::PLAIN;
        }
        let width = hybrid::width_of(self.terms.dictionary.len().saturating_sub(1));
        out.push(width as u8);
        hybrid::put(&self.indices, width, out);
        self.plain = self.is_dictionary_full() || self.hardly_repeats();
        if self.plain {
            (self.indices, self.keys) = (Vec::new(), KeyMap::default());
        }
        self.indices.clear();
        Encoding::RLE_DICTIONARY
    }

    /// Whether three of four values of the page are new: then there is little to gain from looking each up.
    fn hardly_repeats(&self) -> bool {
        let (distinct, values) = (self.terms.dictionary.len() as usize, self.indices.len());
        values >= JUDGED_VALUES && distinct > values / 4 * 3
    }

    pub fn memory_size(&self) -> usize {
        let filter = self.terms.filter.as_ref().map_or(0, |filter| filter.num_blocks() * FILTER_BLOCK_BYTES);
        let page = self.texts.len() + self.indices.len() * size_of::<u32>();
        page + filter + self.keys.memory_size() + self.terms.dictionary.memory_size()
    }

    /// What the chunk needs beside its data pages.
    pub fn finish(mut self, nulls: u64) -> Finished {
        if let (Some(filter), Some((_, rate))) = (&mut self.terms.filter, self.rules.filter) {
            filter.fold_to_target_fpp(rate);
        }
        let statistics = self.rules.bounds.then(|| {
            self.terms.dictionary.texts().for_each(|text| self.bounds.add(text));
            self.bounds.statistics(nulls)
        });
        let dictionary = self.rules.dictionary.then_some(self.terms.dictionary);
        Finished { dictionary, filter: self.terms.filter, statistics }
    }
}

/// What a chunk has beside its data pages.
#[derive(Debug)]
pub struct Finished {
    /// The dictionary, where there is one.
    pub dictionary: Option<Dictionary>,
    /// The Bloom filter, where there is one.
    pub filter: Option<Sbbf>,
    /// The statistics, where they are noted.
    pub statistics: Option<Statistics>,
}
