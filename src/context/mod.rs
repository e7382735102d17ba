//! Causes: facts of events, rules, the engine that links events to what set them off. Pure logic, no dataflow.

pub mod detail;
pub mod model;
