//! Lists of texts that were seen before: their indices in a chunk's dictionary, by one look-up for the whole list.
//!
//! The items of a list lie together in their array, so they are one text with places at which it is cut. Groups of users are
//! the same few lists all the time.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Most lists that are kept.
const MAX_LISTS: usize = 1024;
/// Most bytes of a list that is kept.
const MAX_BYTES: usize = 1024;

/// The lists.
#[derive(Debug, Default)]
pub struct Lists {
    lists: Vec<List>,
    index: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct List {
    /// Its items, one behind the other.
    text: Box<[u8]>,
    /// Where each ends.
    ends: Box<[i32]>,
    indices: Box<[u32]>,
}

impl List {
    /// Whether it has these items; the first begins at `start`.
    fn is(&self, text: &[u8], start: i32, ends: &[i32]) -> bool {
        let same_end = |(own, end): (&i32, &i32)| *own == end - start;
        *self.text == *text && self.ends.len() == ends.len() && self.ends.iter().zip(ends).all(same_end)
    }
}

impl Lists {
    /// The indices of a list that was kept: `text` are its items, which end at `ends` where the first begins at `start`.
    pub fn find(&self, text: &[u8], start: i32, ends: &[i32]) -> Option<&[u32]> {
        let list = |at: &usize| self.lists.get(*at);
        let at =
            self.index.find(self.hasher.hash_one(text), |at| list(at).is_some_and(|one| one.is(text, start, ends)))?;
        Some(&list(at)?.indices)
    }

    /// Keeps a list that was not found.
    pub fn keep(&mut self, text: &[u8], start: i32, ends: &[i32], indices: &[u32]) {
        if self.lists.len() >= MAX_LISTS || text.len() + size_of_val(ends) > MAX_BYTES {
            return;
        }
        let ends = ends.iter().map(|end| end - start).collect();
        self.lists.push(List { text: text.into(), ends, indices: indices.into() });
        let (lists, hasher) = (&self.lists, &self.hasher);
        let rehash = |at: &usize| lists.get(*at).map_or(0, |list| hasher.hash_one(&*list.text));
        self.index.insert_unique(hasher.hash_one(text), lists.len() - 1, rehash);
    }

    pub fn memory_size(&self) -> usize {
        let bytes = |list: &List| list.text.len() + size_of_val(&*list.ends) + size_of_val(&*list.indices);
        self.lists.iter().map(bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists of the same text that is cut elsewhere are others.
    #[test]
    fn a_list_is_found_again() {
        let mut lists = Lists::default();
        lists.keep(b"abc", 5, &[6, 8], &[1, 2]);
        assert_eq!(lists.find(b"abc", 0, &[1, 3]), Some(&[1, 2][..]));
        for ends in [&[2, 3][..], &[1, 1, 3], &[3], &[]] {
            assert_eq!(lists.find(b"abc", 0, ends), None);
        }
        lists.keep(b"", 0, &[], &[]);
        lists.keep(b"", 9, &[9], &[7]);
        assert_eq!((lists.find(b"", 3, &[]), lists.find(b"", 3, &[3])), (Some(&[][..]), Some(&[7][..])));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut lists = Lists::default();
        lists.keep(&[b'x'; MAX_BYTES], 0, &[MAX_BYTES as i32], &[0]);
        lists.keep(b"", 0, &[0; MAX_BYTES], &[0; MAX_BYTES]);
        assert_eq!(lists.memory_size(), 0);
        for n in 0..MAX_LISTS as i32 + 9 {
            lists.keep(&n.to_le_bytes(), 0, &[4], &[n as u32]);
        }
        assert_eq!((lists.lists.len(), lists.find(&3i32.to_le_bytes(), 0, &[4])), (MAX_LISTS, Some(&[3][..])));
    }
}
