//! The partitions of a run by number: what the manifest and the tables call each. It grows while topics are followed.

use super::PartitionId;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// What a partition is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceName {
    /// Its key in the manifest.
    pub key: String,
    /// The file or topic, as in the column `source`.
    pub name: String,
    /// The partition's number in its topic, as in the column `partition`; 0 for a file.
    pub number: i32,
    /// What tells the source from another one of the same name: a topic's id.
    pub fingerprint: Option<String>,
}

/// All partitions that a run knows.
#[derive(Debug, Default)]
pub struct Catalog(RwLock<BTreeMap<PartitionId, SourceName>>);

impl Catalog {
    /// A catalog that begins with these.
    pub fn new(names: BTreeMap<PartitionId, SourceName>) -> Catalog {
        Catalog(RwLock::new(names))
    }

    /// Adds a partition, and gives its number.
    pub fn add(&self, name: SourceName) -> PartitionId {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = names.last_key_value().map_or(PartitionId(0), |(last, _)| PartitionId(last.0.saturating_add(1)));
        names.insert(id, name);
        id
    }

    /// Notes the id of a partition's topic.
    pub fn identify(&self, id: PartitionId, fingerprint: Option<String>) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get_mut(&id) {
            name.fingerprint = fingerprint;
        }
    }

    /// What a partition is called.
    pub fn get(&self, id: PartitionId) -> Option<SourceName> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The number and name of every partition.
    pub fn all(&self) -> BTreeMap<PartitionId, SourceName> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
