//! Configuration: one struct a section, and the one order in which values are laid over each other.
//!
//! ```text
//! defaults ◀── TOML file ◀── CAUSEWAY__SECTION__KEY ◀── flags        (the right one wins)
//! ```
//! Invariants: an unknown key is an error that names the nearest one; a wrong value is an error with its place (file and line,
//! variable or flag); every key is documented where it is declared, and `config reference` is made from that.

mod error;
mod filter;
mod kafka;
mod load;
mod observe;
mod reference;
mod section;
mod sections;
mod storage;
mod text;
mod units;

pub use error::ConfigError;
pub use filter::{Filter, FilterMode, FilterRules, Stages, Switches};
pub use kafka::{Kafka, OnLoss, Publish, Sasl, SecurityProtocol};
pub use load::Loader;
pub use observe::{Observe, RUN_LISTENS_AT};
pub use reference::reference;
pub use section::{Key, Kind};
pub use sections::{
    Bodies, Commit, Config, Contexts, Files, Limits, Log, LogFormat, Method, Model, ModelDevice, ModelUse, Output, Run,
    Sessions, Stream, Switch,
};
pub use storage::Storage;
pub use text::{Lines, MaskList, Parser, SessionsOfLines, StreamOfLines, TextPipeline};
pub use units::{Age, Size, UnitError};

impl Config {
    /// Every section and key with its type, default and meaning, in the order of declaration.
    pub fn keys() -> Vec<Key> {
        let mut keys = Vec::new();
        section::Field::describe(&Config::default(), "", String::new(), &mut keys);
        keys
    }

    /// The effective values as TOML, sections and keys in the order of declaration.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Unprintable { detail: error.to_string() })
    }
}
