//! Choosing `g` and the least probability of an end, on normal sessions that the model was not trained on.
//!
//! No label is needed: the wanted share of false alarms says all. Sessions with an unseen key are alarms whatever the setting,
//! so they use up part of it first. The smallest `g` is taken that the held-out sessions do not speak against: their alarms may
//! exceed the wanted number by one standard error of such a count (its square root), since models that had to do without the
//! held-out part know less than the one that is kept, and a larger `g` finds less.

use super::error::DetectError;
use super::judge::{Rules, ShortRule};
use super::next_key::{NextKey, each_row, rank};
use super::sequence::KeySequence;
use super::vocabulary::{Token, Vocabulary};
use serde::{Deserialize, Serialize};

/// How unusual a normal session looked to a model that did not know it.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Worst place of one of its keys among all, from 0; none where a key is unseen.
    pub worst_rank: Option<usize>,
    /// Probability of an end at its last key; none where that was not asked or the session was cut.
    pub end: Option<f32>,
    /// Number of its keys.
    pub keys: usize,
}

/// Measures held-out sessions.
///
/// # Errors
/// When the model cannot run.
pub fn measure(
    model: &mut dyn NextKey,
    vocabulary: &Vocabulary,
    sessions: &[KeySequence],
) -> Result<Vec<HeldOut>, DetectError> {
    let encoded: Vec<Vec<Token>> = sessions.iter().map(|session| vocabulary.encode(session)).collect();
    let unmeasured = |tokens: &Vec<Token>| HeldOut { worst_rank: Some(0), end: None, keys: tokens.len() };
    let mut measured: Vec<HeldOut> = encoded.iter().map(unmeasured).collect();
    each_row(model, encoded.iter().map(Vec::as_slice), &mut |place, row| {
        let Some(held_out) = measured.get_mut(place.session) else { return };
        match place.target {
            Token::END => held_out.end = row.get(Token::END.index()).copied(),
            key if key.is_key() => held_out.worst_rank = held_out.worst_rank.max(Some(rank(row, key))),
            _ => {}
        }
    })?;
    for ((held_out, tokens), session) in measured.iter_mut().zip(&encoded).zip(sessions) {
        held_out.worst_rank = held_out.worst_rank.filter(|_| !tokens.contains(&Token::UNKNOWN));
        held_out.end = held_out.end.filter(|_| session.closed);
    }
    Ok(measured)
}

/// What `g` costs: false alarms among the held-out sessions.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The number of most probable keys that are normal.
    pub g: usize,
    /// Held-out sessions with a finding.
    pub alarms: usize,
}

/// Settings chosen for a wanted share of false alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The rules.
    pub rules: Rules,
    /// Sessions that it was chosen on.
    pub sessions: usize,
    /// Alarms among them under the rules.
    pub alarms: usize,
    /// The cost of each `g`.
    pub costs: Vec<Cost>,
}

/// What is wanted of the rules.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Share of normal sessions that may be alarms, 0 to 1.
    pub false_alarms: f64,
    /// A fixed `g` instead of a chosen one.
    pub g: Option<usize>,
    /// What becomes of short sessions.
    pub short: ShortRule,
    /// Longest session that is short, in keys.
    pub short_keys: usize,
    /// Share of normal sessions that may be alarms for their end alone; none: ends are not judged.
    pub unfinished: Option<f64>,
}

