//! Training the next-key models: the count model always, the network where it is wanted.
//!
//! ```text
//!            ┌ fold 1 ┐
//! sessions ──┤   …    ├─▶ train on the others, measure on this one ─▶ choose g ─┐
//!            └ fold n ┘                                                         ├─▶ model file
//!      └──────────────────▶ train on all, as long as the folds took ────────────┘
//! ```
//! Every normal session is thus judged once by a model that did not know it, which is what makes a small false-alarm rate
//! measurable on few sessions. With one fold a part is held out once and the model that did not see it is kept.

use super::card::{Card, FORMAT, KeyModel, PROPERTY, Provenance};
use super::choose::{Choice, HeldOut, Wanted, choose, measure};
use super::count::CountModel;
use super::error::DetectError;
use super::export::to_onnx;
use super::network::{NextKeyNetwork, numbers};
use super::pca::{self, Pca};
use super::sequence::KeySequence;
use super::vocabulary::{Token, Vocabulary};
use super::windows::{WindowStyle, Windows};
use super::workflow;
use crate::model::lstm::{Batch, Epoch, Network, Samples, Shape, Targets, Training, train};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Which sessions a model is trained on and which it is measured on.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Split {
    /// Each part in turn is held out, chosen at random; the final model is trained on all.
    Folds(usize),
    /// A random share, 0 to 1, is held out once.
    HeldOut(f64),
    /// The first sessions up to the first share are trained on, those up to the second are held out, the rest is not looked at.
    ByPosition(f64, f64),
}

/// Options of training.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Longest history, in keys.
    pub history: usize,
    /// How windows are cut.
    pub style: WindowStyle,
    /// Units of each LSTM layer; none: the count model only.
    pub lstm: Vec<usize>,
    /// Units of each dense layer before the last one.
    pub dense: Vec<usize>,
    /// How the network is trained.
    pub training: Training,
    /// Sessions with fewer keys are left out.
    pub min_keys: usize,
    /// What is held out.
    pub split: Split,
    /// What is wanted of the rules.
    pub wanted: Wanted,
}

/// What is told while training.
#[derive(Copy, Clone, Debug)]
pub struct Progress<'a> {
    /// Fold, from 1; one more than `folds` for the final model.
    pub fold: usize,
    /// Number of folds.
    pub folds: usize,
    /// The epoch that ended.
    pub epoch: &'a Epoch,
}

/// A trained model and how training went.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model.
    pub model: KeyModel,
    /// The network as trained.
    pub network: Option<NextKeyNetwork>,
    /// Epochs of the network that was kept.
    pub history: Vec<Epoch>,
}

/// Occurrences of a window that one sample stands for at most. Windows that occur many times are trained on so many times fewer, with as
/// much weight: the same loss from a tenth of the samples, and no batch is ruled by a few of them.
const MOST_WEIGHT: f32 = 16.0;

/// One part held out: sessions to train on and to measure on.
struct Fold<'a> {
    train: Vec<&'a KeySequence>,
    held_out: Vec<KeySequence>,
}

