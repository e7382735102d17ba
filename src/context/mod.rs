//! Causes: facts of events, rules, the engine that links events to what set them off. Pure logic, no dataflow.

mod actor;
mod background;
mod client;
mod clock;
mod command;
mod commands;
pub mod detail;
pub mod engine;
pub mod evaluate;
pub mod facts;
mod grammar;
mod heartbeat;
mod identity;
pub mod k8ntext;
pub mod keys;
pub mod kind;
pub mod live;
mod memory;
pub mod model;
mod pattern;
mod produce;
mod react;
mod request;
pub mod rules;
pub mod summary;
pub mod tables;
mod undo;
