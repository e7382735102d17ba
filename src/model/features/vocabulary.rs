//! Vocabularies: which number a value of a column has, and the encoder that asks them.

use super::{FeatureSet, Ordered};
use crate::audit::event::Event;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// Number of a value that training did not know.
pub const UNKNOWN: u16 = 0;
/// Number of an absent value.
pub const ABSENT: u16 = 1;
/// Number of the first value of a vocabulary.
pub const FIRST: usize = 2;

/// The values of one column, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Name of the column.
    pub column: String,
    /// The values; the first has number 2.
    pub values: Vec<String>,
}

impl Vocabulary {
    /// How many numbers there are, those of unknown and absent values included.
    pub fn size(&self) -> usize {
        self.values.len() + FIRST
    }
}

/// Turns events into numbers.
#[derive(Clone, Debug)]
pub struct Encoder {
    set: FeatureSet,
    numbers: Vec<HashMap<String, u16>>,
}

impl Encoder {
    /// An encoder with these vocabularies, one a column of `set` in its order.
    pub fn new(set: FeatureSet, vocabularies: &[Vocabulary]) -> Encoder {
        let number = |vocabulary: &Vocabulary| {
            (FIRST as u16..).zip(&vocabulary.values).map(|(number, value)| (value.clone(), number)).collect()
        };
        let numbers = vocabularies.iter().map(number).collect();
        Encoder { set, numbers }
    }

    /// Appends the numbers of `event` to `row`, one a column; what depends on the order of events is left
    /// [`ABSENT`], see [`Encoder::complete`].
    pub fn encode(&self, event: &Event<'_>, row: &mut Vec<u16>) {
        row.extend(self.set.columns().iter().zip(&self.numbers).map(|(column, numbers)| {
            let Some(value) = (column.value)(event) else { return ABSENT };
            numbers.get(&*value).copied().unwrap_or(UNKNOWN)
        }));
        row.extend(self.set.sequence_columns().iter().map(|_| ABSENT));
    }

    /// Fills in what depends on the order of events.
    pub fn complete(&self, row: &mut [u16], ordered: &Ordered) {
        let own = self.set.columns().len();
        let (cells, numbers) = (row.get_mut(own..).unwrap_or_default(), self.numbers.get(own..).unwrap_or_default());
        for ((cell, numbers), value) in cells.iter_mut().zip(numbers).zip(ordered.values(self.set)) {
            *cell = value.map_or(ABSENT, |value| numbers.get(&*value).copied().unwrap_or(UNKNOWN));
        }
    }

    /// Numbers a row has.
    pub fn width(&self) -> usize {
        self.set.width()
    }
}