/// Trains on sessions; those that are known to be abnormal are left out.
///
/// # Errors
/// With too few sessions, shares that make no sense, or when training fails.
pub fn train_keys(
    sessions: &[KeySequence],
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Trained, DetectError> {
    let usable = |s: &&KeySequence| s.abnormal != Some(true) && s.keys.len() >= options.min_keys.max(2);
    let normal: Vec<&KeySequence> = sessions.iter().filter(usable).collect();
    if normal.len() < 10 {
        let detail =
            format!("{} normal sessions of at least {} keys; give 10 or more", normal.len(), options.min_keys.max(2));
        return Err(DetectError::TooLittle(detail));
    }
    let folds = folds(&normal, options)?;
    let everything = matches!(options.split, Split::Folds(_)).then_some(&normal);
    let kept = everything.or_else(|| folds.first().map(|fold| &fold.train)).unwrap_or(&normal).clone();
    // The original's vocabulary comes from all sessions, those that are tested on too.
    let vocabulary = match options.style {
        WindowStyle::EveryPosition => Vocabulary::of(kept.iter().copied()),
        WindowStyle::Seed004 => Vocabulary::of(sessions),
    };
    let (counts, baseline) = baseline(&folds, &kept, &vocabulary, options)?;
    let encode =
        |sessions: &[&KeySequence]| -> Vec<Vec<Token>> { sessions.iter().map(|s| vocabulary.encode(s)).collect() };
    let parts: Vec<workflow::choose::Fold> =
        folds.iter().map(|fold| (encode(&fold.train), encode(&fold.held_out.iter().collect::<Vec<_>>()))).collect();
    let encoded = encode(&kept);
    let workflow = workflow::choose(&parts, &encoded, options.wanted.false_alarms);
    let pca = Pca::fit(encoded.iter().map(Vec::as_slice), vocabulary.width(), pca::Options::default());
    let samples = samples(&kept, &vocabulary, options);
    let (network, choice, history) = match options.lstm.is_empty() {
        true => (None, None, Vec::new()),
        false => {
            let (network, choice, history) = network(&folds, &samples, &vocabulary, options, progress)?;
            (Some(network), Some(choice), history)
        }
    };
    let card = Card {
        format: FORMAT,
        history: options.history,
        style: options.style,
        network: choice,
        baseline,
        counts,
        workflow,
        pca,
        parser: None,
        training: Provenance {
            sessions: kept.len(),
            keys: kept.iter().map(|session| session.keys.len()).sum(),
            windows: samples.weights.len(),
            seed: options.training.seed,
            epochs: history.len(),
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        vocabulary,
    };
    let json = serde_json::to_string(&card).map_err(|error| DetectError::Setting(error.to_string()))?;
    let onnx = network.as_ref().map(|network| to_onnx(network, &[(PROPERTY, &json)]));
    Ok(Trained { model: KeyModel { card, onnx }, network, history })
}

/// Cuts the sessions into parts.
fn folds<'a>(normal: &[&'a KeySequence], options: &Options) -> Result<Vec<Fold<'a>>, DetectError> {
    let mut order: Vec<&KeySequence> = normal.to_vec();
    let mut random = StdRng::seed_from_u64(options.training.seed);
    let count = normal.len();
    let at = |share: f64| ((count as f64) * share) as usize;
    let fold = |order: &[&'a KeySequence], out: std::ops::Range<usize>, end: usize| Fold {
        train: order.iter().enumerate().filter(|(i, _)| !out.contains(i) && *i < end).map(|(_, s)| *s).collect(),
        held_out: order.get(out).unwrap_or_default().iter().map(|s| (*s).clone()).collect(),
    };
    let folds = match options.split {
        Split::Folds(folds) if folds >= 2 && folds <= count => {
            order.shuffle(&mut random);
            (0..folds).map(|n| fold(&order, n * count / folds..(n + 1) * count / folds, count)).collect()
        }
        Split::Folds(folds) => {
            return Err(DetectError::Setting(format!(
                "{folds} folds of {count} sessions; give 2 or more, up to their number"
            )));
        }
        Split::HeldOut(share) if share > 0.0 && share < 1.0 => {
            order.shuffle(&mut random);
            vec![fold(&order, at(1.0 - share)..count, count)]
        }
        Split::ByPosition(train, end) if train > 0.0 && train < end && end <= 1.0 => {
            vec![fold(&order, at(train)..at(end), at(end))]
        }
        Split::HeldOut(share) => {
            return Err(DetectError::Setting(format!("the held-out share {share} must lie between 0 and 1")));
        }
        Split::ByPosition(train, end) => {
            let detail = format!("ratios {train} and {end}: they must rise, from above 0 to at most 1");
            return Err(DetectError::Setting(detail));
        }
    };
    Ok(folds)
}

