//! From probabilities to findings: the rules by which a session is normal or not.
//!
//! | finding | when |
//! |---|---|
//! | [`Kind::UnseenKey`] | a key that training never saw, at any position |
//! | [`Kind::UnlikelyKey`] | a key that is not among the `g` most probable ones |
//! | [`Kind::Short`] | a closed session of at most `short_keys` keys, where [`ShortRule::Anomaly`] holds |
//! | [`Kind::Unfinished`] | a closed session at whose last key the probability of an end is below `least_end` |
//!
//! A session that is not [`KeySequence::closed`] (cut by a cap on its size, by the end of the input) is judged by its keys only, since what
//! is missing at its end was not left out by whoever wrote it. A session is abnormal when it has a finding.

use super::error::DetectError;
use super::next_key::{NextKey, each_row, rank, top};
use super::sequence::KeySequence;
use super::vocabulary::{Token, Vocabulary};
use super::windows::WindowStyle;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// Surprise of a key that has no probability, and the most that any finding scores, in bits.
pub const MOST_BITS: f32 = 64.0;

/// What becomes of a closed session of at most `short_keys` keys.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShortRule {
    /// It is a finding. On HDFS this alone finds 37 % of the abnormal sessions, and no normal one.
    #[default]
    Anomaly,
    /// It is judged by its keys like any other.
    Judge,
    /// Only its unseen keys are findings.
    Normal,
}

/// The rules, as they are saved in a model.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// How many of the most probable keys are normal.
    pub g: usize,
    /// What becomes of short sessions.
    pub short: ShortRule,
    /// Longest session that is short, in keys; 0 for none.
    pub short_keys: usize,
    /// Least probability of an end at a closed session's last key; none: ends are not judged.
    pub least_end: Option<f32>,
}

/// What was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A key that training never saw.
    UnseenKey,
    /// A key outside of the `g` most probable ones.
    UnlikelyKey,
    /// A closed session with too few keys.
    Short,
    /// A closed session that ended where none ends.
    Unfinished,
    /// A key that the workflow has no way for.
    OffWorkflow,
    /// A session whose counts of keys do not go together as those of normal ones.
    UnusualCounts,
}

impl Kind {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::UnseenKey => "unseen-key",
            Kind::UnlikelyKey => "unlikely-key",
            Kind::Short => "short-session",
            Kind::Unfinished => "unfinished-session",
            Kind::OffWorkflow => "off-workflow",
            Kind::UnusualCounts => "unusual-counts",
        }
    }
}

/// One finding in a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Index of the key, that is of the line, in its session; the last one for what concerns the end.
    pub position: usize,
    /// What it is.
    pub kind: Kind,
    /// Surprise in bits, −log₂ of the probability, up to [`MOST_BITS`]; for [`Kind::UnusualCounts`] the residual in thresholds.
    pub score: f32,
    /// The most probable keys there, at most `g`, the first one first; for [`Kind::UnusualCounts`] the other keys that stand out.
    pub expected: Vec<Token>,
    /// What came: a key, or the end.
    pub seen: Token,
}

impl Finding {
    /// Whether it follows from the first `told` keys of its session alone, so that whoever judged them has found it.
    pub fn is_of_beginning(&self, told: usize) -> bool {
        self.position < told && matches!(self.kind, Kind::UnseenKey | Kind::UnlikelyKey | Kind::OffWorkflow)
    }

    /// What came, in words: an unseen key has no name in the vocabulary, but the session has one.
    pub fn seen_in<'a>(&self, session: &'a KeySequence, vocabulary: &'a Vocabulary) -> &'a str {
        match session.keys.get(self.position) {
            Some(key) if vocabulary.token(key) == self.seen => key,
            _ => vocabulary.key(self.seen),
        }
    }
}

/// Judges sessions by a model and rules.
pub struct Judge<'a> {
    /// The keys.
    pub vocabulary: &'a Vocabulary,
    /// The rules.
    pub rules: Rules,
}

/// A session in the model's tokens.
struct Encoded {
    tokens: Vec<Token>,
    closed: bool,
}

/// Surprise of a probability, in bits.
fn bits(probability: f32) -> f32 {
    (-probability.max(f32::MIN_POSITIVE).log2()).clamp(0.0, MOST_BITS)
}

