//! Counts of keys in windows of time: which window's mix of keys is not that of the windows before.
//!
//! ```text
//! lines with time and key ─▶ windows (24 h, a new one every 3 h) ─▶ counts ─▶ PCA ─▶ residual > threshold, with each key's share
//! ```

use super::error::DetectError;
use super::file::write_whole;
use super::pca::{Options, Pca, time_windows};
use super::vocabulary::{Token, Vocabulary};
use crate::audit::hash::hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Version of the file; another one is refused.
const FORMAT: u32 = 1;

/// The most that a window scores: where training left no residual, any is huge in thresholds.
const MOST_SCORE: f64 = 1e6;

/// Windows that are needed at least.
const LEAST_WINDOWS: usize = 5;

/// A fitted model with what it must know of its windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeCounts {
    format: u32,
    /// Length of a window, in microseconds.
    pub window_us: i64,
    /// From the beginning of a window to that of the next one, in microseconds.
    pub step_us: i64,
    /// The keys of the training part.
    pub vocabulary: Vocabulary,
    /// Windows that it was fitted to.
    pub windows: usize,
    pca: Pca,
}

/// A window whose counts are unusual.
#[derive(Clone, Debug, PartialEq)]
pub struct UnusualWindow {
    /// Its lines, by their index.
    pub lines: Range<usize>,
    /// The residual in thresholds, above 1 and at most a million.
    pub score: f64,
    /// Key, its share of the residual, and its count in the window; the greatest share first. Unseen keys are one entry.
    pub shares: Vec<(String, f64, usize)>,
}

impl TimeCounts {
    /// Fits to lines, in the order of their times: time in microseconds and key of each.
    ///
    /// # Errors
    /// With too few windows.
    pub fn fit(
        lines: &[(i64, Arc<str>)],
        (window_us, step_us): (i64, i64),
        options: Options,
    ) -> Result<TimeCounts, DetectError> {
        let ranges = windows_of(lines, window_us, step_us);
        if ranges.len() < LEAST_WINDOWS {
            let detail = format!(
                "{} windows of time where {LEAST_WINDOWS} are needed; give a longer log, or a shorter --window and --step",
                ranges.len()
            );
            return Err(DetectError::TooLittle(detail));
        }
        let distinct: std::collections::BTreeSet<Arc<str>> = lines.iter().map(|(_, key)| Arc::clone(key)).collect();
        let vocabulary = Vocabulary::from(distinct.into_iter().collect::<Vec<_>>());
        let tokens: Vec<Token> = lines.iter().map(|(_, key)| vocabulary.token(key)).collect();
        let rows = ranges.iter().map(|range| tokens.get(range.clone()).unwrap_or_default());
        let pca = Pca::fit(rows, vocabulary.width(), options);
        Ok(TimeCounts { format: FORMAT, window_us, step_us, windows: ranges.len(), vocabulary, pca })
    }

    /// The windows of lines, in the order of their times, that are unusual, and how many windows there are.
    pub fn judge(&self, lines: &[(i64, Arc<str>)]) -> (Vec<UnusualWindow>, usize) {
        let tokens: Vec<Token> = lines.iter().map(|(_, key)| self.vocabulary.token(key)).collect();
        let ranges = windows_of(lines, self.window_us, self.step_us);
        let judge = |range: &Range<usize>| {
            let mut counts: BTreeMap<Token, usize> = BTreeMap::new();
            tokens.get(range.clone()).unwrap_or_default().iter().for_each(|key| *counts.entry(*key).or_default() += 1);
            let (score, shares) = self.unusual(&counts)?;
            let share = |(token, share): (Token, f64)| {
                (self.vocabulary.key(token).to_owned(), share, counts.get(&token).copied().unwrap_or_default())
            };
            Some(UnusualWindow { lines: range.clone(), score, shares: shares.into_iter().map(share).collect() })
        };
        (ranges.iter().filter_map(judge).collect(), ranges.len())
    }

    /// Whether the counts of a window are unusual: the residual in thresholds, above 1, and the share of each key in it, the greatest first.
    pub fn unusual(&self, counts: &BTreeMap<Token, usize>) -> Option<(f64, Vec<(Token, f64)>)> {
        let residual = self.pca.residual_of(counts.iter().map(|(key, count)| (*key, *count)));
        let score = (residual.squared / self.pca.threshold()).min(MOST_SCORE);
        (score > 1.0).then_some((score, residual.shares))
    }

    /// Tells this model's windows and keys from those of others.
    pub fn fingerprint(&self) -> u64 {
        let numbers = format!("{} {}", self.window_us, self.step_us);
        let keys = (0..self.vocabulary.width() as u32).map(|number| self.vocabulary.key(Token(number)));
        hash(&std::iter::once(numbers.as_str()).chain(keys).collect::<Vec<&str>>())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is of another version.
    pub fn read(path: &Path) -> Result<TimeCounts, DetectError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| DetectError::File { path: path.to_owned(), source })?;
        let wrong = |detail: String| DetectError::Model { of: "counts", path: path.to_owned(), detail };
        let model: TimeCounts = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match model.format {
            FORMAT => Ok(model),
            other => Err(wrong(format!("its format is {other}, this program reads {FORMAT}"))),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DetectError> {
        let failed = |source| DetectError::File { path: path.to_owned(), source };
        let text = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        write_whole(path, text.as_bytes()).map_err(failed)
    }
}

fn windows_of(lines: &[(i64, Arc<str>)], window_us: i64, step_us: i64) -> Vec<Range<usize>> {
    let times: Vec<i64> = lines.iter().map(|(at, _)| *at).collect();
    time_windows(&times, window_us, step_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_another_mix_stands_out_with_its_key() {
        // Two requests for each answer, a minute a triple; more in some hours than in others.
        let mut lines = Vec::new();
        for minute in 0..600i64 {
            for _ in 0..1 + minute / 60 % 3 {
                lines.extend(["request", "request", "answer"].map(|key| (minute * 60_000_000, Arc::from(key))));
            }
        }
        let hour = 3_600_000_000;
        let options = Options { components: super::super::pca::Components::Count(1), ..Options::default() };
        let model = TimeCounts::fit(&lines, (hour, hour), options).unwrap();
        assert_eq!((model.windows, model.judge(&lines).0), (10, Vec::new()));
        let mut odd = lines.clone();
        for line in odd.iter_mut().filter(|(at, key)| at / hour == 4 && &**key == "answer") {
            line.1 = Arc::from("refused");
        }
        let (found, windows) = model.judge(&odd);
        assert_eq!((found.len(), windows), (1, 10));
        assert_eq!(odd[found[0].lines.start].0 / hour, 4);
        assert_eq!(found[0].shares[0].0, "<unseen key>");
        assert!(found[0].shares[0].2 > 50);
        assert!(TimeCounts::fit(&lines[..9], (hour, hour), options).is_err());
    }
}
