//! Models: what trains them, writes them and runs them.

pub mod lstm;
