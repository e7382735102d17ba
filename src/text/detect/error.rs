//! What can go wrong with detectors and their models.

use std::path::PathBuf;

/// An error of a detector or of its model.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}; check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of sessions holds something else.
    #[error("{}, line {line}: {detail}; sessions are lines of keys, CSV `Sequence,label`, or the DeepLog trainer's data.json", path.display())]
    Sessions {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A model file cannot be understood.
    #[error("{} is no model of {of}: {detail}; train one with `causeway train {of}`", path.display())]
    Model {
        /// What it should be a model of: `keys`, `counts`, `workflow`.
        of: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// There is too little to learn from.
    #[error("not enough data: {0}")]
    TooLittle(String),
    /// A setting that makes no sense.
    #[error("{0}")]
    Setting(String),
    /// The model could not be run.
    #[error("the model failed: {0}")]
    Run(String),
}
