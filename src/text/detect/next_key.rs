//! What a model of the next key gives, whichever it is.

use super::error::DetectError;
use super::vocabulary::Token;
use super::windows::{WindowStyle, Windows};

/// A model that says how probable each key is after a window.
pub trait NextKey {
    /// Longest history that it looks at, in keys.
    fn history(&self) -> usize;

    /// How it wants its windows.
    fn style(&self) -> WindowStyle {
        WindowStyle::EveryPosition
    }

    /// Tokens of its vocabulary: the length of a row of probabilities.
    fn width(&self) -> usize;

    /// Appends a row of probabilities for each window: one for each token, in the order of tokens.
    ///
    /// # Errors
    /// When the model cannot run.
    fn probabilities(&mut self, windows: &Windows, rows: &mut Vec<f32>) -> Result<(), DetectError>;
}

/// Windows that are given to a model at once.
const BATCH_WINDOWS: usize = 1024;

/// Where a row of probabilities belongs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the session.
    pub session: usize,
    /// Index of the key in its session; the session's length for its end.
    pub position: usize,
    /// The key that came, or the end.
    pub target: Token,
}

/// Runs a model over sessions, many windows at once, and shows each row of probabilities with its place, in order.
///
/// # Errors
/// When the model cannot run.
pub fn each_row<'a>(
    model: &mut dyn NextKey,
    sessions: impl IntoIterator<Item = &'a [Token]>,
    visit: &mut dyn FnMut(Place, &[f32]),
) -> Result<(), DetectError> {
    let mut windows = Windows::new(model.style(), model.history());
    let mut owners = Vec::new();
    let mut rows = Vec::new();
    let mut sessions = sessions.into_iter().enumerate().peekable();
    while let Some((index, session)) = sessions.next() {
        windows.push_session(session);
        owners.resize(windows.len(), index);
        if windows.len() < BATCH_WINDOWS && sessions.peek().is_some() {
            continue;
        }
        rows.clear();
        model.probabilities(&windows, &mut rows)?;
        let places = owners.iter().zip(windows.positions()).zip(windows.targets());
        for (((session, position), target), row) in places.zip(rows.chunks_exact(model.width().max(1))) {
            visit(Place { session: *session, position: *position, target: *target }, row);
        }
        windows.clear();
        owners.clear();
    }
    Ok(())
}

/// Place of a key among all keys of a row, 0 for the most probable one; ties go to the lower token.
pub fn rank(row: &[f32], key: Token) -> usize {
    let Some(mine) = row.get(key.index()) else { return row.len() };
    let better = |(other, p): (usize, &f32)| p > mine || (p == mine && other < key.index());
    row.iter().enumerate().skip(Token::FIRST_KEY.index()).filter(|entry| better(*entry)).count()
}

/// The `g` most probable keys of a row, the first one first.
pub fn top(row: &[f32], g: usize) -> Vec<Token> {
    let mut keys: Vec<(f32, u32)> =
        (0..).zip(row).skip(Token::FIRST_KEY.index()).map(|(token, p)| (*p, token)).collect();
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if g < keys.len() {
        keys.select_nth_unstable_by(g, order);
        keys.truncate(g);
    }
    keys.sort_by(order);
    keys.into_iter().map(|(_, token)| Token(token)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_take_no_place() {
        let row = [0.9, 0.8, 0.7, 0.1, 0.4, 0.2];
        assert_eq!(top(&row, 2), [Token(4), Token(5)]);
        assert_eq!(rank(&row, Token(3)), 2);
    }

    /// The four-wide top sets of the DeepLog trainer's own test.
    #[test]
    fn the_top_set_of_the_original() {
        let mut row = [0.0; 16];
        for (token, p) in [(3, 0.15), (7, 0.05), (11, 0.1), (15, 0.7)] {
            row[token] = p;
        }
        assert_eq!(top(&row, 4), [Token(15), Token(3), Token(11), Token(7)]);
    }

    proptest! {
        #[test]
        fn a_key_is_in_the_top_set_exactly_when_its_rank_says_so(row in prop::collection::vec(0u8..6, 4..20), g in 1usize..12) {
            let row: Vec<f32> = row.into_iter().map(f32::from).collect();
            let set = top(&row, g);
            for token in 3..row.len() {
                let token = Token(token as u32);
                prop_assert_eq!(set.iter().position(|other| *other == token), Some(rank(&row, token)).filter(|rank| *rank < g));
            }
        }
    }
}
