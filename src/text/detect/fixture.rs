//! A small trained model for tests.

use super::choose::Wanted;
use super::judge::ShortRule;
use super::sequence::KeySequence;
use super::train::{Options, Split, Trained, train_keys};
use super::windows::WindowStyle;
use crate::model::lstm::Training;

/// Sessions `a b c d` and `a c b d` in turn.
pub fn normal() -> Vec<KeySequence> {
    let keys = |n: usize| if n.is_multiple_of(2) { ["a", "b", "c", "d"] } else { ["a", "c", "b", "d"] };
    (0..60).map(|n| KeySequence::new(n.to_string(), keys(n))).collect()
}

/// A network and counts that know [`normal`].
pub fn trained() -> Trained {
    let training = Training { epochs: 60, batch: 32, rate: 0.01, early_stop: None, seed: 1, shuffle: true, threads: 1 };
    let wanted = Wanted { false_alarms: 0.0, g: Some(2), short: ShortRule::Judge, short_keys: 0, unfinished: None };
    let options = Options {
        history: 4,
        style: WindowStyle::EveryPosition,
        lstm: vec![8],
        dense: Vec::new(),
        training,
        min_keys: 2,
        split: Split::HeldOut(0.2),
        wanted,
    };
    train_keys(&normal(), &options, &mut |_| {}).unwrap()
}
