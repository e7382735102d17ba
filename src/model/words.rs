//! Logits into words: the most probable class of each event, and its probability.
//!
//! ```text
//! logits, one a class ─▶ the largest ─▶ its class
//!                            └─▶ e^(logit − largest) of all, summed ─▶ probability = 1 / sum, in 255ths
//! ```
//! A window of 60 events and 208 classes wants 12,480 exponentials. Asked for one by one, from the standard library, they took a quarter
//! of the network's own time. Here many are computed side by side, in loops that the compiler turns into vector instructions, and to a
//! ten-thousandth, which a 255th does not show.
//!
//! Invariant: the words on a row depend on its logits alone, and every processor computes the same: lanes are added in one order,
//! however many of them a register holds.

use super::vote::{CERTAIN, Word};
use std::f32::consts::LOG2_E;

/// Numbers that are looked at side by side.
const LANES: usize = 16;

/// The most probable class of each row of `logits`, `classes` numbers a row, with its probability; `None` when one of them is no finite
/// number.
pub fn words(logits: &[f32], classes: usize) -> Option<Vec<Word>> {
    logits.chunks_exact(classes.max(1)).map(word).collect()
}

fn word(logits: &[f32]) -> Option<Word> {
    let (blocks, rest) = logits.as_chunks::<LANES>();
    // What is no number, or infinite, times zero is no number.
    let (mut best, mut odd) = ([f32::NEG_INFINITY; LANES], [0.0; LANES]);
    for block in blocks {
        for ((best, odd), logit) in best.iter_mut().zip(&mut odd).zip(block) {
            *best = if *logit > *best { *logit } else { *best };
            *odd += logit * 0.0;
        }
    }
    let odd = odd.into_iter().chain(rest.iter().map(|logit| logit * 0.0)).sum::<f32>();
    let best = best.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max);
    if odd.is_nan() || logits.is_empty() {
        return None;
    }
    let mut sums = [0.0; LANES];
    for block in blocks {
        for (sum, logit) in sums.iter_mut().zip(block) {
            *sum += power(logit - best);
        }
    }
    let sum: f32 = sums.into_iter().chain(rest.iter().map(|logit| power(logit - best))).sum();
    Some(Word { class: place(blocks, rest, best)? as u16, probability: (f32::from(CERTAIN) / sum).round() as u8 })
}

/// Where `best` stands first.
fn place(blocks: &[[f32; LANES]], rest: &[f32], best: f32) -> Option<usize> {
    for (number, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |there, logit| there | (*logit == best)) {
            return Some(number * LANES + block.iter().position(|logit| *logit == best)?);
        }
    }
    Some(blocks.len() * LANES + rest.iter().position(|logit| *logit == best)?)
}

/// e to the power of a number that is not above 0, to a ten-thousandth; at least 2⁻¹²⁶.
///
/// A power of two is the exponent of a float: the whole part of the power goes there, and for what is left, half a power at most to either
/// side, there is a polynomial: of those of its degree that are 1 at 0, the one that is nowhere far off.
#[inline]
fn power(x: f32) -> f32 {
    /// What is added to it is rounded to a whole number, which stands in its lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// Bits of a float below its exponent.
    const MANTISSA: u32 = 23;
    let twos = x * LOG2_E;
    let twos = if twos > -126.0 { twos } else { -126.0 };
    let rounded = twos + ROUND;
    let rest = twos - (rounded - ROUND);
    let share = ((0.055_009_13 * rest + 0.242_211_46) * rest + 0.693_282_96) * rest + 1.0;
    f32::from_bits(share.to_bits().wrapping_add(rounded.to_bits() << MANTISSA))
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
        fn a_power_is_good_to_a_ten_thousandth(x in -87.0f32..=0.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(power(x)) / exact - 1.0).abs() < 1.2e-4, "{} for {}", power(x), exact);
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
