//! Windows of a split as the network sees them, and batches of them.

use super::labelled::{Labelled, LabelledEvent};
use crate::audit::label::Label;
use crate::model::features::{FIRST, ROOT_LABEL, UNKNOWN, Vocabulary};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use std::ops::Range;

/// Marks a position without a true label.
pub const UNSCORED: i64 = -1;

/// The class of kinds that training never saw.
const UNKNOWN_CLASS: i64 = 0;

/// The number that the engine's answer has for a class other than the unknown one.
fn number_of_class(class: i64) -> i64 {
    class - 1 + FIRST as i64
}

/// What is taken from windows so that more is learnt from them.
#[derive(Copy, Clone, Debug)]
pub struct Blur {
    /// Share of the numbers that become the unknown one, so that the network learns to do without them.
    pub forget: f64,
    /// Share of the windows in which one kind of action becomes one that training never saw, so that the network learns what to
    /// say of such.
    pub hide: f64,
    /// Start of all that is random.
    pub seed: u64,
}

/// Encoded events with the windows over a part of them.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Numbers, row by row.
    rows: Vec<Vec<u16>>,
    /// Class of each row.
    classes: Vec<i64>,
    /// Events in a window.
    window: usize,
    /// The column with the causal engine's answer.
    answer: Option<usize>,
}

/// A batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Numbers, `[windows, window, columns]`.
    pub ids: Vec<i64>,
    /// Classes, `[windows, window]`; [`UNSCORED`] where there is none.
    pub classes: Vec<i64>,
    /// Number of windows.
    pub windows: usize,
}

impl Samples {
    /// Encodes all events with these vocabularies and classes; a label that is no class is not scored.
    pub fn new(data: &Labelled, vocabularies: &[Vocabulary], labels: &[Label], window: usize) -> Samples {
        let rows = data.table.encode(vocabularies);
        let answer = vocabularies.iter().position(|vocabulary| vocabulary.column == ROOT_LABEL);
        let class = |event: &LabelledEvent| {
            event.label.and_then(|label| labels.iter().position(|l| *l == label)).map_or(UNSCORED, |class| class as i64)
        };
        Samples { rows, classes: data.events.iter().map(class).collect(), window, answer }
    }

    /// Starts of the windows over `parts`, one every `stride` events and one that ends with the part.
    pub fn starts(&self, parts: &[Range<usize>], stride: usize) -> Vec<usize> {
        let mut starts = Vec::new();
        for part in parts {
            let last = part.end.saturating_sub(self.window);
            starts.extend((part.start..=last).step_by(stride.max(1)));
            if part.len() > self.window && starts.last() != Some(&last) {
                starts.push(last);
            }
        }
        starts
    }

    /// The windows at `starts`, blurred where they are to be learnt from.
    pub fn batch(&self, starts: &[usize], blur: Option<Blur>) -> Batch {
        let mut random = blur.map(|blur| (blur, StdRng::seed_from_u64(blur.seed)));
        let width = self.rows.first().map_or(0, Vec::len);
        let mut batch = Batch { windows: starts.len(), ..Batch::default() };
        batch.ids.reserve(starts.len() * self.window * width);
        for start in starts {
            let from = (batch.ids.len(), batch.classes.len());
            for place in *start..start + self.window {
                match self.rows.get(place) {
                    Some(row) => batch.ids.extend(row.iter().copied().map(i64::from)),
                    None => batch.ids.extend(std::iter::repeat_n(i64::from(UNKNOWN), width)),
                }
                batch.classes.push(self.classes.get(place).copied().unwrap_or(UNSCORED));
            }
            if let Some((blur, random)) = &mut random {
                let ids = batch.ids.get_mut(from.0..).unwrap_or_default();
                self.blur(ids, batch.classes.get_mut(from.1..).unwrap_or_default(), *blur, random);
            }
        }
        batch
    }

    fn blur(&self, ids: &mut [i64], classes: &mut [i64], blur: Blur, random: &mut StdRng) {
        let width = ids.len() / classes.len().max(1);
        let hidden = match self.answer {
            Some(_) if random.random_bool(blur.hide) => {
                classes.choose(random).copied().filter(|class| *class > UNKNOWN_CLASS)
            }
            _ => None,
        };
        for (row, class) in ids.chunks_exact_mut(width.max(1)).zip(classes) {
            for (column, id) in row.iter_mut().enumerate() {
                // What the engine does not know has a meaning of its own: a kind that training never saw.
                if Some(column) != self.answer && random.random_bool(blur.forget) {
                    *id = i64::from(UNKNOWN);
                }
            }
            let answer = self.answer.and_then(|column| row.get_mut(column));
            if let (Some(hidden), Some(answer)) = (hidden, answer) {
                if *answer == number_of_class(hidden) {
                    *answer = i64::from(UNKNOWN);
                }
                if *class == hidden {
                    *class = UNKNOWN_CLASS;
                }
            }
        }
    }

    /// The encoded rows.
    pub fn rows(&self) -> &[Vec<u16>] {
        &self.rows
    }
}

/// The starts in an order of this epoch's own.
pub fn shuffled(starts: &[usize], seed: u64) -> Vec<usize> {
    let mut starts = starts.to_vec();
    starts.shuffle(&mut StdRng::seed_from_u64(seed));
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Blur = Blur { forget: 0.0, hide: 0.0, seed: 1 };

    /// A window of two kinds, which the engine tells apart: a column of the event, the engine's answer, its evidence.
    fn samples() -> Samples {
        let rows = [1, 2, 1, 2].map(|class| vec![5, number_of_class(class) as u16, 7]).into();
        Samples { rows, classes: vec![1, 2, 1, 2], window: 4, answer: Some(1) }
    }

    #[test]
    fn a_hidden_kind_is_one_that_the_engine_cannot_name() {
        let batch = samples().batch(&[0], Some(Blur { hide: 1.0, ..CALM }));
        let hidden: Vec<bool> = batch.classes.iter().map(|class| *class == UNKNOWN_CLASS).collect();
        assert!(hidden == [true, false, true, false] || hidden == [false, true, false, true], "{hidden:?}");
        for ((row, hidden), class) in batch.ids.chunks(3).zip(hidden).zip([1, 2, 1, 2]) {
            let answer = if hidden { i64::from(UNKNOWN) } else { number_of_class(class) };
            assert_eq!(row, [5, answer, 7]);
        }
    }

    #[test]
    fn what_the_engine_says_is_never_forgotten() {
        let batch = samples().batch(&[0], Some(Blur { forget: 1.0, ..CALM }));
        assert_eq!(batch.classes, [1, 2, 1, 2]);
        let unknown = i64::from(UNKNOWN);
        assert!(
            batch.ids.chunks(3).zip([1, 2, 1, 2]).all(|(row, class)| row == [unknown, number_of_class(class), unknown])
        );
        assert_eq!(samples().batch(&[0], Some(CALM)).ids, samples().batch(&[0], None).ids);
    }

    #[test]
    fn behind_the_last_event_nothing_is_scored() {
        let batch = samples().batch(&[3], None);
        assert_eq!(batch.classes, [2, UNSCORED, UNSCORED, UNSCORED]);
        assert!(batch.ids.iter().skip(3).all(|id| *id == i64::from(UNKNOWN)));
    }
}
