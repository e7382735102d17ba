//! Models: features, training, ONNX files, and the runtime that computes them.

pub mod evaluate;
pub mod features;
pub mod labeler;
pub mod labelled;
pub mod labels;
pub mod lstm;
pub mod onnx;
pub mod runtime;
pub mod samples;
#[cfg(feature = "train")]
pub mod train;
pub mod vote;
pub mod windows;
pub mod words;
