//! The blocks of a stream that still have events to be settled, by the numbers that the events in order name them by.
//!
//! ```text
//!   number   7      8      9      10
//!          [ 3 ]  [ 0 ]  [120]  [512]◀── put: the next number
//!            ▲      └ gone, since all its events are settled; its place goes when it is the first
//!            └ three events open
//! ```
//! Each event is looked at several times on its way: a place in a queue is found by a subtraction.

use std::collections::VecDeque;

/// What is kept of each block until all its events are settled.
#[derive(Debug)]
pub struct OpenBlocks<T> {
    first: u64,
    blocks: VecDeque<Option<Block<T>>>,
}

#[derive(Debug)]
struct Block<T> {
    held: T,
    open: usize,
}

impl<T> Default for OpenBlocks<T> {
    fn default() -> Self {
        OpenBlocks { first: 0, blocks: VecDeque::new() }
    }
}

impl<T> OpenBlocks<T> {
    /// The number that the next block gets.
    pub fn next_number(&self) -> u64 {
        self.first + self.blocks.len() as u64
    }

    /// Keeps a block until `open` of its events are settled; one that has none is not kept, and its number is given again.
    pub fn put(&mut self, held: T, open: usize) {
        if open > 0 {
            self.blocks.push_back(Some(Block { held, open }));
        }
    }

    /// The block of a number, while it is kept.
    #[inline]
    pub fn get(&self, number: u64) -> Option<&T> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.blocks.get(place)?.as_ref().map(|block| &block.held)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.block(number)?.as_mut().map(|block| &mut block.held)
    }

    /// One event of the block is settled.
    pub fn settle_one(&mut self, number: u64) {
        let Some(place) = self.block(number) else { return };
        if let Some(block) = place {
            block.open = block.open.saturating_sub(1);
        }
        place.take_if(|block| block.open == 0);
        while self.blocks.pop_front_if(|block| block.is_none()).is_some() {
            self.first += 1;
        }
    }

    fn block(&mut self, number: u64) -> Option<&mut Option<Block<T>>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.blocks.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Blocks come and their events settle in any order: each is there from its coming to its last event, and no other.
        #[test]
        fn a_block_is_kept_as_long_as_it_has_open_events(steps in prop::collection::vec((0usize..4, any::<prop::sample::Index>()), 1..200)) {
            let mut blocks = OpenBlocks::default();
            let mut open: Vec<(u64, usize)> = Vec::new();
            let mut last = 0;
            for (count, settled) in steps {
                let number = blocks.next_number();
                blocks.put(number, count);
                if count > 0 {
                    open.push((number, count));
                    last = number + 1;
                }
                if !open.is_empty() {
                    let one = settled.index(open.len());
                    blocks.settle_one(open[one].0);
                    open[one].1 -= 1;
                    open.retain(|(_, count)| *count > 0);
                }
                for number in 0..last + 2 {
                    let expected = open.iter().any(|(kept, _)| *kept == number).then_some(number);
                    prop_assert_eq!(blocks.get(number).copied(), expected);
                    prop_assert_eq!(blocks.get_mut(number).copied(), expected);
                }
            }
        }
    }
}
