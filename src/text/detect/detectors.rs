//! All detectors of a model file, each ready to judge sessions.

use super::card::{KeyModel, Opened};
use super::error::DetectError;
use super::judge::{Finding, Judge, Rules};
use super::sequence::KeySequence;
use super::time_counts::TimeCounts;
use super::values::ValueModels;
use crate::model::runtime::Device;
use serde::Deserialize;
use std::sync::Arc;

/// Which detectors of a model file judge.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// The next key: by the network, or by counts where there is no ONNX Runtime or no network.
    NextKey,
    /// The next key by counts.
    Count,
    /// The workflow.
    Workflow,
    /// Counts of keys.
    Pca,
}

/// A model of keys and the detectors that are wanted of it.
#[derive(Clone, Debug)]
pub struct KeyDetection {
    /// The model.
    pub model: Arc<KeyModel>,
    /// The detectors.
    pub chosen: Vec<Chosen>,
}

/// What a stream of lines is judged by.
#[derive(Clone, Debug, Default)]
pub struct Detection {
    /// Sessions by their keys.
    pub keys: Option<KeyDetection>,
    /// Lines by elapsed time and parameters.
    pub values: Option<Arc<ValueModels>>,
    /// Windows of time by their counts of keys.
    pub counts: Option<Arc<TimeCounts>>,
}

/// One detector of a model file.
pub enum Detector {
    /// The next key, by the network or by counts.
    NextKey(Arc<KeyModel>, Opened),
    /// The workflow.
    Workflow(Arc<KeyModel>),
    /// Counts of keys.
    Counts(Arc<KeyModel>),
}

impl Detector {
    /// The detectors that can run here, the network first; without ONNX Runtime it is left out, which is said once.
    pub fn all(model: &Arc<KeyModel>, device: Device) -> Vec<Detector> {
        let network = model.open_network(device).unwrap_or_else(|error| {
            tracing::warn!("the network is left out, the count model judges alone: {error}");
            None
        });
        let next_key = network.into_iter().chain([model.open_counts()]);
        let next_key = next_key.map(|opened| Detector::NextKey(Arc::clone(model), opened));
        next_key.chain([Detector::Workflow(Arc::clone(model)), Detector::Counts(Arc::clone(model))]).collect()
    }

    /// Those of them that are wanted.
    pub fn chosen(model: &Arc<KeyModel>, device: Device, chosen: &[Chosen]) -> Vec<Detector> {
        let mut detectors = Detector::all(model, device);
        let network = detectors.iter().any(|detector| detector.name() == "lstm");
        detectors.retain(|detector| match detector.name() {
            "lstm" => chosen.contains(&Chosen::NextKey),
            "count" => chosen.contains(&Chosen::Count) || (!network && chosen.contains(&Chosen::NextKey)),
            "workflow" => chosen.contains(&Chosen::Workflow),
            _ => chosen.contains(&Chosen::Pca),
        });
        detectors
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
            Detector::NextKey(model, opened) => {
                Judge { vocabulary: &model.card.vocabulary, rules: opened.rules }.judge(opened.model.as_mut(), sessions)
            }
            Detector::Workflow(model) => {
                let card = &model.card;
                let judge = |s: &KeySequence| card.workflow.judge(&card.vocabulary.encode(s), s.closed);
                Ok(sessions.iter().map(|session| judge(session).into_iter().collect()).collect())
            }
            Detector::Counts(model) => {
                let card = &model.card;
                let judge = |s: &KeySequence| card.pca.judge(&card.vocabulary.encode(s));
                // A session that was cut has not had its counts yet.
                Ok(sessions.iter().map(|s| judge(s).filter(|_| s.closed).into_iter().collect()).collect())
            }
        }
    }
}
