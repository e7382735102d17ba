//! Training of label models.
//!
//! ```text
//! labelled lines ───────▶ Labelled ─▶ split by time ─▶ windows ─▶ net ─ focal loss ─▶ Adam ─▶ parameters ─▶ export: ONNX
//!                     (decoded once)    vocabularies of              ▲                          │
//!                                       the training part            └─ plateau, early stop ◀─ loss on the validation part
//! ```
//! The training part comes first in time, the validation part behind it: windows overlap, so any other split would show the
//! network its own test.

mod checkpoint;
mod course;
mod device;
pub mod export;
pub mod heads;
pub mod loss;
pub mod net;
pub mod recurrent;
pub mod run;
pub mod tune;

pub use course::{Epoch, History};
pub use device::device;
pub use heads::Heads;
pub use net::{Architecture, NetConfig};
pub use run::{Settings, Trained, train};
pub use tune::{Search, Trial, tune};

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There is nothing to learn from.
    #[error("{0}")]
    Data(String),
    /// The device that was asked for is not there.
    #[error("{0}")]
    Device(String),
    /// The trainer's library failed.
    #[error("training failed: {0}")]
    Library(String),
    /// A file cannot be read or written.
    #[error("cannot use {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// Told to stop.
    #[error("training was stopped; run the same command again to go on from the last epoch")]
    Stopped,
}
