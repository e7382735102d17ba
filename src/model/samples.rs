//! Windows of a split as the network sees them, and batches of them.

use super::labelled::{Labelled, LabelledEvent};
use crate::audit::label::Label;
use crate::model::features::{Sequence, UNKNOWN, Vocabulary};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::ops::Range;

/// Marks a position without a true label.
pub const UNSCORED: i64 = -1;

/// Encoded events with the windows over a part of them.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Numbers, row by row.
    rows: Vec<Vec<u16>>,
    /// Class of each row.
    classes: Vec<i64>,
    /// Events in a window.
    window: usize,
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
        let mut rows = data.table.encode(vocabularies);
        for segment in &data.segments {
            let mut sequence = Sequence::new(data.table.set(), data.weights.clone());
            for place in segment.clone() {
                if let (Some(row), Some(event)) = (rows.get_mut(place), data.events.get(place)) {
                    sequence.fill(row, event.at, &event.touch);
                    sequence.forget(u64::MAX);
                }
            }
        }
        let class = |event: &LabelledEvent| {
            event.label.and_then(|label| labels.iter().position(|l| *l == label)).map_or(UNSCORED, |class| class as i64)
        };
        Samples { rows, classes: data.events.iter().map(class).collect(), window }
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

    /// The windows at `starts`. With a probability `forget`, a number becomes the unknown one, so that the network learns to do
    /// without it.
    pub fn batch(&self, starts: &[usize], forget: Option<(f64, u64)>) -> Batch {
        let mut random = forget.map(|(share, seed)| (share, StdRng::seed_from_u64(seed)));
        let width = self.rows.first().map_or(0, Vec::len);
        let mut batch = Batch { windows: starts.len(), ..Batch::default() };
        batch.ids.reserve(starts.len() * self.window * width);
        for place in starts.iter().flat_map(|start| *start..start + self.window) {
            let Some(row) = self.rows.get(place) else {
                batch.ids.extend(std::iter::repeat_n(i64::from(UNKNOWN), width));
                batch.classes.push(UNSCORED);
                continue;
            };
            match &mut random {
                Some((share, random)) => {
                    let forgotten = |id: &u16| if random.random_bool(*share) { UNKNOWN } else { *id };
                    batch.ids.extend(row.iter().map(forgotten).map(i64::from));
                }
                None => batch.ids.extend(row.iter().copied().map(i64::from)),
            }
            batch.classes.push(self.classes.get(place).copied().unwrap_or(UNSCORED));
        }
        batch
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
