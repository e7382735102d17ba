//! Causeway makes Kubernetes audit logs readable: it reads audit events and says *who did what, and what it set off*.
//!
//! ```text
//!  source ──▶ audit ──▶ context ──▶ lake            what each does, as plain functions
//!  files      decode,   facts,      tables,
//!             filter,   engine,     manifest,
//!             label,    summary     commit
//!             redact
//!  └─────────────── flow ───────────────┘            carries events through them, on every core
//!                     │
//!                 config, observe, cli               the command around it
//! ```
//!
//! What it promises: every event read ends in exactly one place, a row, a count or a reject; a crash, a restart or another
//! number of workers changes no row; a reader sees whole commits only; the same input gives the same ids; nothing about the
//! contents of Secrets is written.
//!
//! The parts are useful by themselves. Decoding one line and naming what it does:
//!
//! ```
//! use causeway::audit::decode::{Want, decode};
//!
//! let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"7","stage":"ResponseComplete","verb":"create",
//!     "requestURI":"/apis/apps/v1/namespaces/shop/deployments","stageTimestamp":"2026-11-21T07:10:15.863533Z",
//!     "user":{"username":"alice"},"objectRef":{"resource":"deployments","apiGroup":"apps","apiVersion":"v1"}}"#;
//! decode(line, Want::default(), &mut |_, event| {
//!     let event = event.unwrap();
//!     assert_eq!(event.action().to_string(), "create apps/deployments");
//! });
//! ```

pub mod audit;
pub mod cli;
pub mod config;
pub mod context;
pub mod flow;
pub mod lake;
pub mod model;
pub mod observe;
pub mod source;
pub mod text;
