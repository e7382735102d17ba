//! Causeway makes Kubernetes audit logs readable.

pub mod audit;
pub mod context;
pub mod source;
