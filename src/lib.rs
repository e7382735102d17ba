//! Causeway makes Kubernetes audit logs readable.

pub mod audit;
pub mod context;
pub mod lake;
pub mod source;
