//! The model file: one file holds everything that judging needs.
//!
//! An ONNX file whose metadata property [`PROPERTY`] is the [`Card`] as JSON; or the JSON alone, where only the count model was
//! trained. The card has the vocabulary, the window, the rules and the count model, so that a pipeline without ONNX Runtime can
//! fall back on the counts of the same file.

use super::choose::Choice;
use super::count::CountModel;
use super::error::DetectError;
use super::file::write_whole;
use super::judge::Rules;
use super::next_key::NextKey;
use super::onnx_model::OnnxNextKey;
use super::pca::Pca;
use super::vocabulary::Vocabulary;
use super::windows::WindowStyle;
use super::workflow::Workflow;
use crate::model::onnx::describe;
use crate::model::runtime::{Device, Runtime};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the metadata property.
pub const PROPERTY: &str = "causeway.next_key";

/// Version of the card; files of another one are refused.
pub const FORMAT: u32 = 1;

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of this struct.
    pub format: u32,
    /// Keys, from the training part.
    pub vocabulary: Vocabulary,
    /// Longest history, in keys.
    pub history: usize,
    /// How windows are cut.
    pub style: WindowStyle,
    /// Rules for the network; none where there is only the count model.
    pub network: Option<Choice>,
    /// Rules for the count model.
    pub baseline: Choice,
    /// The count model.
    pub counts: CountModel,
    /// The ways that normal sessions take.
    pub workflow: Workflow,
    /// Which counts of keys go together.
    pub pca: Pca,
    /// Fingerprint of the parser whose keys these are; none where they came from elsewhere.
    pub parser: Option<String>,
    /// How it was trained.
    pub training: Provenance,
}

/// How a model was trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Normal sessions.
    pub sessions: usize,
    /// Keys in them.
    pub keys: usize,
    /// Distinct windows in them.
    pub windows: usize,
    /// Seed.
    pub seed: u64,
    /// Epochs of the network that was kept.
    pub epochs: usize,
    /// Program and version.
    pub program: String,
}

/// A model file in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyModel {
    /// What it says of itself.
    pub card: Card,
    /// The whole ONNX file, where there is a network.
    pub onnx: Option<Vec<u8>>,
}

/// A model ready to judge: which one, its rules, the model.
pub struct Opened {
    /// `lstm` or `count`.
    pub name: &'static str,
    /// Its rules.
    pub rules: Rules,
    /// It.
    pub model: Box<dyn NextKey + Send>,
}

impl KeyModel {
    /// Reads a model file.
    ///
    /// # Errors
    /// When it cannot be read, or is none, or one of another version.
    pub fn read(path: &Path) -> Result<KeyModel, DetectError> {
        let bytes = std::fs::read(path).map_err(|source| DetectError::File { path: path.to_owned(), source })?;
        KeyModel::parse(bytes).map_err(|detail| DetectError::Model { of: "keys", path: path.to_owned(), detail })
    }

    fn parse(bytes: Vec<u8>) -> Result<KeyModel, String> {
        let (json, onnx) = if bytes.first() == Some(&b'{') {
            (String::from_utf8(bytes).map_err(|error| error.to_string())?, None)
        } else {
            let mut described = describe(&bytes).map_err(|error| error.to_string())?;
            let json = described.metadata.remove(PROPERTY).ok_or_else(|| format!("it has no property {PROPERTY}"))?;
            (json, Some(bytes))
        };
        /// The version alone, read before the rest.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        if format != FORMAT {
            return Err(format!("its format is {format}, this program reads {FORMAT}"));
        }
        let card: Card = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        if card.counts.width() != card.vocabulary.width() {
            return Err("its vocabulary and its counts do not fit together".to_owned());
        }
        Ok(KeyModel { card, onnx })
    }

    /// Writes it: to a temporary file beside `path`, which then takes its name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DetectError> {
        let failed = |source| DetectError::File { path: path.to_owned(), source };
        let bytes = match &self.onnx {
            Some(onnx) => onnx.clone(),
            None => serde_json::to_vec(&self.card).map_err(|error| failed(error.into()))?,
        };
        write_whole(path, &bytes).map_err(failed)
    }

    /// The network on ONNX Runtime; none where there is no network.
    ///
    /// # Errors
    /// When ONNX Runtime is absent or does not accept it.
    pub fn open_network(&self, device: Device) -> Result<Option<Opened>, DetectError> {
        let (Some(onnx), Some(choice)) = (&self.onnx, &self.card.network) else { return Ok(None) };
        let run = |error: crate::model::runtime::RuntimeError| DetectError::Run(error.to_string());
        let model = Runtime::get().map_err(run)?.model(onnx, device).map_err(run)?;
        let model = OnnxNextKey::new(model, self.card.history, self.card.style, self.card.vocabulary.width());
        Ok(Some(Opened { name: "lstm", rules: choice.rules, model: Box::new(model) }))
    }

    /// The count model.
    pub fn open_counts(&self) -> Opened {
        Opened { name: "count", rules: self.card.baseline.rules, model: Box::new(self.card.counts.clone()) }
    }
}
