//! What can be wrong with a configuration, always with the place and the remedy.

use std::path::PathBuf;

/// A configuration that cannot be used; the program exits with 78.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not readable.
    #[error("cannot read the configuration {}: {detail}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        detail: String,
    },
    /// A key that does not exist.
    #[error("{place}: unknown key `{key}`{}", did_you_mean(nearest.as_deref()))]
    Unknown {
        /// File and line, variable or flag.
        place: String,
        /// The key as written.
        key: String,
        /// The existing key that looks most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type, outside its choices or range, or text that is not TOML.
    #[error("{place}: {detail}")]
    Value {
        /// File and line, variable or flag.
        place: String,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// A path that is not UTF-8 cannot be printed as TOML.
    #[error("the configuration cannot be printed as TOML: {detail}")]
    Unprintable {
        /// The serialiser's word.
        detail: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!(", did you mean `{key}`?"),
        None => "; `causeway config reference` lists all keys".to_owned(),
    }
}
