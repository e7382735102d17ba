//! Windows of time over a stream of lines, for [`TimeCounts`].
//!
//! A window is judged when it is complete: when a line came that lies behind it. One that the end of the input cut has not had its counts
//! yet; it stays open, and goes on when there is more.
//!
//! Invariants: windows are those of [`time_windows`](super::pca::time_windows) but for those cut; a line whose time steps back counts as
//! if it came at the newest time so far; what is kept is bounded by the windows open at once and the keys of the model.

use super::time_counts::TimeCounts;
use super::vocabulary::Token;
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The windows that are open. It is all that a checkpoint must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenWindows {
    /// The model whose keys these are.
    model: u64,
    /// Newest time so far, in microseconds.
    clock_us: Option<i64>,
    /// Beginning of the last window.
    begun_us: Option<i64>,
    open: VecDeque<Window>,
}

/// A window of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Time of its first line, in microseconds.
    pub begin_us: i64,
    /// Its keys.
    pub keys: BTreeMap<Token, Counted>,
}

/// A key in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Its lines.
    pub lines: usize,
    /// The first of them.
    pub first: Place,
}

/// Place and time of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// File or topic.
    pub source: Arc<str>,
    /// Offset there.
    pub offset: u64,
    /// Its time.
    pub at: Micros,
}

impl OpenWindows {
    /// Goes on for this model; what was counted for another one is let go.
    pub fn of(self, model: &TimeCounts) -> OpenWindows {
        let fingerprint = model.fingerprint();
        if self.model == fingerprint { self } else { OpenWindows { model: fingerprint, ..OpenWindows::default() } }
    }

    /// Counts a line; windows that are complete now go to `complete`.
    pub fn line(&mut self, model: &TimeCounts, template: &str, place: &Place, complete: &mut Vec<Window>) {
        let at = place.at.0.max(self.clock_us.unwrap_or(i64::MIN));
        self.clock_us = Some(at);
        let is_over = |window: &mut Window| at >= window.begin_us.saturating_add(model.window_us.max(1));
        while let Some(window) = self.open.pop_front_if(is_over) {
            complete.push(window);
        }
        if self.begun_us.is_none_or(|begun| at >= begun.saturating_add(model.step_us.max(1))) {
            self.begun_us = Some(at);
            self.open.push_back(Window { begin_us: at, keys: BTreeMap::new() });
        }
        let key = model.vocabulary.token(template);
        for window in &mut self.open {
            window.keys.entry(key).or_insert_with(|| Counted { lines: 0, first: place.clone() }).lines += 1;
        }
    }
}

/// An unusual window, told at the first line of the key that makes it so most.
#[derive(Clone, Debug, PartialEq)]
pub struct UnusualCounts {
    /// The line; where the key is missing, any line of the window.
    pub place: Place,
    /// The residual in thresholds, above 1.
    pub score: f64,
    /// The keys that stand out, with their counts, the greatest share first.
    pub keys: Vec<(String, usize)>,
}

/// Keys that a finding names.
const NAMED: usize = 5;

impl TimeCounts {
    /// The finding of a complete window.
    pub fn judge_window(&self, window: &Window) -> Option<UnusualCounts> {
        let counts = window.keys.iter().map(|(key, counted)| (*key, counted.lines)).collect();
        let (score, shares) = self.unusual(&counts)?;
        let standing_out = shares.first().and_then(|(key, _)| window.keys.get(key));
        let place = standing_out.or_else(|| window.keys.values().next())?.first.clone();
        let named = |(key, _): &(Token, f64)| {
            (self.vocabulary.key(*key).to_owned(), counts.get(key).copied().unwrap_or_default())
        };
        Some(UnusualCounts { place, score, keys: shares.iter().take(NAMED).map(named).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::pca::{Options, time_windows};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Windows of a stream, wherever a checkpoint is taken, are those of the whole log but for those that its end cuts.
        #[test]
        fn windows_are_those_of_the_whole_log(
            lines in prop::collection::vec((0i64..6, 0u8..4), 1..120), window_us in 1i64..40, step_us in 1i64..30,
            cut in 0usize..120,
        ) {
            let mut at = 0;
            let lines: Vec<(i64, Arc<str>)> = lines.into_iter().map(|(gap, key)| {
                at += gap;
                (at, Arc::from(key.to_string()))
            }).collect();
            let times: Vec<i64> = lines.iter().map(|(at, _)| *at).collect();
            let ranges = time_windows(&times, window_us, step_us);
            let training: Vec<(i64, Arc<str>)> = (0..60).map(|n| (n * (window_us + step_us), Arc::from(((n % 3) as u8).to_string()))).collect();
            let model = TimeCounts::fit(&training, (window_us, step_us), Options::default()).unwrap();
            let mut expected = Vec::new();
            for range in ranges.into_iter().filter(|range| range.end < lines.len()) {
                let mut keys: BTreeMap<Token, usize> = BTreeMap::new();
                lines[range.clone()].iter().for_each(|(_, key)| *keys.entry(model.vocabulary.token(key)).or_default() += 1);
                expected.push((lines[range.start].0, keys));
            }
            let (mut open, mut complete) = (OpenWindows::default().of(&model), Vec::new());
            for (number, (at, key)) in lines.iter().enumerate() {
                let place = Place { source: "log".into(), offset: number as u64, at: Micros(*at) };
                open.line(&model, key, &place, &mut complete);
                if number == cut {
                    open = postcard::from_bytes::<OpenWindows>(&postcard::to_stdvec(&open).unwrap()).unwrap().of(&model);
                }
            }
            for window in &complete {
                for (key, counted) in &window.keys {
                    let (at, first) = &lines[counted.first.offset as usize];
                    prop_assert!(model.vocabulary.token(first) == *key && (window.begin_us..window.begin_us + window_us).contains(at));
                }
            }
            let found: Vec<(i64, BTreeMap<Token, usize>)> = complete.into_iter()
                .map(|window| (window.begin_us, window.keys.into_iter().map(|(key, counted)| (key, counted.lines)).collect()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn another_model_begins_anew() {
        let lines = |name: &str| (0..60).map(|n| (n, Arc::from(name))).collect::<Vec<(i64, Arc<str>)>>();
        let fit = |name: &str| TimeCounts::fit(&lines(name), (5, 5), Options::default()).unwrap();
        let (one, other) = (fit("one"), fit("other"));
        let mut open = OpenWindows::default().of(&one);
        open.line(&one, "one", &Place::default(), &mut Vec::new());
        assert_eq!(open.clone().of(&one), open);
        assert!(open.of(&other).open.is_empty());
    }
}
