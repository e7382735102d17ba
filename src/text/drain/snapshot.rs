//! The whole state of a parser as bytes, for a checkpoint.
//!
//! ```text
//!  "drn1" ─ xxh3 of the rest (8 bytes) ─ state (postcard)
//! ```
//! A restored parser gives every later line the same key and template as the one that was saved.

use super::cluster::{Cluster, ClusterId, Template};
use super::learn::Drain;
use super::settings::{DrainSettings, SettingsError};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// First bytes of a snapshot; the digit is the version.
const MAGIC: [u8; 4] = *b"drn1";

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Of another program, or of another version of it.
    #[error("not a parser state of this version: read it with the version that wrote it, or learn anew")]
    Version,
    /// Cut or changed.
    #[error("the parser state is damaged: restore it from a copy, or learn anew")]
    Damaged,
    /// It cannot go on with other settings.
    #[error("the parser state was learned with other settings: use those, or learn anew in another place")]
    OtherSettings,
    /// Its settings are no settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The state in a form that can be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    settings: DrainSettings,
    last_id: u32,
    clusters: Vec<ClusterState>,
    /// From the longest unused to the last used; empty where all are kept.
    order_of_use: Vec<ClusterId>,
    /// In the order of creation.
    nodes: Vec<NodeState>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ClusterState {
    id: ClusterId,
    size: u64,
    tokens: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NodeState {
    parent: Option<u32>,
    key: String,
    clusters: Vec<ClusterId>,
}

impl Snapshot {
    /// The state of a parser.
    pub fn of(drain: &Drain) -> Snapshot {
        let cluster = |cluster: &Cluster| ClusterState {
            id: cluster.id,
            size: cluster.size,
            tokens: cluster.template.tokens().map(str::to_owned).collect(),
        };
        Snapshot {
            settings: drain.settings.clone(),
            last_id: drain.clusters.last_id().0,
            clusters: drain.clusters().map(cluster).collect(),
            order_of_use: drain.clusters.order_of_use(),
            nodes: drain
                .tree
                .nodes
                .iter()
                .map(|node| NodeState {
                    parent: node.parent,
                    key: node.key.to_string(),
                    clusters: node.clusters.clone(),
                })
                .collect(),
        }
    }

    /// The settings with which it was learned.
    pub fn settings(&self) -> &DrainSettings {
        &self.settings
    }

    /// A parser in this state.
    ///
    /// # Errors
    /// [`SnapshotError`] when `settings` are not those of the state, or it does not hold together.
    pub fn restore(self, settings: &DrainSettings) -> Result<Drain, SnapshotError> {
        if self.settings != *settings {
            return Err(SnapshotError::OtherSettings);
        }
        let mut drain = Drain::new(self.settings)?;
        drain.clusters.skip(self.last_id as usize);
        for state in self.clusters {
            let template = Template::new(state.tokens.iter().map(String::as_str), &drain.settings.wildcard);
            drain.clusters.put(Cluster { id: state.id, size: state.size, template });
        }
        for id in self.order_of_use {
            drain.clusters.used(id);
        }
        for (at, node) in self.nodes.into_iter().enumerate() {
            let id = match node.parent {
                Some(parent) if (parent as usize) < at => drain.tree.add_child(Some(parent), &node.key),
                Some(_) => return Err(SnapshotError::Damaged),
                None => drain.tree.add_length(node.key.parse().map_err(|_| SnapshotError::Damaged)?),
            };
            if let Some(made) = drain.tree.nodes.get_mut(id as usize) {
                made.clusters = node.clusters;
            }
        }
        Ok(drain)
    }

    /// The state as bytes.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] when it cannot be written, which memory alone prevents.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SnapshotError> {
        let state = postcard::to_stdvec(self).map_err(|_| SnapshotError::Damaged)?;
        Ok([MAGIC.as_slice(), &xxh3_64(&state).to_le_bytes(), &state].concat())
    }

    /// Reads what [`Snapshot::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError`] for another version and for damaged bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(SnapshotError::Version)?;
        let (sum, state) = rest.split_first_chunk::<8>().ok_or(SnapshotError::Damaged)?;
        if xxh3_64(state) != u64::from_le_bytes(*sum) {
            return Err(SnapshotError::Damaged);
        }
        postcard::from_bytes(state).map_err(|_| SnapshotError::Damaged)
    }
}
