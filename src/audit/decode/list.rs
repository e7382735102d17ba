//! Lists, and values that lie inside of other values, read in place.

use super::take::{Key, Place, Take, lenient, skip};
use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use smallvec::SmallVec;

/// What elements are added to.
pub(super) trait List {
    type Item: Default;
    fn count(&self) -> usize;
    fn add(&mut self, item: Self::Item);
}

impl<T: Default> List for Vec<T> {
    type Item = T;

    fn count(&self) -> usize {
        self.len()
    }

    fn add(&mut self, item: T) {
        self.push(item);
    }
}

impl<T: Default, const INLINE: usize> List for SmallVec<[T; INLINE]> {
    type Item = T;

    fn count(&self) -> usize {
        self.len()
    }

    fn add(&mut self, item: T) {
        self.push(item);
    }
}

/// The elements of a list, read strictly or leniently; the first `limit` are kept.
pub(super) struct Many<'p, L, const STRICT: bool> {
    /// Where the elements go.
    pub list: &'p mut L,
    /// How many are kept; the others are skipped, of whatever type they are.
    pub limit: usize,
}

impl<'de, L: List<Item: Take<'de>>, const STRICT: bool> Take<'de> for Many<'_, L, STRICT> {
    const EXPECTED: &'static str = "a list";
    const LIST: bool = true;

    fn element<A: SeqAccess<'de>>(&mut self, elements: &mut A) -> Result<bool, A::Error> {
        if self.list.count() >= self.limit {
            return Ok(elements.next_element::<IgnoredAny>()?.is_some());
        }
        let mut item = L::Item::default();
        let more = elements.next_element_seed(Place::<_, STRICT>::of(&mut item))?.is_some();
        if more {
            self.list.add(item);
        }
        Ok(more)
    }
}

/// An object of which one member is read, strictly or leniently.
pub(super) struct At<'p, T, const STRICT: bool = false> {
    /// Name of the member.
    pub member: &'static str,
    /// Where its value goes.
    pub place: &'p mut T,
}

impl<'de, T: Take<'de>, const STRICT: bool> Take<'de> for At<'_, T, STRICT> {
    const EXPECTED: &'static str = "an object";
    const OBJECT: bool = true;

    fn member<A: MapAccess<'de>>(&mut self, key: Key<'de>, map: &mut A) -> Result<(), A::Error> {
        if *key == *self.member.as_bytes() {
            map.next_value_seed(Place::<_, STRICT>::of(&mut *self.place))
        } else {
            skip(map)
        }
    }
}

/// A list of objects of each of which one member is read; the first `limit` that have it are kept.
pub(super) struct Each<'p, L> {
    /// Name of the member.
    pub member: &'static str,
    /// Where its values go.
    pub list: &'p mut L,
    /// How many are kept.
    pub limit: usize,
}

impl<'de, L: List<Item: Take<'de>>> Take<'de> for Each<'_, L> {
    const EXPECTED: &'static str = "a list";
    const LIST: bool = true;

    fn element<A: SeqAccess<'de>>(&mut self, elements: &mut A) -> Result<bool, A::Error> {
        if self.list.count() >= self.limit {
            return Ok(elements.next_element::<IgnoredAny>()?.is_some());
        }
        let mut item: Option<L::Item> = None;
        let more =
            elements.next_element_seed(lenient(&mut At::<_> { member: self.member, place: &mut item }))?.is_some();
        if let Some(item) = item {
            self.list.add(item);
        }
        Ok(more)
    }
}
