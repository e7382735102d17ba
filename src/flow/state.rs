//! What a commit saves beside the tables, and how it is found again.
//!
//! State is a list of pieces, each with its section and a hash key, so that any number of workers can load it: every worker
//! reads the list and takes the pieces whose key routes to it.

use super::order::ResumePoint;
use crate::audit::time::Micros;
use crate::lake::manifest::StagedFile;
use crate::observe::lag::LagCounts;
use crate::source::PartitionId;
use crate::source::catalog::SourceName;
use crate::source::stream::StreamName;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most bytes of a piece in a state file beside its content and its stream's name.
const BESIDE_BYTES: usize = 32;

/// Which operator a piece of state belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Section {
    /// The causal engine of a stream.
    Engine,
    /// Which session each actor is in.
    OpenSessions,
    /// Text of audit ids that are no UUIDs.
    OddIds,
    /// A context that may still be joined.
    Context,
    /// A session that has not closed.
    Session,
    /// Counts of a minute that is not complete.
    Filtered,
    /// How contexts are found, where it is not by the causal engine.
    Method,
    /// What is settled of a context in the live view.
    LiveContext,
    /// The parser, the open sessions and the places of a stream of log lines.
    Text,
    /// What the label model's windows need of settled events.
    Windows,
    /// Nothing is left to be told: the commit was made at the end of a bounded input.
    Told,
}

/// A piece of saved state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Saved {
    /// Whose it is.
    pub section: Section,
    /// Of which stream; none in particular where it is the run's.
    pub stream: StreamName,
    /// What it is routed by.
    pub key: u64,
    /// Its content, encoded by its owner; shared with it, where it holds it like this.
    #[serde(with = "raw")]
    pub bytes: Bytes,
}

/// Bytes in serialised form: what a `Vec<u8>` is.
mod raw {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        Vec::deserialize(deserializer).map(Bytes::from)
    }
}

impl Saved {
    fn value<T: DeserializeOwned>(&self) -> Result<T, StateError> {
        postcard::from_bytes(&self.bytes)
            .map_err(|error| StateError { section: Some(self.section), error: error.to_string() })
    }
}

/// Where a stream stands at a commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The stream.
    pub stream: StreamName,
    /// The commit's cut.
    pub watermark: Micros,
    /// Where each of its partitions goes on.
    pub partitions: BTreeMap<PartitionId, ResumePoint>,
    /// Partitions that were let go since the last commit.
    pub let_go: Vec<PartitionId>,
}

/// Counts and positions at a commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Each stream.
    pub streams: Vec<Standing>,
    /// Records accounted for since the tables were begun.
    pub read: u64,
    /// Late events since then.
    pub late: u64,
    /// Empty lines since then.
    pub empty_lines: u64,
    /// What was decided by no data since the last commit.
    pub notes: Vec<String>,
}

/// What operators hand to the commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Piece {
    /// A piece of state.
    State(Saved),
    /// A table file that is complete.
    File(StagedFile),
    /// Positions and counts.
    Snapshot(Snapshot),
    /// Drops since the last commit by rule, and how many of all drops have no row yet.
    Filtered {
        /// Drops since the last commit.
        by_rule: BTreeMap<String, u64>,
        /// Drops without a row.
        pending: u64,
    },
    /// Times of the events whose rows are in the commit's files, for the lag.
    Lags(LagCounts),
    /// What a partition is called that is read from now on.
    Named(PartitionId, SourceName),
    /// The operator could not do its part.
    Failed(String),
}

impl Piece {
    /// A piece of state of the run; see [`Piece::of`].
    pub fn state(section: Section, key: u64, bytes: impl Into<Bytes>) -> Piece {
        Piece::State(Saved { section, stream: StreamName::default(), key, bytes: bytes.into() })
    }

    /// The same as the state of a stream.
    pub fn of(self, stream: &StreamName) -> Piece {
        match self {
            Piece::State(saved) => Piece::State(Saved { stream: stream.clone(), ..saved }),
            other => other,
        }
    }

    /// A piece of state from a value. A value that cannot be encoded fails the commit.
    pub fn encode<T: Serialize>(section: Section, key: u64, value: &T) -> Piece {
        match postcard::to_stdvec(value) {
            Ok(bytes) => Piece::state(section, key, bytes),
            Err(error) => Piece::Failed(format!("cannot encode the state of {section:?}: {error}")),
        }
    }
}

/// The state of the last commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State(pub Vec<Saved>);

/// A state file that does not read back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the saved state is damaged ({section:?}: {error}); restore the output folder from a copy, or replay into a new folder"
)]
pub struct StateError {
    /// Which part; `None` for the whole file.
    section: Option<Section>,
    error: String,
}

impl State {
    /// The bytes of a state file. Each piece is let go once it is written: both would be twice the memory.
    ///
    /// # Errors
    /// [`StateError`] when it does not fit into memory.
    pub fn encode(self) -> Result<Vec<u8>, StateError> {
        let about = |saved: &Saved| saved.bytes.len() + saved.stream.as_str().len() + BESIDE_BYTES;
        let bytes = Vec::with_capacity(self.0.iter().map(about).sum());
        let whole = postcard::to_extend(&self.0.len(), bytes)
            .and_then(|bytes| self.0.into_iter().try_fold(bytes, |bytes, saved| postcard::to_extend(&saved, bytes)));
        whole.map_err(|error| StateError { section: None, error: error.to_string() })
    }

    /// The state in a state file.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not what [`State::encode`] makes.
    pub fn decode(bytes: &[u8]) -> Result<State, StateError> {
        postcard::from_bytes(bytes).map_err(|error| StateError { section: None, error: error.to_string() })
    }

    /// Whether there is anything of a section.
    pub fn holds(&self, section: Section) -> bool {
        self.0.iter().any(|saved| saved.section == section)
    }

    /// All values of a section that route to worker `index` of `peers`.
    pub fn read<T: DeserializeOwned>(
        &self,
        section: Section,
        index: usize,
        peers: usize,
    ) -> Result<Vec<T>, StateError> {
        self.saved(section, index, peers).map(|saved| saved.value()).collect()
    }

    /// The same, for each stream that has any.
    pub fn by_stream<T: DeserializeOwned>(
        &self,
        section: Section,
        index: usize,
        peers: usize,
    ) -> Result<BTreeMap<StreamName, Vec<T>>, StateError> {
        let mut values: BTreeMap<StreamName, Vec<T>> = BTreeMap::new();
        for saved in self.saved(section, index, peers) {
            values.entry(saved.stream.clone()).or_default().push(saved.value()?);
        }
        Ok(values)
    }

    /// What is a stream's own.
    pub fn of(&self, stream: &StreamName) -> State {
        State(self.0.iter().filter(|saved| saved.stream == *stream).cloned().collect())
    }

    /// The encoded pieces of a section that route to worker `index` of `peers`.
    pub fn pieces(&self, section: Section, index: usize, peers: usize) -> impl Iterator<Item = &[u8]> {
        self.saved(section, index, peers).map(|saved| saved.bytes.as_ref())
    }

    fn saved(&self, section: Section, index: usize, peers: usize) -> impl Iterator<Item = &Saved> {
        let mine = move |key: u64| key % peers.max(1) as u64 == index as u64;
        self.0.iter().filter(move |saved| saved.section == section && mine(saved.key))
    }
}
