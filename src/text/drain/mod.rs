//! Drain: log lines to log keys, by a tree of fixed depth over their first tokens.
//!
//! ```text
//!  masked content ─ tokens ─▶ tree: length ─ first token ─ … ─ leaf ─▶ clusters of that leaf ─▶ the most similar one
//!                                                                          │ none similar enough
//!                                                                          ▼
//!                                                                     a new cluster, a new leaf where needed
//! ```
//! Learning gives, line for line, the cluster ids and templates of Drain3 0.9.11 with the same settings. What that rests on:
//! - ids count from 1 in the order of creation and are never used again;
//! - a token is what Python's `str.split` gives, and has a digit where `str.isdigit` says so ([`chars`]);
//! - wildcard places count as unequal while learning and as equal while matching;
//! - of equally similar clusters the one with more wildcards wins, then the earliest of its leaf.

pub mod chars;
mod cluster;
mod clusters;
mod export;
mod full_search;
mod learn;
mod settings;
mod snapshot;
mod tokens;
mod tree;

pub use cluster::{Cluster, ClusterId, Template};
pub use export::{DrainJson, MaskJson};
pub use full_search::MatchStrategy;
pub use learn::{Change, Drain, Learned};
pub use settings::{DrainSettings, SettingsError};
pub use snapshot::{Snapshot, SnapshotError};
pub use tokens::Span;

#[cfg(test)]
mod tests;