impl Judge<'_> {
    /// The findings of each session, by position. Equal sessions are judged once.
    ///
    /// # Errors
    /// When the model cannot run.
    pub fn judge(&self, model: &mut dyn NextKey, sessions: &[KeySequence]) -> Result<Vec<Vec<Finding>>, DetectError> {
        let mut numbers: HashMap<(Vec<Token>, bool), usize> = HashMap::new();
        let mut distinct = Vec::new();
        let mut number_of = Vec::with_capacity(sessions.len());
        for session in sessions {
            let next = distinct.len();
            let number = *numbers.entry((self.vocabulary.encode(session), session.closed)).or_insert(next);
            if number == next {
                distinct.push(Encoded { tokens: self.vocabulary.encode(session), closed: session.closed });
            }
            number_of.push(number);
        }
        let found = self.judge_encoded(model, &distinct)?;
        Ok(number_of.into_iter().map(|number| found.get(number).cloned().unwrap_or_default()).collect())
    }

    fn judge_encoded(&self, model: &mut dyn NextKey, sessions: &[Encoded]) -> Result<Vec<Vec<Finding>>, DetectError> {
        let style = model.style();
        let without_rows = |session| unseen(session).chain(self.short_without_end(style, session)).collect();
        let mut found: Vec<Vec<Finding>> = sessions.iter().map(without_rows).collect();
        let judged = |session: &Encoded| !(self.is_short(session) && self.rules.short == ShortRule::Normal);
        let tokens = sessions.iter().map(|session| if judged(session) { session.tokens.as_slice() } else { &[] });
        each_row(model, tokens, &mut |place, row| {
            let (Some(session), Some(found)) = (sessions.get(place.session), found.get_mut(place.session)) else {
                return;
            };
            found.extend(match place.target {
                Token::END => self.end(session, row),
                Token::UNKNOWN => None,
                key => self.key(row, key, place.position),
            });
        })?;
        found.iter_mut().for_each(|found| found.sort_by_key(|finding| (finding.position, finding.kind)));
        Ok(found)
    }

    fn is_short(&self, session: &Encoded) -> bool {
        session.closed && session.tokens.len() <= self.rules.short_keys
    }

    /// The finding of a short session by a model whose windows have no ends.
    fn short_without_end(&self, style: WindowStyle, session: &Encoded) -> Option<Finding> {
        let found = style == WindowStyle::Seed004 && self.rules.short == ShortRule::Anomaly && self.is_short(session);
        let position = session.tokens.len().saturating_sub(1);
        found.then(|| Finding { position, kind: Kind::Short, score: MOST_BITS, expected: Vec::new(), seen: Token::END })
    }

    /// Judges a known key.
    fn key(&self, row: &[f32], key: Token, position: usize) -> Option<Finding> {
        let score = || bits(row.get(key.index()).copied().unwrap_or_default());
        (rank(row, key) >= self.rules.g).then(|| Finding {
            position,
            kind: Kind::UnlikelyKey,
            score: score(),
            expected: top(row, self.rules.g),
            seen: key,
        })
    }

    /// Judges the end of a session. One that is short is not also unfinished.
    fn end(&self, session: &Encoded, row: &[f32]) -> Option<Finding> {
        let probability = row.get(Token::END.index()).copied().unwrap_or_default();
        let kind = if !session.closed {
            return None;
        } else if self.is_short(session) && self.rules.short == ShortRule::Anomaly {
            Kind::Short
        } else if self.rules.least_end.is_some_and(|least| probability < least) {
            Kind::Unfinished
        } else {
            return None;
        };
        let position = session.tokens.len().saturating_sub(1);
        Some(Finding { position, kind, score: bits(probability), expected: top(row, self.rules.g), seen: Token::END })
    }
}

/// The unseen keys of a session.
fn unseen(session: &Encoded) -> impl Iterator<Item = Finding> + '_ {
    session.tokens.iter().enumerate().filter(|(_, token)| **token == Token::UNKNOWN).map(|(position, token)| Finding {
        position,
        kind: Kind::UnseenKey,
        score: MOST_BITS,
        expected: Vec::new(),
        seen: *token,
    })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