/// The count model of the kept sessions, with rules chosen on the held-out ones.
fn baseline(
    folds: &[Fold<'_>],
    kept: &[&KeySequence],
    vocabulary: &Vocabulary,
    options: &Options,
) -> Result<(CountModel, Choice), DetectError> {
    let mut held_out = Vec::new();
    for fold in folds {
        let vocabulary = Vocabulary::of(fold.train.iter().copied());
        let mut counts = counts(&fold.train, &vocabulary, options.history);
        held_out.extend(measure(&mut counts, &vocabulary, &fold.held_out)?);
    }
    Ok((counts(kept, vocabulary, options.history), choose(&held_out, vocabulary.width(), options.wanted)))
}

fn counts(sessions: &[&KeySequence], vocabulary: &Vocabulary, history: usize) -> CountModel {
    let mut distinct: BTreeMap<Vec<Token>, u32> = BTreeMap::new();
    for session in sessions {
        *distinct.entry(vocabulary.encode(session)).or_default() += 1;
    }
    CountModel::train(history, vocabulary.width(), distinct.iter().map(|(session, times)| (session.as_slice(), *times)))
}

/// The network of the kept sessions, with rules chosen on the held-out ones, and its epochs.
fn network(
    folds: &[Fold<'_>],
    all: &Batch,
    vocabulary: &Vocabulary,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(NextKeyNetwork, Choice, Vec<Epoch>), DetectError> {
    let mut held_out: Vec<HeldOut> = Vec::new();
    let mut epochs = Vec::new();
    let mut last = None;
    for (index, fold) in folds.iter().enumerate() {
        let own = Vocabulary::of(fold.train.iter().copied());
        // A single fold's model is kept, so it has the vocabulary of the model file.
        let vocabulary = if folds.len() > 1 { &own } else { vocabulary };
        let training = samples(&fold.train, vocabulary, options);
        let validation = samples(&fold.held_out.iter().collect::<Vec<_>>(), vocabulary, options);
        let tell = &mut |epoch: &Epoch| progress(Progress { fold: index + 1, folds: folds.len(), epoch });
        let (mut model, history) = fit(&training, &validation, vocabulary, options, options.training.epochs, tell)?;
        epochs.push(best_epoch(&history));
        held_out.extend(measure(&mut model, vocabulary, &fold.held_out)?);
        last = Some((model, history));
    }
    let choice = choose(&held_out, vocabulary.width(), options.wanted);
    if let (Some((model, history)), 1) = (last, folds.len()) {
        return Ok((model, choice, history));
    }
    let nothing = samples(&[], vocabulary, options);
    let epochs = epochs.iter().sum::<usize>().div_ceil(epochs.len().max(1));
    let tell = &mut |epoch: &Epoch| progress(Progress { fold: folds.len() + 1, folds: folds.len(), epoch });
    let (model, history) = fit(all, &nothing, vocabulary, options, epochs, tell)?;
    Ok((model, choice, history))
}

fn best_epoch(history: &[Epoch]) -> usize {
    history.iter().min_by(|a, b| a.val_loss.total_cmp(&b.val_loss)).map_or(1, |epoch| epoch.epoch)
}

/// Trains one network.
fn fit(
    training: &Batch,
    validation: &Batch,
    vocabulary: &Vocabulary,
    options: &Options,
    epochs: usize,
    tell: &mut dyn FnMut(&Epoch),
) -> Result<(NextKeyNetwork, Vec<Epoch>), DetectError> {
    let width = vocabulary.width();
    let shape =
        Shape { inputs: width, lstm: options.lstm.clone(), dense: options.dense.clone(), outputs: width, dropout: 0.0 };
    let mut network = Network::new(&shape, &mut StdRng::seed_from_u64(options.training.seed));
    // Training never meets an unseen key; it should say nothing rather than something random.
    if let Some(first) = network.lstm.first_mut() {
        first.w.column_mut(Token::UNKNOWN.index()).fill(0.0);
    }
    let settings = Training { epochs, ..options.training.clone() };
    let history = train(&mut network, training, validation, &settings, &mut |epoch| {
        tell(epoch);
        true
    })
    .map_err(|error| DetectError::TooLittle(error.to_string()))?;
    Ok((NextKeyNetwork { network, history: options.history, style: options.style, width }, history))
}

/// The distinct windows of sessions, weighted by how often they occur; those after which an unseen key came are left out.
fn samples(sessions: &[&KeySequence], vocabulary: &Vocabulary, options: &Options) -> Batch {
    let mut windows = Windows::new(options.style, options.history);
    let mut distinct: BTreeMap<(Vec<u32>, u32), f32> = BTreeMap::new();
    for session in sessions {
        windows.clear();
        windows.push_session(&vocabulary.encode(session));
        for (row, target) in windows.rows().zip(windows.targets()).filter(|(_, target)| **target != Token::UNKNOWN) {
            *distinct.entry((numbers(row), target.0)).or_default() += 1.0;
        }
    }
    let (mut rows, mut classes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for ((row, target), weight) in distinct {
        let copies = (weight / MOST_WEIGHT).ceil().max(1.0);
        for _ in 0..copies as usize {
            rows.push(row.clone());
            classes.push(target);
            weights.push(weight / copies);
        }
    }
    Batch { samples: Samples::Tokens(rows), targets: Targets::Classes(classes), weights }
}
