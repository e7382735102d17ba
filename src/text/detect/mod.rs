//! Anomalies in sessions of log keys: DeepLog's detectors and their family.
//!
//! ```text
//!  sessions ─▶ vocabulary ─▶ windows ─▶ next-key model ─▶ rules ─▶ findings
//!  (sequence)   (training     (windows)   count, LSTM      (judge)  line, kind, score,
//!                part only)               a row of          ▲       expected, seen
//!                                         probabilities     │
//!                     held-out normal sessions ─▶ choose ───┘
//! ```
//! One concept a file. Nothing here knows where the sessions come from: text logs, a file of key sequences, audit events.

pub mod card;
pub mod choose;
pub mod count;
pub mod detectors;
pub mod error;
pub mod export;
pub mod feedback;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod import;
pub mod judge;
pub mod network;
pub mod next_key;
pub mod onnx_model;
pub mod open_windows;
pub mod pca;
pub mod read;
pub mod scores;
pub mod sequence;
pub mod time_counts;
pub mod train;
pub mod values;
pub mod vocabulary;
pub mod windows;
pub mod workflow;