/// The smallest `g` whose alarms do not speak against the wanted share; all keys where none does.
pub fn choose(held_out: &[HeldOut], width: usize, wanted: Wanted) -> Choice {
    let least_end = wanted.unfinished.and_then(|share| {
        let allowed = (share * held_out.len() as f64).floor() as usize;
        let mut ends: Vec<f32> = held_out.iter().filter_map(|session| session.end).collect();
        ends.sort_by(f32::total_cmp);
        ends.get(allowed).copied()
    });
    let rules = |g| Rules { g, short: wanted.short, short_keys: wanted.short_keys, least_end };
    let most = width.saturating_sub(Token::FIRST_KEY.index()).max(1);
    let costs: Vec<Cost> = (1..=most)
        .map(|g| Cost { g, alarms: held_out.iter().filter(|session| is_alarm(session, &rules(g))).count() })
        .collect();
    let expected = wanted.false_alarms * held_out.len() as f64;
    let within = |cost: &&Cost| cost.alarms as f64 <= expected + expected.sqrt();
    let g = wanted.g.or_else(|| costs.iter().find(within).map(|cost| cost.g)).unwrap_or(most);
    let alarms = held_out.iter().filter(|session| is_alarm(session, &rules(g))).count();
    Choice { rules: rules(g), sessions: held_out.len(), alarms, costs }
}

fn is_alarm(session: &HeldOut, rules: &Rules) -> bool {
    let short = session.keys <= rules.short_keys;
    let unlikely = session.worst_rank.is_none_or(|rank| rank >= rules.g);
    match rules.short {
        ShortRule::Anomaly if short => true,
        ShortRule::Normal if short => session.worst_rank.is_none(),
        _ => unlikely || session.end.zip(rules.least_end).is_some_and(|(end, least)| end < least),
    }
}

#[cfg(test)]
mod tests {
    use super::super::count::CountModel;
    use super::super::judge::Judge;
    use super::*;
    use proptest::prelude::*;

    fn held_out(ranks: &[Option<usize>]) -> Vec<HeldOut> {
        ranks.iter().map(|rank| HeldOut { worst_rank: *rank, end: Some(0.5), keys: 20 }).collect()
    }

    fn wanted(false_alarms: f64) -> Wanted {
        Wanted { false_alarms, g: None, short: ShortRule::Anomaly, short_keys: 10, unfinished: None }
    }

    #[test]
    fn the_smallest_g_within_the_wanted_share() {
        let sessions =
            held_out(&[Some(0), Some(1), Some(1), Some(2), Some(5), None, Some(0), Some(0), Some(0), Some(0)]);
        let choose_g = |share| choose(&sessions, 13, wanted(share)).rules.g;
        // Alarms at g = 1, 2 … 6 are 5, 3, 2, 2, 2, 1; of ten sessions with a wanted share of 0.1, two may be alarms.
        assert_eq!((choose_g(0.05), choose_g(0.1), choose_g(0.2), choose_g(0.5)), (6, 3, 2, 1));
        assert_eq!(choose_g(0.0), 10, "nothing reaches it: all keys");
    }

    proptest! {
        /// The alarms that a choice promises are those that the judge then gives on the same sessions.
        #[test]
        fn the_judge_agrees(raw in prop::collection::vec(prop::collection::vec(0u8..5, 1..8), 1..30), share in 0.0..0.6f64) {
            let sessions: Vec<KeySequence> =
                raw.iter().map(|keys| KeySequence::new("s", keys.iter().map(|k| k.to_string()))).collect();
            let (train, rest) = sessions.split_at(sessions.len() / 2);
            let vocabulary = Vocabulary::of(train);
            let encoded: Vec<Vec<Token>> = train.iter().map(|s| vocabulary.encode(s)).collect();
            let mut model = CountModel::train(2, vocabulary.width(), encoded.iter().map(|s| (s.as_slice(), 1)));
            let held_out = measure(&mut model, &vocabulary, rest).unwrap();
            for short in [ShortRule::Anomaly, ShortRule::Judge, ShortRule::Normal] {
                let wanted = Wanted { short, short_keys: 2, unfinished: Some(share), ..wanted(share) };
                let choice = choose(&held_out, vocabulary.width(), wanted);
                let found = Judge { vocabulary: &vocabulary, rules: choice.rules }.judge(&mut model, rest).unwrap();
                prop_assert_eq!(found.iter().filter(|found| !found.is_empty()).count(), choice.alarms);
            }
        }
    }
}
