//! What comes behind the event that is being attributed, as the causal engine looks at it.

use super::block::BESIDE;
use super::order::Waiting;
use crate::context::engine::{Ahead, Glance};
use crate::context::model::{FactBatch, Input};

/// The events behind the one being attributed: first those released with it, then those that wait.
pub struct Coming<'a> {
    /// Finds the facts of a block by its number.
    pub facts: &'a dyn Fn(u64) -> Option<&'a FactBatch>,
    /// What was released with the event and comes behind it.
    pub released: &'a [Waiting],
    /// What waits, in event order.
    pub waiting: &'a [Waiting],
}

impl Coming<'_> {
    fn at(&self, index: usize) -> Option<&Waiting> {
        self.released.get(index).or_else(|| self.waiting.get(index.checked_sub(self.released.len())?))
    }
}

impl Ahead for Coming<'_> {
    fn event(&self, index: usize) -> Option<Input<'_>> {
        let place = self.at(index)?.place;
        let Input { head, facts, client } = Input::of((self.facts)(place.block)?, place.head as usize)?;
        // A stage that only stands beside another one causes nothing.
        let counts = head.flags & BESIDE == 0;
        Some(Input { head, facts: if counts { facts } else { &[] }, client: client.filter(|_| counts) })
    }

    fn glance(&self, index: usize) -> Option<Glance> {
        self.at(index).map(|waiting| waiting.glance)
    }
}
