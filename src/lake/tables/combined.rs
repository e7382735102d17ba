//! Columns whose values come in few combinations, such as a user and what it calls itself: a row looks up the combination, once,
//! instead of each value.
//!
//! ```text
//! texts of the event ─▶ key ─▶ number of the combination, one a row
//!                                │ at the end of the batch
//!                                ├─▶ key of the value in column 0, of that in column 1, …
//!                                └─▶ whatever else follows from the texts
//! ```
//! A row takes 3,000 instructions; with a look-up for each value it took 5,100.
//!
//! Invariants:
//! - Each cell is what the first row of the same texts had: values must follow from those texts alone.
//! - Memory is bounded: combinations beyond a number are not remembered, and with too many of them, or of any column's values,
//!   all starts anew at the next batch.

use super::intern::emptied;
use super::terms::{MAX_BYTES, MAX_VALUES, NULL, Terms};
use arrow_array::ArrayRef;
use arrow_schema::ArrowError;
use hashbrown::HashMap;

/// Ends each text in a key; no text has it.
const END: u8 = 0xff;

/// The columns; `X` is what else is known of a combination.
#[derive(Debug)]
pub(super) struct Combined<const N: usize, X> {
    /// By their texts.
    numbers: HashMap<Box<[u8]>, u32>,
    /// Bytes of those texts.
    bytes: usize,
    /// The texts at hand.
    key: Vec<u8>,
    columns: [CombinedColumn; N],
    others: Vec<X>,
    /// Number of each row's combination.
    rows: Vec<u32>,
}

#[derive(Debug, Default)]
struct CombinedColumn {
    terms: Terms,
    /// By number of the combination.
    keys: Vec<i32>,
}

impl<const N: usize, X> Default for Combined<N, X> {
    fn default() -> Self {
        Combined {
            numbers: HashMap::new(),
            bytes: 0,
            key: Vec::new(),
            columns: std::array::from_fn(|_| CombinedColumn::default()),
            others: Vec::new(),
            rows: Vec::new(),
        }
    }
}

impl<const N: usize, X> Combined<N, X> {
    /// The number of a combination, until the batch ends: of texts, and of whatever small number else it depends on. `learn` says
    /// what each column has, `None` for null, and what else is known.
    #[inline]
    pub(super) fn number<'t, C: AsRef<str>>(
        &mut self,
        mark: u8,
        texts: impl IntoIterator<Item = &'t str>,
        learn: impl FnOnce() -> ([Option<C>; N], X),
    ) -> u32 {
        self.key.clear();
        self.key.push(mark);
        for text in texts {
            self.key.extend_from_slice(text.as_bytes());
            self.key.push(END);
        }
        match self.numbers.get(self.key.as_slice()) {
            Some(number) => *number,
            None => self.add(learn()),
        }
    }

    #[cold]
    fn add<C: AsRef<str>>(&mut self, (cells, other): ([Option<C>; N], X)) -> u32 {
        let number = self.others.len() as u32;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.keys.push(cell.map_or(NULL, |text| column.terms.key(text.as_ref())));
        }
        self.others.push(other);
        if !self.is_full() {
            self.bytes += self.key.len();
            self.numbers.insert(self.key.as_slice().into(), number);
        }
        number
    }

    fn is_full(&self) -> bool {
        self.others.len() > MAX_VALUES || self.bytes > MAX_BYTES
    }

    /// What else is known of a combination.
    pub(super) fn other(&self, number: u32) -> Option<&X> {
        self.others.get(number as usize)
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        self.rows.push(number);
    }

    /// What else is known of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &X> + Clone {
        self.rows.iter().filter_map(|number| self.other(*number))
    }

    /// The columns, leaving no rows.
    pub(super) fn finish(&mut self) -> [Result<ArrayRef, ArrowError>; N] {
        let rows = emptied(&mut self.rows);
        let arrays = self.columns.each_mut().map(|CombinedColumn { terms, keys }| {
            terms.column(rows.iter().map(|number| keys.get(*number as usize).copied().unwrap_or(NULL)).collect())
        });
        if self.is_full() || self.columns.iter().any(|column| column.terms.is_full()) {
            *self = Combined::default();
        }
        arrays
    }
}

#[cfg(test)]
mod tests {
    use super::super::intern::DictColumn;
    use super::*;
    use arrow_array::StringArray;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;
    use proptest::prelude::*;

    fn texts(column: &ArrayRef) -> Vec<Option<String>> {
        let dict = column.as_dictionary::<Int32Type>();
        dict.downcast_dict::<StringArray>().unwrap().into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    /// Adds a row of two texts: null where empty, as they are, and what both come to.
    fn push(combined: &mut Combined<2, usize>, (one, two): (&str, &str)) {
        let learn = || ([(!one.is_empty()).then_some(one), Some(two)], one.len() + two.len());
        let number = combined.number(0, [one, two], learn);
        assert_eq!(combined.other(number), Some(&(one.len() + two.len())));
        combined.push(number);
    }

    proptest! {
        /// Batch after batch, with more combinations than are kept in some.
        #[test]
        fn same_as_looking_each_up(
            batches in prop::collection::vec((prop::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..30), prop::bool::weighted(0.3)), 1..6),
        ) {
            let (mut combined, mut plain) = (Combined::default(), [DictColumn::default(), DictColumn::default()]);
            for (rows, many) in &batches {
                let more = (0..if *many { MAX_VALUES + 2 } else { 0 }).map(|n| (n.to_string(), "c".to_owned()));
                let rows: Vec<_> = more.chain(rows.iter().cloned()).collect();
                for (one, two) in &rows {
                    push(&mut combined, (one, two));
                    plain[0].push_some(one);
                    plain[1].push(two);
                }
                let known: Vec<usize> = combined.rows().copied().collect();
                prop_assert_eq!(known, rows.iter().map(|(one, two)| one.len() + two.len()).collect::<Vec<_>>());
                for (fast, slow) in combined.finish().into_iter().zip(&mut plain) {
                    prop_assert_eq!(texts(&fast.unwrap()), texts(&slow.finish().unwrap()));
                }
            }
        }
    }

    #[test]
    fn texts_do_not_run_together() {
        let mut combined: Combined<2, usize> = Combined::default();
        for pair in [("ab", "c"), ("a", "bc"), ("ab", "c")] {
            push(&mut combined, pair);
        }
        assert_eq!(combined.rows, [0, 1, 0]);
    }

    /// What is remembered is bounded, within a batch and from batch to batch.
    #[test]
    fn memory_is_bounded() {
        let mut combined: Combined<2, usize> = Combined::default();
        for n in 0..3 * MAX_VALUES {
            push(&mut combined, (&n.to_string(), ""));
        }
        assert!(combined.numbers.len() <= MAX_VALUES + 1);
        let long = "x".repeat(MAX_BYTES);
        combined.finish().into_iter().for_each(|column| drop(column.unwrap()));
        assert_eq!((combined.numbers.len(), combined.others.len()), (0, 0));
        for n in 0..4 {
            push(&mut combined, (&format!("{n}{long}"), ""));
        }
        assert!(combined.numbers.len() < 3);
        combined.finish().into_iter().for_each(|column| drop(column.unwrap()));
        assert_eq!(combined.bytes, 0);
    }
}
