//! Logits into words: the most probable class of each event, and its probability.
//!
//! ```text
//! logits, one a class ─▶ the largest ─▶ its class
//!                            └─▶ e^(logit − largest) of all, summed ─▶ probability = 1 / sum, in 255ths
//! ```
//! A window of 60 events and 208 classes wants 12,480 exponentials. Asked for one by one, from the standard library, they took a third of
//! the network's own time. Here eight are computed at a time, and only as exactly as a 255th shows.
//!
//! Invariant: the words on a row depend on its logits alone, and are the same on every processor: eight lanes are added in one order, however
//! many of them a register holds.

use super::vote::{CERTAIN, Word};
use wide::f32x8;

/// Numbers that are looked at side by side.
const LANES: usize = 8;
/// What is so far below the best has no share; much further, its powers would become numbers that processors are slow with.
const LEAST: f32 = -64.0;
/// Squarings in a power.
const SQUARINGS: i32 = 7;

/// The most probable class of each row of `logits`, `classes` numbers a row, with its probability; `None` when one of them is no finite
/// number.
pub fn words(logits: &[f32], classes: usize) -> Option<Vec<Word>> {
    logits.chunks_exact(classes.max(1)).map(word).collect()
}

fn word(logits: &[f32]) -> Option<Word> {
    let (blocks, rest) = logits.as_chunks::<LANES>();
    let (mut most, mut odd) = (f32x8::splat(f32::NEG_INFINITY), f32x8::ZERO);
    for block in blocks {
        let block = f32x8::new(*block);
        most = block.fast_max(most);
        // What is no number, or infinite, times zero is no number.
        odd += block * f32x8::ZERO;
    }
    let odd = odd.reduce_add() + rest.iter().map(|logit| logit * 0.0).sum::<f32>();
    if odd.is_nan() || logits.is_empty() {
        return None;
    }
    let best = most.to_array().into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max);
    let bests = f32x8::splat(best);
    let mut sums = f32x8::ZERO;
    for block in blocks {
        sums += power(f32x8::new(*block) - bests);
    }
    let mut sum = sums.reduce_add();
    for logit in rest {
        let [power, ..] = power(f32x8::splat(*logit) - bests).to_array();
        sum += power;
    }
    let with_best = blocks.iter().position(|block| f32x8::new(*block).simd_eq(bests).any());
    let before = with_best.unwrap_or(blocks.len()) * LANES;
    let class = before + logits.get(before..)?.iter().position(|logit| *logit == best)?;
    Some(Word { class: class as u16, probability: (f32::from(CERTAIN) / sum).round() as u8 })
}

/// e to the power of numbers that are not above 0, each to 2 in 100,000: (1 + t + t²/2)¹²⁸, where t is a 128th of the number.
#[inline]
fn power(x: f32x8) -> f32x8 {
    let t = x.fast_max(f32x8::splat(LEAST)) * f32x8::splat(0.5f32.powi(SQUARINGS));
    let mut power = (t * f32x8::splat(0.5) + f32x8::ONE) * t + f32x8::ONE;
    for _ in 0..SQUARINGS {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logits_become_words() {
        let said = words(&[0.0, 9.0, 0.0, /* next row */ 5.0, 5.0, 5.0], 3).expect("all are numbers");
        assert_eq!(said, [Word { class: 1, probability: 255 }, Word { class: 0, probability: 85 }]);
    }

    #[test]
    fn what_is_no_number_is_no_word() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 15, 16, 40] {
                let mut logits = [1.0; 41];
                logits[place] = odd;
                assert_eq!(words(&logits, 41), None, "{odd} at {place}");
            }
        }
        assert_eq!(words(&[], 3), Some(vec![]));
    }

    #[test]
    fn the_largest_numbers_are_numbers() {
        let said = words(&[f32::MAX, f32::MIN, 0.0], 3).expect("all are numbers");
        assert_eq!(said, [Word { class: 0, probability: 255 }]);
    }

    proptest! {
        #[test]
        fn a_power_is_good_to_two_in_a_hundred_thousand(x in -200.0f32..=0.0) {
            let [power, ..] = power(f32x8::splat(x)).to_array();
            prop_assert!((f64::from(power) - f64::from(x).exp()).abs() < 2e-5, "{} for {}", power, x);
        }

        #[test]
        fn a_word_is_what_the_definition_says(logits in proptest::collection::vec(-30.0f32..30.0, 1..70)) {
            let classes = logits.len();
            let said = words(&logits, classes).expect("all are numbers")[0];
            let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(Some(usize::from(said.class)), logits.iter().position(|logit| *logit == best));
            let sum: f64 = logits.iter().map(|logit| f64::from(logit - best).exp()).sum();
            prop_assert!((f64::from(said.probability) - 255.0 / sum).abs() < 0.53, "{:?}, {}", said, 255.0 / sum);
        }
    }
}
