//! Causeway makes Kubernetes audit logs readable.

pub mod audit;
pub mod cli;
pub mod config;
pub mod context;
pub mod flow;
pub mod lake;
pub mod observe;
pub mod source;
