//! What an audit event is, and everything that can be said of one event alone: decoding, filtering, action, label, redaction.

pub mod action;
pub mod actor;
pub mod audit_id;
pub mod control_plane;
pub mod decode;
pub mod event;
pub mod filter;
pub mod hash;
pub mod label;
pub mod redact;
pub mod reject;
pub mod time;
