//! The count model: how often each key followed each history, backing off to shorter histories.
//!
//! ```text
//! P(key | a b c) = (1 − λ) · count(a b c → key) / count(a b c) + λ · P(key | b c)        and so on down to the empty history
//! ```
//! A history that training never saw passes its whole weight to the shorter one. λ is small, so the longest known history decides
//! the order and shorter ones fill what it leaves open. It trains in a second, needs no library, and is what a network has to beat;
//! it is also what the pipeline falls back on without ONNX Runtime.

use super::error::DetectError;
use super::next_key::NextKey;
use super::vocabulary::Token;
use super::windows::{WindowStyle, Windows};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Weight of the shorter histories.
const BACK_OFF: f32 = 0.01;

/// What followed one history: tokens and how often, in the order of tokens.
type Followers = Vec<(Token, u32)>;

/// Counts of what followed each history of up to `history` keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct CountModel {
    history: usize,
    width: usize,
    followers: HashMap<Box<[Token]>, Followers>,
}

/// The form in model files: histories in order, so that equal models are equal bytes.
#[derive(Serialize, Deserialize)]
struct Saved {
    history: usize,
    width: usize,
    followers: Vec<(Vec<Token>, Followers)>,
}

impl CountModel {
    /// Counts the sessions, each with how often it occurred. `width` is that of the vocabulary.
    pub fn train<'a>(
        history: usize,
        width: usize,
        sessions: impl IntoIterator<Item = (&'a [Token], u32)>,
    ) -> CountModel {
        let mut counts: HashMap<Box<[Token]>, BTreeMap<Token, u32>> = HashMap::new();
        for (session, times) in sessions {
            for position in 0..=session.len() {
                let next = session.get(position).copied().unwrap_or(Token::END);
                for from in position.saturating_sub(history)..=position {
                    let before = session.get(from..position).unwrap_or_default();
                    *counts.entry_ref(before).or_default().entry(next).or_default() += times;
                }
            }
        }
        let followers = counts.into_iter().map(|(before, next)| (before, next.into_iter().collect())).collect();
        CountModel { history, width, followers }
    }

    /// Counts `times` more that `next` followed this history, and so every shorter one.
    pub fn learn(&mut self, history: &[Token], next: Token, times: u32) {
        for from in history.len().saturating_sub(self.history)..=history.len() {
            let before = history.get(from..).unwrap_or_default();
            let followers = self.followers.entry_ref(before).or_default();
            match followers.binary_search_by_key(&next, |(token, _)| *token) {
                Ok(place) => {
                    if let Some((_, count)) = followers.get_mut(place) {
                        *count = count.saturating_add(times);
                    }
                }
                Err(place) => followers.insert(place, (next, times)),
            }
        }
    }

    /// Makes room for a vocabulary of this width.
    pub fn widen(&mut self, width: usize) {
        self.width = self.width.max(width);
    }

    /// Number of histories that it knows.
    pub fn histories(&self) -> usize {
        self.followers.len()
    }

    /// Fills a row: the probability of each token after this history.
    pub fn fill(&self, history: &[Token], row: &mut [f32]) {
        let uniform = 1.0 / (self.width.max(1) as f32);
        row.fill(uniform);
        for from in (history.len().saturating_sub(self.history)..=history.len()).rev() {
            let Some(followers) = history.get(from..).and_then(|before| self.followers.get(before)) else { break };
            let total: u32 = followers.iter().map(|(_, count)| count).sum();
            row.iter_mut().for_each(|p| *p *= BACK_OFF);
            for (token, count) in followers {
                if let Some(p) = row.get_mut(token.index()) {
                    *p += (1.0 - BACK_OFF) * *count as f32 / total.max(1) as f32;
                }
            }
        }
    }
}

impl NextKey for CountModel {
    fn history(&self) -> usize {
        self.history
    }

    fn style(&self) -> WindowStyle {
        WindowStyle::EveryPosition
    }

    fn width(&self) -> usize {
        self.width
    }

    fn probabilities(&mut self, windows: &Windows, rows: &mut Vec<f32>) -> Result<(), DetectError> {
        for window in windows.rows() {
            let from = rows.len();
            rows.resize(from + self.width, 0.0);
            self.fill(window, rows.get_mut(from..).unwrap_or_default());
        }
        Ok(())
    }
}

impl From<Saved> for CountModel {
    fn from(saved: Saved) -> CountModel {
        let followers = saved.followers.into_iter().map(|(before, next)| (before.into(), next)).collect();
        CountModel { history: saved.history, width: saved.width, followers }
    }
}

impl From<CountModel> for Saved {
    fn from(model: CountModel) -> Saved {
        let mut followers: Vec<(Vec<Token>, Followers)> =
            model.followers.into_iter().map(|(before, next)| (before.into_vec(), next)).collect();
        followers.sort_unstable();
        Saved { history: model.history, width: model.width, followers }
    }
}

#[cfg(test)]
mod tests {
    use super::super::next_key::{rank, top};
    use super::*;
    use proptest::prelude::*;

    fn model(sessions: &[&[u32]]) -> CountModel {
        let sessions: Vec<Vec<Token>> = sessions.iter().map(|s| s.iter().copied().map(Token).collect()).collect();
        CountModel::train(2, 7, sessions.iter().map(|s| (s.as_slice(), 1)))
    }

    #[test]
    fn the_longest_known_history_decides_and_shorter_ones_fill() {
        let model = model(&[&[3, 4, 5], &[3, 4, 5], &[6, 4, 3]]);
        let mut row = [0.0; 7];
        model.fill(&[Token(3), Token(4)], &mut row);
        assert_eq!(top(&row, 2), [Token(5), Token(3)]);
        model.fill(&[Token(6), Token(4)], &mut row);
        assert_eq!(top(&row, 2), [Token(3), Token(5)]);
        model.fill(&[Token(5), Token(5), Token(6)], &mut row);
        assert_eq!(rank(&row, Token(4)), 0, "an unknown pair backs off to its last key");
    }

    proptest! {
        #[test]
        fn rows_are_probabilities(sessions in prop::collection::vec(prop::collection::vec(3u32..7, 1..12), 1..12),
            history in prop::collection::vec(1u32..7, 0..4)) {
            let sessions: Vec<&[u32]> = sessions.iter().map(Vec::as_slice).collect();
            let model = model(&sessions);
            let history: Vec<Token> = history.into_iter().map(Token).collect();
            let mut row = [0.0; 7];
            model.fill(&history, &mut row);
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert!(row.iter().all(|p| *p > 0.0));
            let json = serde_json::to_string(&model).unwrap();
            prop_assert_eq!(serde_json::from_str::<CountModel>(&json).unwrap(), model);
        }
    }
}
