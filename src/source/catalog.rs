//! The partitions of a run by number: what the manifest and the tables call each. It grows while topics are followed.

use super::PartitionId;
use super::kafka::key_of;
use super::stream::StreamName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// What a partition is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceName {
    /// Its key in the manifest, as a partition of its own stream.
    pub key: String,
    /// The file or topic, as in the column `source`.
    pub name: String,
    /// The partition's number in its topic, as in the column `partition`; 0 for a file.
    pub number: i32,
    /// What tells the source from another one of the same name: a topic's id.
    pub fingerprint: Option<String>,
    /// The stream of what names none.
    pub stream: StreamName,
    /// Its messages may name other streams.
    pub shared: bool,
}

impl SourceName {
    /// Its key in the manifest as a partition of a stream: each of those that share it has a place of its own there.
    pub fn key_of(&self, stream: &StreamName) -> String {
        if *stream == self.stream { self.key.clone() } else { key_of(stream.as_str(), &self.name, self.number) }
    }
}

/// All partitions that a run knows.
#[derive(Debug)]
pub struct Catalog {
    names: RwLock<BTreeMap<PartitionId, SourceName>>,
    /// Of this process of so many: numbers that are given out here are given out nowhere else.
    process: (u32, u32),
}

impl Catalog {
    /// A catalog that begins with these.
    pub fn new(names: BTreeMap<PartitionId, SourceName>) -> Catalog {
        Catalog { names: RwLock::new(names), process: (0, 1) }
    }

    /// The same in process `process` of `processes`, which all begin with the same names.
    pub fn of_process(self, process: usize, processes: usize) -> Catalog {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Catalog { process: (number(process), number(processes).max(1)), ..self }
    }

    /// Adds a partition, and gives its number.
    pub fn add(&self, name: SourceName) -> PartitionId {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let (process, processes) = self.process;
        let least = names.last_key_value().map_or(0, |(last, _)| last.0.saturating_add(1));
        // The next number of which the remainder is ours.
        let id = PartitionId(least.saturating_add((process + processes - least % processes) % processes));
        names.insert(id, name);
        id
    }

    /// Notes what another process called a partition.
    pub fn put(&self, id: PartitionId, name: SourceName) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).insert(id, name);
    }

    /// Notes the id of a partition's topic.
    pub fn identify(&self, id: PartitionId, fingerprint: Option<String>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get_mut(&id) {
            name.fingerprint = fingerprint;
        }
    }

    /// What a partition is called.
    pub fn get(&self, id: PartitionId) -> Option<SourceName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The number and name of every partition.
    pub fn all(&self) -> BTreeMap<PartitionId, SourceName> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_out_once_over_all_processes() {
        let begun = BTreeMap::from([(PartitionId(0), SourceName::default()), (PartitionId(1), SourceName::default())]);
        let mut given = Vec::new();
        for process in 0..3 {
            let catalog = Catalog::new(begun.clone()).of_process(process, 3);
            given.extend((0..4).map(|_| catalog.add(SourceName::default())));
        }
        given.sort();
        given.dedup();
        assert_eq!((given.len(), given.first()), (12, Some(&PartitionId(2))));
    }
}
