//! Models of many keys in one file.

use super::model::{Options, ValueModel};
use super::rows::{Row, Since, ValuesError};
use crate::text::detect::file::write_whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Version of the file; another one is refused.
const FORMAT: u32 = 1;

/// A model a key, by template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueModels {
    format: u32,
    /// What the elapsed time is counted from.
    pub since: Since,
    /// The models.
    pub models: BTreeMap<String, ValueModel>,
    /// Keys without a model, and why.
    pub left_out: BTreeMap<String, String>,
}

impl ValueModels {
    /// Trains a model for each key that has enough to learn from.
    pub fn fit<'a>(
        rows: impl IntoIterator<Item = (&'a str, &'a [Row])>,
        since: Since,
        options: &Options,
        progress: &mut dyn FnMut(&str),
    ) -> ValueModels {
        let (mut models, mut left_out) = (BTreeMap::new(), BTreeMap::new());
        for (template, rows) in rows {
            progress(template);
            match ValueModel::fit(rows, options) {
                Ok(model) => _ = models.insert(template.to_owned(), model),
                Err(error) => _ = left_out.insert(template.to_owned(), error.to_string()),
            }
        }
        ValueModels { format: FORMAT, since, models, left_out }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is of another version.
    pub fn read(path: &Path) -> Result<ValueModels, ValuesError> {
        let wrong = |detail: String| ValuesError::Model { path: path.to_owned(), detail };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let models: ValueModels = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match models.format {
            FORMAT => Ok(models),
            other => Err(wrong(format!("its format is {other}, this program reads {FORMAT}"))),
        }
    }

    /// The model of a key, where it has one for lines of so many parameters: a template that got a wildcard since is another key to it.
    pub fn model_of(&self, template: &str, params: usize) -> Option<&ValueModel> {
        self.models.get(template).filter(|model| model.columns.len() == params + 1)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ValuesError> {
        let wrong = |detail: String| ValuesError::Model { path: path.to_owned(), detail };
        let text = serde_json::to_string(self).map_err(|error| wrong(error.to_string()))?;
        write_whole(path, text.as_bytes()).map_err(|error| wrong(error.to_string()))
    }
}
