//! Labelled events as a table of interned values: decoded once, encoded anew for each split, since every split has vocabularies
//! of its own training part.

use super::sequence::bucket_name;
use super::vocabulary::FIRST;
use super::{ABSENT, FeatureSet, GAP_BUCKETS, Ordered, ROOT_LABEL, UNKNOWN, Vocabulary};
use crate::audit::event::Event;
use crate::audit::label::Label;
use hashbrown::HashMap;
use std::ops::Range;

/// Values of a column that have a number of their own; the most frequent ones are kept.
const MAX_VALUES: usize = 1_000;
/// Longest value that has a number, in bytes.
const MAX_VALUE_BYTES: usize = 200;
/// Interned number of an absent value.
const NONE: u32 = 0;

/// Events by row; a row has one interned value a column.
#[derive(Clone, Debug)]
pub struct Table {
    set: FeatureSet,
    columns: Vec<Interned>,
    cells: Vec<u32>,
}

/// The values of a column; number 0 is absent.
#[derive(Clone, Debug, Default)]
struct Interned {
    values: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Table {
    /// An empty table.
    pub fn new(set: FeatureSet) -> Table {
        Table { set, columns: vec![Interned::default(); set.width()], cells: Vec::new() }
    }

    /// Its columns.
    pub fn set(&self) -> FeatureSet {
        self.set
    }

    /// Appends an event; what depends on the order of events is left absent.
    pub fn push(&mut self, event: &Event<'_>) {
        for (column, interned) in self.set.columns().iter().zip(&mut self.columns) {
            self.cells.push((column.value)(event).map_or(NONE, |value| interned.number(&value)));
        }
        self.cells.extend(self.set.sequence_columns().iter().map(|_| NONE));
    }

    /// Fills in what depends on the order of events.
    pub fn complete(&mut self, row: usize, ordered: &Ordered) {
        let (width, own) = (self.set.width(), self.set.columns().len());
        let cells = self.cells.get_mut(row * width + own..(row + 1) * width).unwrap_or_default();
        let columns = self.columns.get_mut(own..).unwrap_or_default();
        for ((cell, interned), value) in cells.iter_mut().zip(columns).zip(ordered.values(self.set)) {
            *cell = value.map_or(NONE, |value| interned.number(&value));
        }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.cells.len() / self.columns.len().max(1)
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    fn row(&self, row: usize) -> &[u32] {
        let width = self.columns.len();
        self.cells.get(row * width..(row + 1) * width).unwrap_or_default()
    }

    /// The vocabularies of the columns from the rows in `parts` alone. Gaps have all their buckets; the engine's answer has a number
    /// where it is one of `classes`, of which the first is the unknown one.
    ///
    /// A value needs `min_count` occurrences for a number of its own, so that the unknown one occurs in training too; the
    /// original set numbers every value, in the order in which they came.
    pub fn vocabularies(&self, parts: &[Range<usize>], min_count: usize, classes: &[Label]) -> Vec<Vocabulary> {
        let mut counts: Vec<Vec<(usize, usize)>> =
            self.columns.iter().map(|column| vec![(0, usize::MAX); column.values.len() + 1]).collect();
        for row in parts.iter().flat_map(Range::clone) {
            for (counts, cell) in counts.iter_mut().zip(self.row(row)) {
                if let Some((count, first)) = counts.get_mut(*cell as usize) {
                    *count += 1;
                    *first = (*first).min(row);
                }
            }
        }
        let named = self.set.names().into_iter().zip(&self.columns).zip(counts);
        named
            .map(|((column, interned), counts)| {
                let fixed = |values: Vec<String>| Vocabulary { column: column.to_owned(), values };
                match column {
                    "gap" => return fixed((0..GAP_BUCKETS).map(bucket_name).collect()),
                    ROOT_LABEL => return fixed(classes.iter().skip(1).map(|label| label.0.to_string()).collect()),
                    _ => {}
                }
                let seen = interned.values.iter().zip(counts.into_iter().skip(1));
                let mut seen: Vec<(&String, (usize, usize))> =
                    seen.filter(|(value, (count, _))| *count > 0 && value.len() <= MAX_VALUE_BYTES).collect();
                match self.set {
                    FeatureSet::Original => seen.sort_by_key(|(_, (_, first))| *first),
                    FeatureSet::Linked | FeatureSet::Mended => {
                        seen.retain(|(_, (count, _))| *count >= min_count);
                        seen.sort_by(|(a, (m, _)), (b, (n, _))| n.cmp(m).then_with(|| a.cmp(b)));
                    }
                }
                seen.truncate(MAX_VALUES);
                fixed(seen.into_iter().map(|(value, _)| value.clone()).collect())
            })
            .collect()
    }

    /// All rows as numbers of these vocabularies.
    pub fn encode(&self, vocabularies: &[Vocabulary]) -> Vec<Vec<u16>> {
        let numbers: Vec<Vec<u16>> = self
            .columns
            .iter()
            .zip(vocabularies)
            .map(|(interned, vocabulary)| {
                let known: HashMap<&str, u16> =
                    vocabulary.values.iter().map(String::as_str).zip(FIRST as u16..).collect();
                let number = |value: &String| known.get(value.as_str()).copied().unwrap_or(UNKNOWN);
                std::iter::once(ABSENT).chain(interned.values.iter().map(number)).collect()
            })
            .collect();
        let encode = |row: usize| {
            let cells = self.row(row).iter().zip(&numbers);
            cells.map(|(cell, numbers)| numbers.get(*cell as usize).copied().unwrap_or(UNKNOWN)).collect()
        };
        (0..self.len()).map(encode).collect()
    }

    /// The table with its rows in another order, or fewer of them.
    pub fn select(&self, rows: &[usize]) -> Table {
        let cells = rows.iter().flat_map(|row| self.row(*row).iter().copied()).collect();
        Table { set: self.set, columns: self.columns.clone(), cells }
    }
}

impl Interned {
    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        self.values.push(value.to_owned());
        let number = self.values.len() as u32;
        self.numbers.insert(value.to_owned(), number);
        number
    }
}
