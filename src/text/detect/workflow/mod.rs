//! The workflow model: an automaton of the ways that normal sessions take.
//!
//! ```text
//! sessions ─▶ prefix tree ─▶ merge equal k-tails (loops close) ─▶ automaton with counts ─▶ drawing, diagnosis, findings
//!         └─▶ concurrent pairs: brought into one order first ┘
//! ```
//! Two ways to build it: [`learn`], ours, and [`seed004`], the DeepLog trainer's, kept for comparison. Both give an
//! [`Automaton`]: deterministic, a node entered by one key only.

pub mod automaton;
pub mod choose;
pub mod concurrency;
pub mod draw;
pub mod learn;
pub mod seed004;

pub use automaton::{Automaton, Diagnosis, Node, NodeId};
pub use choose::{Workflow, choose};
