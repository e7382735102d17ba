//! The keys that a model knows, and the numbers by which it knows them.
//!
//! A key is text: a template, a cluster id, an action such as `create apps/deployments`. A model sees [`Token`]s: 0 pads, 1 is any
//! key that training never saw, 2 stands for the end of a session, then the keys in a fixed order. The vocabulary comes from the
//! training part only, so an unseen key can be told, and travels inside the model file.

use super::sequence::KeySequence;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The number of a key in a vocabulary.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u32);

impl Token {
    /// Fills a window where a session has not begun yet.
    pub const PAD: Token = Token(0);
    /// A key that training never saw.
    pub const UNKNOWN: Token = Token(1);
    /// The end of a session.
    pub const END: Token = Token(2);
    /// The first key.
    pub const FIRST_KEY: Token = Token(3);

    /// Place in a row of probabilities.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether it stands for a key of the vocabulary.
    pub fn is_key(self) -> bool {
        self >= Token::FIRST_KEY
    }
}

/// The keys of a model in the order of their tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<str>>", into = "Vec<Arc<str>>")]
pub struct Vocabulary {
    keys: Vec<Arc<str>>,
    tokens: HashMap<Arc<str>, Token>,
}

impl Vocabulary {
    /// The keys of these sessions, numbers by their value and before other text.
    pub fn of<'a>(sessions: impl IntoIterator<Item = &'a KeySequence>) -> Vocabulary {
        let distinct: BTreeSet<Arc<str>> =
            sessions.into_iter().flat_map(|session| session.keys.iter().cloned()).collect();
        let mut keys: Vec<Arc<str>> = distinct.into_iter().collect();
        keys.sort_by_key(|key| key.parse::<u64>().unwrap_or(u64::MAX));
        Vocabulary::from(keys)
    }

    /// The token of a key; [`Token::UNKNOWN`] where it has none.
    pub fn token(&self, key: &str) -> Token {
        self.tokens.get(key).copied().unwrap_or(Token::UNKNOWN)
    }

    /// The tokens of a session's keys.
    pub fn encode(&self, session: &KeySequence) -> Vec<Token> {
        session.keys.iter().map(|key| self.token(key)).collect()
    }

    /// The key of a token, or what the token stands for in angle brackets.
    pub fn key(&self, token: Token) -> &str {
        match token {
            Token::PAD => "<before the session>",
            Token::UNKNOWN => "<unseen key>",
            Token::END => "<end of session>",
            Token(number) => self.keys.get((number - Token::FIRST_KEY.0) as usize).map_or("<no such key>", |key| key),
        }
    }

    /// The same with further keys behind its own, whose tokens stay.
    pub fn with(&self, further: impl IntoIterator<Item = Arc<str>>) -> Vocabulary {
        let mut keys = self.keys.clone();
        keys.extend(further.into_iter().filter(|key| !self.tokens.contains_key(key)));
        Vocabulary::from(keys)
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Number of tokens: the keys and the three marks. A row of probabilities is as long.
    pub fn width(&self) -> usize {
        self.keys.len() + Token::FIRST_KEY.index()
    }
}

impl From<Vec<Arc<str>>> for Vocabulary {
    fn from(keys: Vec<Arc<str>>) -> Vocabulary {
        let tokens = (Token::FIRST_KEY.0..).zip(&keys).map(|(number, key)| (key.clone(), Token(number))).collect();
        Vocabulary { keys, tokens }
    }
}

impl From<Vocabulary> for Vec<Arc<str>> {
    fn from(vocabulary: Vocabulary) -> Vec<Arc<str>> {
        vocabulary.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_first_and_in_order() {
        let vocabulary = Vocabulary::of([&KeySequence::new("s", ["10", "b", "9", "a", "10"])]);
        assert_eq!((3..7).map(|n| vocabulary.key(Token(n))).collect::<Vec<_>>(), ["9", "10", "a", "b"]);
        assert_eq!(vocabulary.width(), 7);
        assert_eq!(vocabulary.token("b"), Token(6));
        assert_eq!(vocabulary.token("c"), Token::UNKNOWN);
    }

    #[test]
    fn it_survives_json() {
        let vocabulary = Vocabulary::of([&KeySequence::new("s", ["x", "1"])]);
        let json = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(json, r#"["1","x"]"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), vocabulary);
    }
}
