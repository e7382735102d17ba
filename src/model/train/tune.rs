//! A search for good settings: random trials, or successive halving.
//!
//! ```text
//! random:   n trials ─ all epochs each ─▶ the best
//! halving:  n trials ─ 1/9 of the epochs ─▶ the better third ─ 1/3 ─▶ its better third ─ all epochs ─▶ the best
//! ```
//! Trials are drawn from the ranges of the paper (`k8ntext.md` section 5.7), for the convolutions from like ones. What is compared
//! is the accuracy on the validation part, as there; of equals the trial that was drawn first wins. The draw depends on the seed
//! alone. Successive halving: Jamieson and Talwalkar, "Non-stochastic best arm identification", 2016.

use super::net::Architecture;
use super::run::Settings;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// By how much a round of halving cuts the trials, and by how much it lengthens those left.
const ETA: usize = 3;
/// Rounds of halving.
const ROUNDS: u32 = 3;
/// Steps of a size: the paper's units go from 1 to 8 times the number of columns.
const STEPS: usize = 8;
/// A step of the channels of convolutions.
const CHANNELS_STEP: usize = 16;
/// The paper's learning rates.
const LEARNING_RATES: [f64; 3] = [0.001, 0.005, 0.0001];

/// How trials are spent.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// Every trial to its end.
    Random,
    /// Many trials for a short while, the better ones for longer.
    Halving,
}

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Its number, from 1, in the order of the draw.
    pub trial: usize,
    /// Its settings, with the epochs that it was given in the last round it was in.
    pub settings: Settings,
    /// Accuracy on the validation part in its best epoch.
    pub validation_accuracy: f64,
}

/// Draws `count` settings around `base`; what is not searched for is taken from there.
pub fn draw(base: &Settings, count: usize) -> Vec<Settings> {
    let mut random = StdRng::seed_from_u64(base.seed);
    (0..count).map(|_| one(base, &mut random)).collect()
}

fn one(base: &Settings, random: &mut StdRng) -> Settings {
    let mut settings = base.clone();
    let step = match base.net.architecture {
        Architecture::Bilstm => base.net.features.width(),
        Architecture::Tcn => CHANNELS_STEP,
    };
    settings.net.units = step * random.random_range(1..=STEPS);
    settings.net.units_2 = step * random.random_range(1..=STEPS);
    settings.net.dropout = f64::from(random.random_range(1..=5_u8)) / 10.0;
    settings.learning_rate = LEARNING_RATES.choose(random).copied().unwrap_or(base.learning_rate);
    settings
}

/// Runs the search; `measure` trains with these settings (trial number, round, settings) and gives the accuracy on the validation
/// part. The best trial comes first.
///
/// # Errors
/// The first that `measure` gives.
pub fn tune<E>(
    base: &Settings,
    search: Search,
    count: usize,
    mut measure: impl FnMut(usize, u32, &Settings) -> Result<f64, E>,
) -> Result<Vec<Trial>, E> {
    let begin = |(number, settings)| Trial { trial: number, settings, validation_accuracy: 0.0 };
    let mut left: Vec<Trial> = (1..).zip(draw(base, count)).map(begin).collect();
    let mut out: Vec<Trial> = Vec::new();
    let rounds = if search == Search::Halving { ROUNDS } else { 1 };
    for round in 1..=rounds {
        let epochs = base.epochs.div_ceil(ETA.pow(rounds - round)).max(1);
        for trial in &mut left {
            trial.settings.epochs = epochs;
            trial.validation_accuracy = measure(trial.trial, round, &trial.settings)?;
        }
        left.sort_by(|a, b| b.validation_accuracy.total_cmp(&a.validation_accuracy).then(a.trial.cmp(&b.trial)));
        if round < rounds {
            // Those that go early stand behind those that stay longer.
            let stay = left.len().div_ceil(ETA);
            out.splice(0..0, left.split_off(stay));
        }
    }
    left.extend(out);
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::features::FeatureSet;
    use crate::model::train::NetConfig;

    fn base() -> Settings {
        let architecture = Architecture::Bilstm;
        let net = NetConfig {
            architecture,
            heads: Default::default(),
            features: FeatureSet::Original,
            embedding: 6,
            units: 1,
            units_2: 1,
            dropout: 0.2,
        };
        Settings { epochs: 27, ..Settings::new(net) }
    }

    /// An accuracy that depends on the settings alone.
    fn judged(settings: &Settings) -> f64 {
        settings.net.units as f64 + settings.net.dropout
    }

    #[test]
    fn trials_lie_in_the_ranges_of_the_paper() {
        let drawn = draw(&base(), 200);
        assert_eq!(drawn, draw(&base(), 200), "the seed decides");
        for settings in &drawn {
            assert_eq!((settings.net.units % 39, settings.net.units_2 % 39), (0, 0));
            assert!((39..=312).contains(&settings.net.units) && (0.1..=0.5).contains(&settings.net.dropout));
            assert!(LEARNING_RATES.contains(&settings.learning_rate));
        }
        let units: std::collections::BTreeSet<usize> = drawn.iter().map(|settings| settings.net.units).collect();
        assert_eq!(units.len(), STEPS, "every step is drawn");
    }

    #[test]
    fn a_random_search_gives_every_trial_all_its_epochs() {
        let mut asked = Vec::new();
        let measure = |trial, _, settings: &Settings| {
            asked.push((trial, settings.epochs));
            Ok::<f64, ()>(judged(settings))
        };
        let found = tune(&base(), Search::Random, 10, measure).unwrap();
        assert_eq!(asked, (1..=10).map(|trial| (trial, 27)).collect::<Vec<_>>());
        assert!(found.is_sorted_by(|a, b| a.validation_accuracy >= b.validation_accuracy));
    }

    #[test]
    fn halving_spends_its_epochs_on_the_better_trials() {
        let mut asked = Vec::new();
        let measure = |_, round, settings: &Settings| {
            asked.push((round, settings.epochs));
            Ok::<f64, ()>(judged(settings))
        };
        let found = tune(&base(), Search::Halving, 10, measure).unwrap();
        let count = |round, epochs| asked.iter().filter(|known| **known == (round, epochs)).count();
        assert_eq!((count(1, 3), count(2, 9), count(3, 27), asked.len()), (10, 4, 2, 16));
        assert_eq!(found.len(), 10, "every trial is told");
        let best = draw(&base(), 10).iter().map(judged).fold(0.0, f64::max);
        assert_eq!(found[0].validation_accuracy, best);
        assert_eq!(found[0].settings.epochs, 27);
    }

    #[test]
    fn a_trial_that_fails_ends_the_search() {
        assert_eq!(tune(&base(), Search::Random, 3, |trial, _, _| Err::<f64, usize>(trial)), Err(1));
    }
}
