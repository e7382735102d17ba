//! Vocabularies: which number a value of a column has, and the encoder that asks them.

use super::{FeatureSet, GAP_BUCKETS};
use crate::audit::event::Event;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of a value that training did not know.
pub const UNKNOWN: u16 = 0;
/// Number of an absent value.
pub const ABSENT: u16 = 1;
/// Number of the first value of a vocabulary.
const FIRST: usize = 2;

/// Values of a column that have a number of their own; the most frequent ones are kept.
const MAX_VALUES: usize = 1_000;
/// Longest value that has a number, in bytes.
const MAX_VALUE_BYTES: usize = 200;

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

/// Gathers the values of the training part.
#[derive(Clone, Debug)]
pub struct VocabularyBuilder {
    set: FeatureSet,
    /// For each column: value ▸ (how often, when first).
    seen: Vec<BTreeMap<String, (usize, usize)>>,
    events: usize,
}

impl VocabularyBuilder {
    /// A builder that has seen nothing.
    pub fn new(set: FeatureSet) -> VocabularyBuilder {
        VocabularyBuilder { set, seen: vec![BTreeMap::new(); set.columns().len()], events: 0 }
    }

    /// Takes note of the values of `event`.
    pub fn see(&mut self, event: &Event<'_>) {
        for (column, seen) in self.set.columns().iter().zip(&mut self.seen) {
            let Some(value) = (column.value)(event).filter(|value| value.len() <= MAX_VALUE_BYTES) else { continue };
            match seen.get_mut(&*value) {
                Some((count, _)) => *count += 1,
                None => _ = seen.insert(value.into_owned(), (1, self.events)),
            }
        }
        self.events += 1;
    }

    /// The vocabularies of the columns, the gap's included. A value needs `min_count` occurrences for a number of its own, so
    /// that the unknown one occurs in training too.
    pub fn finish(self, min_count: usize) -> Vec<Vocabulary> {
        let original = self.set == FeatureSet::Original;
        let mut all: Vec<Vocabulary> = Vec::with_capacity(self.set.width());
        for (column, seen) in self.set.columns().iter().zip(self.seen) {
            let mut values: Vec<(String, (usize, usize))> = seen.into_iter().collect();
            if original {
                values.sort_by_key(|(_, (_, first))| *first);
            } else {
                values.retain(|(_, (count, _))| *count >= min_count);
                values.sort_by(|(a, (m, _)), (b, (n, _))| n.cmp(m).then_with(|| a.cmp(b)));
            }
            values.truncate(MAX_VALUES);
            let values = values.into_iter().map(|(value, _)| value).collect();
            all.push(Vocabulary { column: column.name.to_owned(), values });
        }
        if self.set.has_gap() {
            let values = (0..GAP_BUCKETS).map(|bucket| format!("2^{bucket} us")).collect();
            all.push(Vocabulary { column: super::GAP.to_owned(), values });
        }
        all
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
        let numbers = vocabularies.iter().take(set.columns().len()).map(number).collect();
        Encoder { set, numbers }
    }

    /// Appends the numbers of `event` to `row`, one a column; the gap is left [`ABSENT`] until the order of events is known.
    pub fn encode(&self, event: &Event<'_>, row: &mut Vec<u16>) {
        row.extend(self.set.columns().iter().zip(&self.numbers).map(|(column, numbers)| {
            let Some(value) = (column.value)(event) else { return ABSENT };
            numbers.get(&*value).copied().unwrap_or(UNKNOWN)
        }));
        if self.set.has_gap() {
            row.push(ABSENT);
        }
    }

    /// Numbers a row has.
    pub fn width(&self) -> usize {
        self.set.width()
    }

    /// Fills in the gap of a row, given the time since the previous event.
    pub fn set_gap(&self, row: &mut [u16], gap_us: i64) {
        if self.set.has_gap()
            && let Some(last) = row.last_mut()
        {
            *last = FIRST as u16 + super::gap_bucket(gap_us);
        }
    }
}
