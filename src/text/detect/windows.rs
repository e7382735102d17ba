//! Windows: up to `history` keys, and the token that came next.
//!
//! ```text
//! session  a b c d        history 3
//! window   a · ·  → b     `·` pads; the network never steps over it, so where it stands is of no matter to the result
//!          a b ·  → c
//!          a b c  → d
//!          b c d  → END   whether the session may end here
//! ```
//! Every position but the first is predicted. [`WindowStyle::Seed004`] is the original's: see there.

use super::vocabulary::Token;
use serde::{Deserialize, Serialize};

/// How windows are cut from sessions.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowStyle {
    /// Every position from the second on, and the end; padding is masked.
    #[default]
    EveryPosition,
    /// As the DeepLog trainer cuts them: every run of `history + 1` keys, or the whole session where it is not longer; the input is
    /// the run without its last key, then END, then padding that the network sees. A short session gives one window, the first keys
    /// of a longer one are never predicted, and neither is the end.
    Seed004,
}

impl WindowStyle {
    /// Tokens of one window's input for a history of `history` keys.
    pub fn input_len(self, history: usize) -> usize {
        match self {
            WindowStyle::EveryPosition => history,
            WindowStyle::Seed004 => history + 1,
        }
    }
}

/// Windows of one length, laid out row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    style: WindowStyle,
    history: usize,
    tokens: Vec<Token>,
    filled: Vec<usize>,
    targets: Vec<Token>,
    positions: Vec<usize>,
}

impl Windows {
    /// No windows yet. `history` is taken as 1 where it is 0.
    pub fn new(style: WindowStyle, history: usize) -> Windows {
        Windows {
            style,
            history: history.max(1),
            tokens: Vec::new(),
            filled: Vec::new(),
            targets: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// Adds the windows of a session.
    pub fn push_session(&mut self, session: &[Token]) {
        match self.style {
            WindowStyle::EveryPosition => {
                for position in 1..=session.len() {
                    let target = session.get(position).copied().unwrap_or(Token::END);
                    let from = position.saturating_sub(self.history);
                    self.push(session.get(from..position).unwrap_or_default(), false, target, position);
                }
            }
            WindowStyle::Seed004 => {
                let run = (self.history + 1).min(session.len());
                for (start, keys) in session.windows(run.max(1)).enumerate() {
                    if let Some((target, before)) = keys.split_last() {
                        self.push(before, true, *target, start + before.len());
                    }
                }
            }
        }
    }

    /// Adds one window.
    fn push(&mut self, keys: &[Token], end: bool, target: Token, position: usize) {
        let width = self.width();
        self.tokens.extend_from_slice(keys);
        self.tokens.extend(end.then_some(Token::END));
        let filled = keys.len() + usize::from(end);
        self.tokens.extend(std::iter::repeat_n(Token::PAD, width.saturating_sub(filled)));
        // The original's network steps over its padding.
        self.filled.push(if self.style == WindowStyle::Seed004 { width } else { filled });
        self.targets.push(target);
        self.positions.push(position);
    }

    /// Tokens a window, padding included.
    pub fn width(&self) -> usize {
        self.style.input_len(self.history)
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// All tokens, a window after the other, padded at their ends.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The tokens that the network steps over, of each window.
    pub fn rows(&self) -> impl Iterator<Item = &[Token]> {
        self.tokens.chunks_exact(self.width()).zip(&self.filled).map(|(row, filled)| row.get(..*filled).unwrap_or(row))
    }

    /// What came next, of each window.
    pub fn targets(&self) -> &[Token] {
        &self.targets
    }

    /// Index of the target in its session, of each window; the session's length for its end.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Removes all windows.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.filled.clear();
        self.targets.clear();
        self.positions.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(numbers: &[u32]) -> Vec<Token> {
        numbers.iter().copied().map(Token).collect()
    }

    #[test]
    fn every_position_but_the_first_is_predicted() {
        let mut windows = Windows::new(WindowStyle::EveryPosition, 3);
        windows.push_session(&tokens(&[3, 4, 5, 6]));
        assert_eq!(windows.tokens(), tokens(&[3, 0, 0, 3, 4, 0, 3, 4, 5, 4, 5, 6]));
        assert_eq!(windows.targets(), tokens(&[4, 5, 6, 2]));
        assert_eq!(windows.rows().map(<[Token]>::len).collect::<Vec<_>>(), [1, 2, 3, 3]);
        assert_eq!(windows.positions(), [1, 2, 3, 4]);
    }

    #[test]
    fn the_original_puts_an_end_token_before_the_padding() {
        let mut windows = Windows::new(WindowStyle::Seed004, 3);
        windows.push_session(&tokens(&[3, 4, 5, 6, 7]));
        windows.push_session(&tokens(&[8, 9]));
        assert_eq!(windows.tokens(), tokens(&[3, 4, 5, 2, 4, 5, 6, 2, 8, 2, 0, 0]));
        assert_eq!(windows.targets(), tokens(&[6, 7, 9]));
        assert_eq!(windows.positions(), [3, 4, 1]);
        assert!(windows.rows().all(|row| row.len() == 4));
    }

    proptest! {
        #[test]
        fn a_session_gives_a_window_a_key(keys in prop::collection::vec(3u32..9, 0..40), history in 0usize..12) {
            for (style, count) in [(WindowStyle::EveryPosition, keys.len()),
                (WindowStyle::Seed004, usize::from(!keys.is_empty()).max(keys.len().saturating_sub(history.max(1))))] {
                let mut windows = Windows::new(style, history);
                windows.push_session(&tokens(&keys));
                prop_assert_eq!(windows.len(), count);
                prop_assert_eq!(windows.tokens().len(), count * windows.width());
                prop_assert_eq!(windows.rows().count(), count);
            }
        }
    }
}
