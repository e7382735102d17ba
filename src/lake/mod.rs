//! The tables on disk: schemas, writers, the commit and its recovery, and reading back.
//!
//! ```text
//! RecordBatch ─▶ TableWriter ─▶ encode ─▶ _causeway/staging/…   (1) staged: invisible, swept after a crash
//!                     │
//!                StagedFile ─▶ Lake::commit
//!                                 ├─▶ _causeway/manifest/<n>.json   (2) created if absent: the commit happens here
//!                                 └─▶ <table>/cluster=…/date=…/     (3) published by rename; recovery finishes it
//! ```
//! Invariants:
//! - A file under a table's folder is listed by a manifest; a file listed by a manifest is published, or recovery can publish it.
//! - Manifests are numbered from 1 without a gap, each names the hash of the one before it, and none ever changes.
//! - Only the process that holds `_causeway/lock` changes anything but the staging folder.
//! - Every path in a manifest stays inside the output folder.

pub mod commit;
pub mod encode;
pub mod error;
pub mod fail_point;
pub mod layout;
pub mod manifest;
pub mod partition;
pub mod scan;
pub mod store;
pub mod tables;
pub mod verify;
pub mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod samples;

pub use commit::{CommitRequest, Lake};
pub use error::LakeError;
pub use manifest::{Account, Manifest, SourceState, StagedFile};
pub use tables::Table;
pub use writer::TableWriter;

/// Version of the tables, the manifest and the ids in them. A lake of a newer version is refused.
pub const SCHEMA_VERSION: u32 = 1;

/// Version of the program, written into every file.
pub const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");
