//! What people said is normal beyond what training saw.
//!
//! A number's range reaches to the furthest value that was said, on the side where it lies: a great value that is normal says
//! nothing of small ones. The network, which never saw such values, says nothing of windows that hold one. Text is normal as it stands. Once
//! [`SAME_SHAPE`] texts of a column that differ in their digits alone were said, they are an identifier, and so all of that shape are normal.

use super::robust::Robust;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Texts of one shape that must have been said before all of that shape are normal.
const SAME_SHAPE: usize = 3;

/// The values that were said to be normal, by column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// From the least value below the median to the greatest one above it.
    numbers: BTreeMap<usize, (f64, f64)>,
    /// Categories, and text where numbers stand.
    texts: BTreeMap<usize, BTreeSet<String>>,
}

impl Said {
    /// A number that is normal.
    pub(super) fn number(&mut self, robust: &Robust, value: f64) {
        let (least, greatest) = self.numbers.entry(robust.column).or_insert((robust.median, robust.median));
        (*least, *greatest) = (least.min(value), greatest.max(value));
    }

    /// A text that is normal.
    pub(super) fn text(&mut self, column: usize, text: &str) {
        self.texts.entry(column).or_default().insert(text.to_owned());
    }

    /// Whether a number that training held for unusual was said to be normal, or lies between such a one and the usual ones.
    pub(super) fn excuses(&self, robust: &Robust, value: f64) -> bool {
        let said = |(least, greatest): &(f64, f64)| *least <= value && value <= *greatest;
        robust.distance(value) > robust.limit && self.numbers.get(&robust.column).is_some_and(said)
    }

    /// Whether a text was said to be normal, or enough of its shape.
    pub(super) fn knows(&self, column: usize, text: &str) -> bool {
        let Some(texts) = self.texts.get(&column) else { return false };
        let is_like = |other: &&String| text.contains(digit) && shape(other).eq(shape(text));
        texts.contains(text) || texts.iter().filter(is_like).count() >= SAME_SHAPE
    }
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// The text with each run of digits as one.
fn shape(text: &str) -> impl Iterator<Item = char> {
    let mut last = None;
    text.chars().map(|c| if digit(c) { '0' } else { c }).filter(move |c| last.replace(*c) != Some('0') || *c != '0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_texts_of_a_shape_make_an_identifier() {
        let mut said = Said::default();
        for text in ["node-1", "node-22", "gone", "left", "lost"] {
            said.text(2, text);
        }
        assert!(
            said.knows(2, "node-22") && !said.knows(2, "node-7") && !said.knows(2, "here") && !said.knows(1, "gone")
        );
        said.text(2, "node-333");
        assert!(
            said.knows(2, "node-7")
                && !said.knows(2, "node-x7")
                && !said.knows(2, "node-7-8")
                && !said.knows(2, "here")
        );
    }

    #[test]
    fn a_range_reaches_to_what_was_said_on_its_side_alone() {
        let robust = Robust { column: 1, median: 100.0, spread: 10.0, limit: 4.0 };
        let mut said = Said::default();
        assert!(!said.excuses(&robust, 150.0));
        said.number(&robust, 900.0);
        for (value, excused) in [(150.0, true), (900.0, true), (901.0, false), (50.0, false), (130.0, false)] {
            assert_eq!(said.excuses(&robust, value), excused, "{value}");
        }
    }
}
