//! All detectors of a model file, each ready to judge sessions.

use super::card::{Card, KeyModel, Opened};
use super::error::DetectError;
use super::judge::{Finding, Judge, Rules};
use super::sequence::KeySequence;
use crate::model::runtime::Device;

/// One detector of a model file.
pub enum Detector<'a> {
    /// The next key, by the network or by counts.
    NextKey(&'a Card, Opened),
    /// The workflow.
    Workflow(&'a Card),
    /// Counts of keys.
    Counts(&'a Card),
}

impl<'a> Detector<'a> {
    /// The detectors that can run here, the network first; without ONNX Runtime it is left out, which is said once.
    pub fn all(model: &'a KeyModel, device: Device) -> Vec<Detector<'a>> {
        let network = model.open_network(device).unwrap_or_else(|error| {
            tracing::warn!("the network is left out, the count model judges alone: {error}");
            None
        });
        let card = &model.card;
        let next_key = network.into_iter().chain([model.open_counts()]).map(|opened| Detector::NextKey(card, opened));
        next_key.chain([Detector::Workflow(card), Detector::Counts(card)]).collect()
    }

    /// Its name in tables: `lstm`, `count`, `workflow` or `pca`.
    pub fn name(&self) -> &'static str {
        match self {
            Detector::NextKey(_, opened) => opened.name,
            Detector::Workflow(_) => "workflow",
            Detector::Counts(_) => "pca",
        }
    }

    /// Its rules, where it predicts keys.
    pub fn rules_mut(&mut self) -> Option<&mut Rules> {
        match self {
            Detector::NextKey(_, opened) => Some(&mut opened.rules),
            Detector::Workflow(_) | Detector::Counts(_) => None,
        }
    }

    /// The findings of each session, by position.
    ///
    /// # Errors
    /// When the model cannot run.
    pub fn judge(&mut self, sessions: &[KeySequence]) -> Result<Vec<Vec<Finding>>, DetectError> {
        match self {
            Detector::NextKey(card, opened) => {
                Judge { vocabulary: &card.vocabulary, rules: opened.rules }.judge(opened.model.as_mut(), sessions)
            }
            Detector::Workflow(card) => {
                let judge = |s: &KeySequence| card.workflow.judge(&card.vocabulary.encode(s), s.closed);
                Ok(sessions.iter().map(|session| judge(session).into_iter().collect()).collect())
            }
            Detector::Counts(card) => {
                let judge = |s: &KeySequence| card.pca.judge(&card.vocabulary.encode(s));
                // A session that was cut has not had its counts yet.
                Ok(sessions.iter().map(|s| judge(s).filter(|_| s.closed).into_iter().collect()).collect())
            }
        }
    }
}
