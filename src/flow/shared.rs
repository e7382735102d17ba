//! What the feed, the workers and the caller share: progress, and the first failure.

use super::processes::ProcessesError;
use super::processes::words::Peers;
use super::state::StateError;
use crate::context::engine::EngineError;
use crate::lake::LakeError;
use crate::lake::manifest::Account;
use crate::observe::progress::Progress;
use crate::source::PartitionId;
use crate::source::files::SourceError;
use crate::source::kafka::KafkaError;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a run failed. The last commit is intact whatever it was.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// Tables could not be written or read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Input could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Topics could not be read.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The processes of the run do not go together.
    #[error(transparent)]
    Processes(#[from] ProcessesError),
    /// Saved state does not read back.
    #[error(transparent)]
    State(#[from] StateError),
    /// Saved state of the causal engine does not read back.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The tables were begun otherwise.
    #[error(
        "the tables in the output folder were begun with contexts.method = {begun:?}, this run has {wanted:?}; replay into a new folder"
    )]
    Method {
        /// How the tables were begun.
        begun: String,
        /// What this run is to do.
        wanted: &'static str,
    },
    /// The method needs the whole log before it begins.
    #[error("{input} can be read only once, but contexts.method = {method:?} reads its input twice; give it files")]
    ReadOnce {
        /// The input.
        input: String,
        /// The method.
        method: &'static str,
    },
    /// A stream of log lines cannot be read so.
    #[error("{0}")]
    Text(String),
    /// An operator failed.
    #[error("{0}; what was committed before is intact, and the same command goes on from there")]
    Operator(String),
    /// The dataflow could not be started.
    #[error("cannot start the workers: {0}")]
    Start(String),
}

/// Shared by the threads of one run.
#[derive(Debug)]
pub struct Shared {
    /// Epochs through which everything has passed.
    pub epochs_done: AtomicU64,
    /// Number of the newest commit; 0 before the first.
    pub newest_commit: AtomicU64,
    /// Events settled so far in this run.
    pub released: Arc<AtomicU64>,
    /// Counters for whoever shows them.
    pub progress: Arc<Progress>,
    /// The other processes of the run; `None` where this one is alone.
    pub peers: Option<Arc<Peers>>,
    failure: Mutex<Option<FlowError>>,
    account: Mutex<Account>,
    resumes_at: Mutex<Option<BTreeMap<PartitionId, u64>>>,
}

impl Shared {
    /// Nothing done, nothing failed.
    pub fn new(progress: Arc<Progress>) -> Shared {
        Shared {
            epochs_done: AtomicU64::new(0),
            newest_commit: AtomicU64::new(0),
            released: Arc::default(),
            progress,
            peers: None,
            failure: Mutex::new(None),
            account: Mutex::default(),
            resumes_at: Mutex::default(),
        }
    }

    /// The same for a process among others.
    pub fn among(self, peers: Option<Arc<Peers>>) -> Shared {
        Shared { peers, ..self }
    }

    /// Notes a failure; the first one is kept.
    pub fn fail(&self, error: FlowError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
    }

    /// Whether something has failed: nothing may be committed any more.
    pub fn failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Looks at the failure, if there is one.
    pub fn look_at_failure(&self, look: impl FnOnce(&FlowError)) {
        if let Some(error) = &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            look(error);
        }
    }

    /// Takes the failure out.
    pub fn take_failure(&self) -> Option<FlowError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The account of the newest commit.
    pub fn committed(&self, account: &Account) {
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account.clone();
    }

    /// The account of the newest commit.
    pub fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where partitions go on by the newest commit.
    pub fn resumes_at(&self, offsets: BTreeMap<PartitionId, u64>) {
        *self.resumes_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(offsets);
    }

    /// Where partitions go on, once after each commit.
    pub fn take_resumes_at(&self) -> Option<BTreeMap<PartitionId, u64>> {
        self.resumes_at.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Everything up to and with `epoch` has passed through.
    pub fn passed(&self, epoch: u64) {
        self.epochs_done.fetch_max(epoch + 1, Ordering::Release);
    }
}
