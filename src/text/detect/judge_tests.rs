//! Tests of the rules.

use super::super::count::CountModel;
use super::*;

const CLOSED: bool = true;
const CUT: bool = false;

fn fixture(short: ShortRule, least_end: Option<f32>) -> (Vocabulary, CountModel, Rules) {
    let sessions: Vec<KeySequence> = (0..100).map(|n| KeySequence::new(n.to_string(), ["a", "b", "c", "d"])).collect();
    let vocabulary = Vocabulary::of(&sessions);
    let encoded: Vec<Vec<Token>> = sessions.iter().map(|s| vocabulary.encode(s)).collect();
    let model = CountModel::train(2, vocabulary.width(), encoded.iter().map(|s| (s.as_slice(), 1)));
    (vocabulary, model, Rules { g: 1, short, short_keys: 2, least_end })
}

fn kinds(keys: &[&str], closed: bool, short: ShortRule, least_end: Option<f32>) -> Vec<(usize, Kind)> {
    let (vocabulary, mut model, rules) = fixture(short, least_end);
    let session = KeySequence { closed, ..KeySequence::new("s", keys.iter().copied()) };
    let found = Judge { vocabulary: &vocabulary, rules }.judge(&mut model, &[session]).unwrap();
    found.concat().into_iter().map(|finding| (finding.position, finding.kind)).collect()
}

#[test]
fn each_finding_has_its_place() {
    let judge = |keys: &[&str]| kinds(keys, CLOSED, ShortRule::Judge, Some(0.1));
    assert_eq!(judge(&["a", "b", "c", "d"]), []);
    assert_eq!(judge(&["a", "c", "d"]), [(1, Kind::UnlikelyKey)]);
    // After an unseen key nothing is known but how frequent keys are, and with g = 1 that is not enough for `d`.
    assert_eq!(judge(&["a", "b", "x", "d"]), [(2, Kind::UnseenKey), (3, Kind::UnlikelyKey)]);

    assert_eq!(judge(&["a", "b", "c"]), [(2, Kind::Unfinished)]);
    assert_eq!(judge(&[]), []);
}

#[test]
fn the_short_rule_is_what_it_says() {
    let judge = |keys: &[&str], short, closed| kinds(keys, closed, short, None);
    assert_eq!(judge(&["a", "b"], ShortRule::Anomaly, CLOSED), [(1, Kind::Short)]);
    assert_eq!(judge(&["a", "b"], ShortRule::Anomaly, CUT), []);
    assert_eq!(judge(&["a", "d"], ShortRule::Judge, CLOSED), [(1, Kind::UnlikelyKey)]);
    assert_eq!(judge(&["a", "d"], ShortRule::Normal, CLOSED), []);
    assert_eq!(judge(&["a", "x"], ShortRule::Normal, CLOSED), [(1, Kind::UnseenKey)]);
    assert_eq!(judge(&["a", "b", "c"], ShortRule::Anomaly, CLOSED), []);
}

#[test]
fn a_cut_session_is_not_unfinished() {
    assert_eq!(kinds(&["a", "b", "c"], CUT, ShortRule::Anomaly, Some(0.1)), []);
}

#[test]
fn a_finding_says_what_was_expected() {
    let (vocabulary, mut model, rules) = fixture(ShortRule::Judge, None);
    let session = KeySequence::new("s", ["a", "b", "d", "d"]);
    let found = Judge { vocabulary: &vocabulary, rules }.judge(&mut model, &[session]).unwrap().concat();
    let first = &found[0];
    assert_eq!((vocabulary.key(first.seen), first.position), ("d", 2));
    assert_eq!(first.expected.iter().map(|t| vocabulary.key(*t)).collect::<Vec<_>>(), ["c"]);
    assert!(first.score > 5.0 && first.score <= MOST_BITS);
}

#[test]
fn many_sessions_get_their_own_findings() {
    let (vocabulary, mut model, rules) = fixture(ShortRule::Judge, None);
    let sessions: Vec<KeySequence> = (0..2_000)
        .map(|n| KeySequence::new(n.to_string(), if n % 7 == 0 { ["a", "c", "d"] } else { ["a", "b", "c"] }))
        .collect();
    let found = Judge { vocabulary: &vocabulary, rules }.judge(&mut model, &sessions).unwrap();
    for (n, found) in found.iter().enumerate() {
        assert_eq!(found.is_empty(), n % 7 != 0, "session {n}");
    }
}
