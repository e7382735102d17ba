//! ONNX files: written from trained parameters, and read back as far as their metadata and shapes go.
//!
//! ```text
//! parameters ─▶ Graph: inputs, constants, nodes, outputs ─▶ bytes ─▶ file ─▶ Runtime
//!                                                             └────────────▶ Described: metadata, inputs, outputs
//! ```
//! The format is protocol buffers; the few messages that are needed are declared in `proto`. Operator set 17 and format
//! version 8 are old enough for every runtime in use and new enough for all that is needed here.

mod graph;
mod lstm;
mod proto;

#[cfg(test)]
mod tests;

pub use graph::{Attribute, Dim, Element, Graph};
pub use lstm::Lstm;

use prost::Message;
use std::collections::BTreeMap;

/// A file is no ONNX model, or none of ours.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are no ONNX model.
    #[error("this is no ONNX model ({0}); give a file that `causeway train` wrote")]
    NotOnnx(#[from] prost::DecodeError),
    /// The model has no graph.
    #[error("the ONNX model holds no graph; give a file that `causeway train` wrote")]
    NoGraph,
}

/// What a model file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// Metadata properties.
    pub metadata: BTreeMap<String, String>,
    /// Name and shape of each input.
    pub inputs: Vec<Tensor>,
    /// Name and shape of each output.
    pub outputs: Vec<Tensor>,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its dimensions; `None` where any size will do.
    pub shape: Vec<Option<i64>>,
}

/// Reads what a model says of itself; the ONNX Runtime library is not needed for that.
///
/// # Errors
/// [`OnnxError`] when the bytes are no ONNX model.
pub fn describe(bytes: &[u8]) -> Result<Described, OnnxError> {
    let model = proto::Model::decode(bytes)?;
    let graph = model.graph.ok_or(OnnxError::NoGraph)?;
    Ok(Described {
        metadata: model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect(),
        inputs: graph.input.into_iter().map(tensor).collect(),
        outputs: graph.output.into_iter().map(tensor).collect(),
    })
}

/// A constant of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// The constants of floats that a model holds, by name: the parameters that [`Graph::floats`] was given.
///
/// # Errors
/// [`OnnxError`] when the bytes are no ONNX model.
pub fn constants(bytes: &[u8]) -> Result<BTreeMap<String, Constant>, OnnxError> {
    let graph = proto::Model::decode(bytes)?.graph.ok_or(OnnxError::NoGraph)?;
    let floats = graph.initializer.into_iter().filter(|tensor| tensor.data_type == Element::F32 as i32);
    let constant = |tensor: proto::Tensor| {
        let shape = tensor.dims.iter().map(|size| usize::try_from(*size).unwrap_or_default()).collect();
        let values =
            tensor.raw_data.chunks_exact(4).filter_map(|bytes| Some(f32::from_le_bytes(bytes.try_into().ok()?)));
        (tensor.name, Constant { shape, values: values.collect() })
    };
    Ok(floats.map(constant).collect())
}

fn tensor(info: proto::ValueInfo) -> Tensor {
    let shape = info.r#type.and_then(|t| t.tensor_type).and_then(|t| t.shape).unwrap_or_default();
    Tensor { name: info.name, shape: shape.dim.into_iter().map(|dim| dim.dim_value).collect() }
}
