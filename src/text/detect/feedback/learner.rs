//! What learns: the network by steps down its loss, the count model by counting.

use super::super::card::{Card, KeyModel};
use super::super::count::CountModel;
use super::super::error::DetectError;
use super::super::import;
use super::super::judge::Rules;
use super::super::network::{NextKeyNetwork, numbers};
use super::super::next_key::NextKey;
use super::super::sequence::KeySequence;
use super::super::vocabulary::{Token, Vocabulary};
use super::super::windows::Windows;
use super::Options;
use crate::model::lstm::{Batch, Samples, Targets, Training, train};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A window, where the key behind it stands in its session, and that key.
pub(super) struct Pair {
    pub(super) position: usize,
    pub(super) window: Vec<Token>,
    pub(super) next: Token,
}

/// A model of the next key that can learn further.
#[derive(Clone)]
pub(super) enum Learner {
    /// The network.
    Network(NextKeyNetwork),
    /// The count model.
    Counts(CountModel),
}

/// Times that a step counts each new window, with as many more old ones.
const ROUNDS: usize = 10;

/// Passes over the sample of one step.
const PASSES: usize = 5;

/// Windows of one length that are computed at once, at most: all of them, so that new ones never stand alone.
const BATCH: usize = 4096;

/// Doublings of a count, at most.
const MOST_DOUBLINGS: usize = 16;

impl Learner {
    /// The models of a file, each with its name and its rules.
    pub(super) fn of(model: &KeyModel) -> Result<Vec<(&'static str, Rules, Learner)>, DetectError> {
        let Card { network, baseline, counts, .. } = &model.card;
        let mut learners = Vec::new();
        if let (Some(onnx), Some(choice)) = (&model.onnx, network) {
            learners.push(("network", choice.rules, Learner::Network(import::of_onnx(onnx, &model.card)?)));
        }
        learners.push(("count model", baseline.rules, Learner::Counts(counts.clone())));
        Ok(learners)
    }

    pub(super) fn next_key(&mut self) -> &mut dyn NextKey {
        match self {
            Learner::Network(network) => network,
            Learner::Counts(counts) => counts,
        }
    }

    pub(super) fn widen(&mut self, width: usize) {
        match self {
            Learner::Network(network) => import::widen(network, width),
            Learner::Counts(counts) => counts.widen(width),
        }
    }

    /// The windows of a session, those before an unseen key left out.
    pub(super) fn pairs(&mut self, vocabulary: &Vocabulary, session: &KeySequence) -> Vec<Pair> {
        let model = self.next_key();
        let mut windows = Windows::new(model.style(), model.history());
        windows.push_session(&vocabulary.encode(session));
        let known = windows.targets().iter().zip(windows.positions()).zip(windows.rows());
        known
            .filter(|((next, _), _)| **next != Token::UNKNOWN)
            .map(|((next, position), window)| Pair { position: *position, window: window.to_vec(), next: *next })
            .collect()
    }

    /// One step towards `new`, with `old` against forgetting: `options.replay` of them for each new one.
    pub(super) fn step(
        &mut self,
        new: &[Pair],
        old: &[Pair],
        options: &Options,
        step: usize,
    ) -> Result<(), DetectError> {
        match self {
            Learner::Counts(counts) => {
                // Counts do not forget, so they need no old windows. A history that is well known takes many counts.
                let times = 1 << step.saturating_sub(1).min(MOST_DOUBLINGS);
                new.iter().for_each(|pair| counts.learn(&pair.window, pair.next, times));
                Ok(())
            }
            Learner::Network(network) => {
                let seed = options.seed.wrapping_add(step as u64);
                // Another sample in each step, and so large that each length of window has old ones beside the new.
                let many = (new.len() * options.replay * ROUNDS).min(old.len());
                let mut random = StdRng::seed_from_u64(seed);
                let sampled = rand::seq::index::sample(&mut random, old.len(), many);
                let sampled: Vec<&Pair> = sampled.into_iter().filter_map(|index| old.get(index)).collect();
                let all = || new.iter().chain(sampled.iter().copied());
                // Where there are fewer old windows than wanted, each counts for several.
                let wanted = (new.len() * options.replay * ROUNDS) as f32;
                let old_weight = wanted / (many.max(1) as f32);
                let weights = vec![ROUNDS as f32; new.len()].into_iter().chain(vec![old_weight; many]).collect();
                let samples = Samples::Tokens(all().map(|pair| numbers(&pair.window)).collect());
                let targets = Targets::Classes(all().map(|pair| pair.next.0).collect());
                let batch = Batch { weights, samples, targets };
                let (samples, targets) = (Samples::Tokens(Vec::new()), Targets::Classes(Vec::new()));
                let nothing = Batch { samples, targets, weights: Vec::new() };
                let settings = Training {
                    epochs: PASSES,
                    batch: BATCH,
                    rate: options.rate,
                    early_stop: None,
                    seed,
                    shuffle: true,
                    threads: 1,
                };
                train(&mut network.network, &batch, &nothing, &settings, &mut |_| true)
                    .map(|_| ())
                    .map_err(|error| DetectError::TooLittle(error.to_string()))
            }
        }
    }
}
