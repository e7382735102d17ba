//! The dictionary of one column chunk: each text once, as its dictionary page has it.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Bytes before each text in plain encoding: its length.
const LENGTH_BYTES: usize = 4;

/// The dictionary.
#[derive(Debug, Default)]
pub struct Dictionary {
    /// The page: of each text the length and the bytes.
    page: Vec<u8>,
    /// Where each text ends in the page.
    ends: Vec<usize>,
    /// By the hash of the text.
    indices: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Dictionary {
    /// The index of a text, and whether it is new.
    pub fn intern(&mut self, text: &[u8]) -> (u32, bool) {
        let hash = self.hasher.hash_one(text);
        let (page, ends, hasher) = (&self.page, &self.ends, &self.hasher);
        if let Some(index) = self.indices.find(hash, |index| text_at(page, ends, *index) == Some(text)) {
            return (*index, false);
        }
        let index = ends.len() as u32;
        let rehash = |index: &u32| hasher.hash_one(text_at(page, ends, *index).unwrap_or_default());
        self.indices.insert_unique(hash, index, rehash);
        self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.page.extend_from_slice(text);
        self.ends.push(self.page.len());
        (index, true)
    }

    /// The text behind an index.
    pub fn text(&self, index: u32) -> Option<&[u8]> {
        text_at(&self.page, &self.ends, index)
    }

    /// All texts, by index.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.text(index))
    }

    /// How many texts there are.
    pub fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// The page, not compressed.
    pub fn page(&self) -> &[u8] {
        &self.page
    }

    /// The page and how many texts it has.
    pub fn into_page(self) -> (Vec<u8>, u32) {
        let texts = self.len();
        (self.page, texts)
    }

    pub fn memory_size(&self) -> usize {
        self.page.len() + self.ends.len() * size_of::<usize>() + self.indices.len() * size_of::<u32>()
    }
}

fn text_at<'a>(page: &'a [u8], ends: &[usize], index: u32) -> Option<&'a [u8]> {
    let index = index as usize;
    let start = index.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
    page.get(start + LENGTH_BYTES..*ends.get(index)?)
}
