//! The ini files of Drain3 and of DeepLog's trainer, read as they are.
//!
//! ```text
//!  text ─ sections (configparser's rules) ─ values (numbers, booleans, JSON, Python literals) ─▶ ParserSettings
//! ```
//! Unlike there, a file that is absent, an unknown section or key and a wrong value are errors, each with its line.

mod literal;
mod sections;
mod settings;

pub use literal::Literal;
pub use sections::IniError;
pub use settings::{AdapterIni, ParserSettings};
