//! What a replay is to do: every setting that the dataflow needs, resolved.

use super::tell::Limits;
use crate::audit::filter::{Rules, Switches};
use crate::audit::time::Micros;
use crate::context::tables::Tables;
use crate::observe::progress::Progress;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Which decoded events become rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All but what the causal engine calls background.
    Fold,
    /// All.
    All,
    /// All but what K8NTEXT's rules remove.
    Light,
    /// Only what its rules neither remove nor black-list.
    Full,
}

/// Settings of a replay.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// Files, folders, globs, `-`.
    pub inputs: Vec<String>,
    /// Folder of the tables.
    pub output: PathBuf,
    /// Name of the stream.
    pub cluster: String,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Which events become rows. `Fold` without the engine means `Light`.
    pub keep: Keep,
    /// How K8NTEXT's rules are read.
    pub rules: Rules,
    /// Which of them apply.
    pub switches: Switches,
    /// Every stage of a request has a row.
    pub all_stages: bool,
    /// The causal engine is on.
    pub contexts: bool,
    /// Sessions are on.
    pub sessions: bool,
    /// Redacted bodies are columns.
    pub bodies: bool,
    /// Events before this are left out.
    pub from: Option<Micros>,
    /// Events at and after this are left out.
    pub to: Option<Micros>,
    /// How much older than the newest event of its partition an event may be.
    pub lateness_us: i64,
    /// How far ahead of this machine's clock an event may be.
    pub max_future_skew_us: i64,
    /// The pause that ends a session.
    pub session_gap_us: i64,
    /// Time between commits.
    pub commit_every: Duration,
    /// Input between commits.
    pub commit_bytes: u64,
    /// Size of the blocks dealt to workers.
    pub block_bytes: usize,
    /// Longest record.
    pub max_record_bytes: usize,
    /// Bounds on one context.
    pub limits: Limits,
    /// The causal rules.
    pub tables: Arc<Tables>,
    /// Counters for whoever shows them.
    pub progress: Arc<Progress>,
    /// Set to stop reading, commit what was read, and end.
    pub stop: Arc<AtomicBool>,
}

impl ReplayPlan {
    /// Whether rows must wait for the watermark: if not, they are written as they are decoded.
    pub fn ordered(&self) -> bool {
        self.contexts || self.sessions
    }

    /// What is kept, given that there may be no engine to fold.
    pub fn effective_keep(&self) -> Keep {
        if self.keep == Keep::Fold && !self.contexts { Keep::Light } else { self.keep }
    }
}
