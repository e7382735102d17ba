//! A label model's description of itself, in the metadata of its ONNX file: what it was trained on, what it expects, what its answers
//! mean.
//!
//! Invariant: a file that [`LabelSpec::read`] accepts has the columns of this program, one vocabulary each, and tensors of the
//! shapes that these imply; anything else is refused with the difference.

use super::features::{Encoder, FeatureSet, Vocabulary};
use super::onnx::{self, OnnxError};
use crate::audit::label::Label;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of this description.
pub const FORMAT: u32 = 2;
/// The one metadata property that holds it, as JSON.
const PROPERTY: &str = "causeway.labels";

/// What a label model is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSpec {
    /// Version of the description, [`FORMAT`].
    pub format: u32,
    /// Name of the model with a hash of its parameters: what the column `model_version` says.
    pub version: String,
    /// `tcn` or `bilstm`.
    pub architecture: String,
    /// Which columns it sees.
    pub features: FeatureSet,
    /// Names and values of the columns.
    pub vocabularies: Vec<Vocabulary>,
    /// The label of each class; class 0 is the unknown label.
    pub labels: Vec<Label>,
    /// Events in a window.
    pub window: usize,
    /// Hash of the labelled events that it was trained on, 16 hexadecimal digits.
    pub training_data: String,
}

/// A model that cannot be used for labels.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("cannot read the model {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no ONNX file.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// It is not one of ours.
    #[error("the model says nothing of labels in its metadata; train one with `causeway train labels`")]
    NotOurs,
    /// Its description cannot be read.
    #[error("the model's description cannot be read ({0}); train it anew with `causeway train labels`")]
    Description(String),
    /// It does not fit to this program.
    #[error("the model does not fit to this program: {0}; train it anew with `causeway train labels`")]
    Mismatch(String),
}

impl LabelSpec {
    /// The metadata properties that hold the description.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn properties(&self) -> Result<Vec<(&'static str, String)>, serde_json::Error> {
        Ok(vec![
            (PROPERTY, serde_json::to_string(self)?),
            ("causeway.version", self.version.clone()),
            ("causeway.window", self.window.to_string()),
        ])
    }

    /// Reads the description of a model file and holds it against this program.
    ///
    /// # Errors
    /// [`SpecError`] with the difference.
    pub fn read(bytes: &[u8]) -> Result<LabelSpec, SpecError> {
        let described = onnx::describe(bytes)?;
        let text = described.metadata.get(PROPERTY).ok_or(SpecError::NotOurs)?;
        let spec: LabelSpec = serde_json::from_str(text).map_err(|e| SpecError::Description(e.to_string()))?;
        let difference = spec.difference().or_else(|| spec.shapes_differ(&described));
        difference.map_or(Ok(spec), |difference| Err(SpecError::Mismatch(difference)))
    }

    fn difference(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!("its description has format {}, this program reads {FORMAT}", self.format));
        }
        let ours = self.features.names();
        let theirs: Vec<&str> = self.vocabularies.iter().map(|vocabulary| vocabulary.column.as_str()).collect();
        if ours != theirs {
            let without = |all: &[&str], known: &[&str]| {
                let rest: Vec<&str> = all.iter().filter(|name| !known.contains(name)).copied().collect();
                if rest.is_empty() { "none".to_owned() } else { rest.join(", ") }
            };
            return Some(format!(
                "columns it lacks: {}; columns it has too many: {}",
                without(&ours, &theirs),
                without(&theirs, &ours)
            ));
        }
        if self.labels.first() != Some(&Label::UNKNOWN) || self.window == 0 {
            return Some("its first class is not the unknown label, or its window is empty".to_owned());
        }
        let sizes = self.vocabularies.iter().map(Vocabulary::size).chain([self.labels.len()]);
        sizes.into_iter().any(|size| size > usize::from(u16::MAX)).then(|| "a vocabulary is too large".to_owned())
    }

    fn shapes_differ(&self, described: &onnx::Described) -> Option<String> {
        let known = |tensors: &[onnx::Tensor]| tensors.first().map(|t| t.shape.clone()).unwrap_or_default();
        let size = |n: usize| Some(n as i64);
        let wanted = [size(self.window), size(self.vocabularies.len())];
        let input = known(&described.inputs);
        if input.get(1..) != Some(&wanted[..]) {
            return Some(format!("its input has the shape {input:?}, its description says {wanted:?}"));
        }
        let (output, wanted) = (known(&described.outputs), [size(self.window), size(self.labels.len())]);
        (output.get(1..) != Some(&wanted[..]))
            .then(|| format!("its output has the shape {output:?}, its description says {wanted:?}"))
    }

    /// What turns events into this model's numbers.
    pub fn encoder(&self) -> Encoder {
        Encoder::new(self.features, &self.vocabularies)
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.vocabularies.len()
    }

    /// How many numbers each column has.
    pub fn sizes(&self) -> Vec<usize> {
        self.vocabularies.iter().map(Vocabulary::size).collect()
    }

    /// The label of a class.
    pub fn label(&self, class: u16) -> Label {
        self.labels.get(usize::from(class)).copied().unwrap_or(Label::UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::features::Table;
    use crate::model::onnx::{Dim, Element, Graph};

    pub(crate) fn small_spec() -> LabelSpec {
        LabelSpec {
            format: FORMAT,
            version: "test-1".into(),
            architecture: "tcn".into(),
            features: FeatureSet::Mended,
            vocabularies: Table::new(FeatureSet::Mended).vocabularies(&[], 1, &[]),
            labels: vec![Label::UNKNOWN, Label(4496)],
            window: 4,
            training_data: "00".into(),
        }
    }

    fn file(spec: &LabelSpec, window: usize) -> Vec<u8> {
        let mut graph = Graph::new("labels");
        graph.input("ids", Element::I64, &[Dim::Named("batch"), Dim::Fixed(window), Dim::Fixed(spec.width())]);
        let classes = Dim::Fixed(spec.labels.len());
        graph.output("logits", Element::F32, &[Dim::Named("batch"), Dim::Fixed(spec.window), classes]);
        let properties = spec.properties().unwrap();
        let properties: Vec<(&str, &str)> = properties.iter().map(|(k, v)| (*k, v.as_str())).collect();
        graph.finish(&properties)
    }

    #[test]
    fn a_description_reads_back() {
        let spec = small_spec();
        assert_eq!(LabelSpec::read(&file(&spec, 4)).unwrap(), spec);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_difference() {
        let refused = |spec: &LabelSpec, window| LabelSpec::read(&file(spec, window)).unwrap_err().to_string();
        let spec = small_spec();
        assert!(refused(&spec, 9).contains("Some(9)"), "{}", refused(&spec, 9));
        let mut other = spec.clone();
        other.vocabularies[2].column = "verbum".into();
        let message = refused(&other, 4);
        assert!(message.contains("lacks: verb;") && message.contains("too many: verbum"), "{message}");
        other = LabelSpec { format: 9, ..spec };
        assert!(refused(&other, 4).contains("format 9"));
        assert!(matches!(LabelSpec::read(&Graph::new("g").finish(&[])), Err(SpecError::NotOurs)));
    }
}
