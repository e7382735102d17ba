//! Rows: one line of a key each.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The variable part of one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Seconds since the line before it; none for the first one.
    pub elapsed_secs: Option<f64>,
    /// Parameters, as they stand in the line.
    pub params: Vec<String>,
}

/// What the elapsed time of a row is counted from.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// The line before, of any key.
    #[default]
    AnyLine,
    /// The line before of the same key.
    SameKey,
}

/// Rows that cannot be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// Too few.
    #[error("not enough data: {rows} rows, {needed} are needed for windows of {window}; give more or a shorter window")]
    TooFew {
        /// Rows there.
        rows: usize,
        /// Rows needed.
        needed: usize,
        /// Rows a window.
        window: usize,
    },
    /// A row with another number of parameters than the first.
    #[error("row {row} has {found} parameters, the first has {expected}; rows of one model must be of one key")]
    Ragged {
        /// Its number, from 1.
        row: usize,
        /// Its parameters.
        found: usize,
        /// Those of the first.
        expected: usize,
    },
    /// A number that is none.
    #[error("row {row}, column {column}: {value} is no finite number; leave the row out")]
    NotFinite {
        /// Its number, from 1.
        row: usize,
        /// The column, 0 for the elapsed time.
        column: usize,
        /// The value.
        value: String,
    },
    /// Nothing varies.
    #[error(
        "no column says anything: all are constant, identifiers or counters; parameter values of this key need no model"
    )]
    NoColumn,
    /// Shares that make no sense.
    #[error("ratios {0} and {1}: they must rise, from above 0 to at most 1")]
    Ratios(f64, f64),
    /// Training failed.
    #[error(transparent)]
    Training(#[from] crate::model::lstm::TrainingError),
    /// A file of models that cannot be used.
    #[error("{} is no model of values: {detail}; train one with `causeway train values`", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A file that cannot be read.
    #[error("{}: {detail}; give {{\"data\": [[elapsed, value, …], …]}}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// The DeepLog trainer's form: `{"data": [[elapsed, value, …], …]}`, rows of one key.
#[derive(Deserialize)]
struct Dataset {
    data: Vec<Vec<serde_json::Value>>,
}

/// Reads rows of one key from a file.
///
/// # Errors
/// When it cannot be read or an elapsed time is no number.
pub fn read_dataset(path: &Path) -> Result<Vec<Row>, ValuesError> {
    let wrong = |detail: String| ValuesError::File { path: path.to_owned(), detail };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let dataset: Dataset = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let row = |(index, values): (usize, Vec<serde_json::Value>)| {
        let mut values = values.into_iter();
        let elapsed = values.next().and_then(|value| value.as_f64());
        let plain = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let elapsed_secs = elapsed.ok_or_else(|| wrong(format!("row {}: its first value is no number", index + 1)))?;
        Ok(Row { elapsed_secs: Some(elapsed_secs), params: values.map(plain).collect() })
    };
    dataset.data.into_iter().enumerate().map(row).collect()
}
