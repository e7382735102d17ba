//! Ordinary log lines: formats, parsers, sessions. Plain functions that know nothing of the dataflow.
//!
//! ```text
//!  line ─ format ─ content ─ mask ─ Drain ─▶ key + parameters ─ adapter ─▶ Session ─▶ detectors
//! ```
//! A line becomes a **log key** (the id of its template) and parameters; lines become **sessions**; detectors look at whole
//! sessions of keys.

pub mod adapter;
pub mod csv;
pub mod detect;
pub mod drain;
pub mod evaluate;
pub mod extract;
pub mod format;
pub mod ini;
pub mod lenma;
pub mod line;
pub mod mask;
pub mod miner;
pub mod session;
pub mod syslog_csv;
pub mod time;
