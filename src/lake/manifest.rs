//! The manifest: what one commit adds, where its sources stand, and the account of everything read so far.
//!
//! A manifest is read strictly: an unknown field, a path that leaves the folder or a newer version is an error with the
//! file's name, never a guess.

use super::tables::Table;
use super::{LakeError, PROGRAM_VERSION, SCHEMA_VERSION, layout};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Number of the commit, from 1.
    pub number: u64,
    /// Version of tables, manifest and ids.
    pub schema_version: u32,
    /// Version of the program that wrote it.
    pub program_version: String,
    /// Checksum of the manifest before it; `None` for the first.
    pub previous: Option<Checksum>,
    /// What became of everything read since the first commit.
    pub account: Account,
    /// Where each source stands, by the source's id.
    pub sources: BTreeMap<String, SourceState>,
    /// Event time in microseconds up to which each stream (cluster) is final.
    pub watermarks_us: BTreeMap<String, i64>,
    /// Table files that the commit adds.
    pub files: Vec<StagedFile>,
    /// State with which the pipeline goes on from here.
    pub state: StateFile,
    /// Inputs that are no function of the data, such as "partition 3 of audit went idle at …".
    pub notes: Vec<String>,
}

/// What became of everything read: running totals since the first commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Events read, and records that are none. Empty lines are not among them.
    pub read: u64,
    /// Rows of `events`, or of `lines` where the input is text.
    pub events: u64,
    /// Events that were dropped, as counted in `filtered`.
    pub filtered: u64,
    /// Rows of `rejects`.
    pub rejects: u64,
    /// Lines without anything on them.
    pub empty_lines: u64,
    /// Events that arrived after their time was settled; each is a row or filtered as well.
    pub late: u64,
    /// Rows of `contexts`, all revisions.
    pub contexts: u64,
    /// Rows of `sessions`, or of `log_sessions`.
    pub sessions: u64,
    /// [`Account::filtered`] by rule.
    pub filtered_by_rule: BTreeMap<String, u64>,
    /// The part of [`Account::filtered`] that is counted in the state, not yet in a row of `filtered`.
    pub pending_filtered: u64,
}

impl Account {
    /// Adds what another worker, or a further epoch, counted.
    pub fn add(&mut self, other: &Account) {
        self.read += other.read;
        self.events += other.events;
        self.filtered += other.filtered;
        self.rejects += other.rejects;
        self.empty_lines += other.empty_lines;
        self.late += other.late;
        self.contexts += other.contexts;
        self.sessions += other.sessions;
        self.pending_filtered += other.pending_filtered;
        for (rule, count) in &other.filtered_by_rule {
            *self.filtered_by_rule.entry(rule.clone()).or_default() += count;
        }
    }

    /// What is wrong with the account, if anything: everything read ends in exactly one place.
    pub fn imbalance(&self) -> Option<String> {
        let placed = self.events.saturating_add(self.filtered).saturating_add(self.rejects);
        let by_rule = self.filtered_by_rule.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        if self.read != placed {
            return Some(format!("{} were read, but events + filtered + rejects are {placed}", self.read));
        }
        if by_rule != self.filtered {
            return Some(format!("{} were filtered, but the rules account for {by_rule}", self.filtered));
        }
        if self.pending_filtered > self.filtered {
            return Some(format!("{} of {} filtered events are pending", self.pending_filtered, self.filtered));
        }
        None
    }
}

/// Where a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceState {
    /// Name for people: the file or topic and partition.
    pub name: String,
    /// Path of a file.
    pub path: Option<String>,
    /// Position to read from after a restart: the first record that is not settled.
    pub resume_offset: u64,
    /// Index of the first event in that record that is not settled.
    pub resume_item: Option<u32>,
    /// Position behind the last record read; what lies between it and the resume position is read again.
    pub read_offset: u64,
    /// Event time in microseconds that the source has reached.
    pub progress_us: i64,
    /// What tells the source from another of the same name: a hash of a file's first bytes, or a topic's id.
    pub fingerprint: Option<String>,
    /// Bytes of a file, or offsets of a partition, when last looked at.
    pub length: Option<u64>,
    /// Read to its end; nothing more will come.
    pub done: bool,
    /// Behind the resume position: offsets at which the partition came back after it had been let go, and the event time in
    /// microseconds below which its events are late since then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<(u64, i64)>,
    /// Behind the resume position: offsets of records that were rejected because their time lay ahead of our clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<u64>,
}

/// A table file: staged until its commit, then published at its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedFile {
    /// Its table.
    pub table: Table,
    /// Where it ends up, relative to the output folder.
    pub path: String,
    /// Where it waits, relative to the output folder.
    pub staged: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Checksum of its bytes.
    pub checksum: Checksum,
    /// Least time of its rows, in microseconds.
    pub min_us: Option<i64>,
    /// Greatest time of its rows, in microseconds.
    pub max_us: Option<i64>,
}

/// The state file of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Where it ends up, relative to the output folder.
    pub path: String,
    /// Where it waits, relative to the output folder.
    pub staged: String,
    /// Bytes.
    pub bytes: u64,
    /// Checksum of its bytes.
    pub checksum: Checksum,
}

/// XXH3 of a file's bytes (seed 0), written as 16 hexadecimal digits.
#[derive(Copy, Clone, Default, PartialEq, Eq)]
pub struct Checksum(pub u64);

impl Checksum {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(xxhash_rust::xxh3::xxh3_64(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match u64::from_str_radix(&text, 16) {
            Ok(bits) if Checksum(bits).to_string() == text => Ok(Checksum(bits)),
            _ => Err(serde::de::Error::custom("a checksum is 16 lower-case hexadecimal digits")),
        }
    }
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

impl Manifest {
    /// The first manifest, or the one after `last`, without files.
    pub(super) fn next(last: Option<(&Manifest, Checksum)>, state: StateFile) -> Manifest {
        Manifest {
            number: last.map_or(1, |(last, _)| last.number + 1),
            schema_version: SCHEMA_VERSION,
            program_version: PROGRAM_VERSION.to_owned(),
            previous: last.map(|(_, checksum)| checksum),
            account: Account::default(),
            sources: BTreeMap::new(),
            watermarks_us: BTreeMap::new(),
            files: Vec::new(),
            state,
            notes: Vec::new(),
        }
    }

    /// Reads a manifest; `path` is for messages and `number` is what its name says.
    ///
    /// # Errors
    /// [`LakeError::Damaged`], or [`LakeError::Newer`] for one of a later version.
    pub fn parse(path: &Path, number: u64, bytes: &[u8]) -> Result<Manifest, LakeError> {
        let version: Version = serde_json::from_slice(bytes).map_err(|error| LakeError::damaged(path, error))?;
        if version.schema_version > SCHEMA_VERSION {
            return Err(LakeError::Newer { path: path.to_owned(), found: version.schema_version });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| LakeError::damaged(path, error))?;
        if manifest.number != number {
            return Err(LakeError::damaged(path, format!("it says that it is number {}", manifest.number)));
        }
        match manifest.stray_path() {
            Some(stray) => Err(LakeError::damaged(path, format!("`{stray}` is no place for a file of it"))),
            None => Ok(manifest),
        }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// A path that a manifest must not hold, since recovery moves files to these places.
    pub(super) fn stray_path(&self) -> Option<&str> {
        let files = self.files.iter().flat_map(|file| {
            [
                (file.path.as_str(), layout::is_table_path(&file.path, file.table)),
                (file.staged.as_str(), layout::is_in(&file.staged, layout::STAGING)),
            ]
        });
        let state = [
            (self.state.path.as_str(), layout::is_in(&self.state.path, layout::STATES)),
            (self.state.staged.as_str(), layout::is_in(&self.state.staged, layout::STAGING)),
        ];
        files.chain(state).find(|(_, fine)| !fine).map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Manifest {
        let state = StateFile {
            path: "_causeway/state/0000000001.bin".into(),
            staged: "_causeway/staging/state".into(),
            bytes: 0,
            checksum: Checksum(0),
        };
        let mut manifest = Manifest::next(None, state);
        manifest.files.push(StagedFile {
            table: Table::Events,
            path: "events/cluster=a/date=2024-01-01/part-0000000001-0-0.parquet".into(),
            staged: "_causeway/staging/0-0.parquet".into(),
            rows: 1,
            bytes: 2,
            checksum: Checksum(u64::MAX),
            min_us: Some(i64::MIN),
            max_us: None,
        });
        manifest.sources.insert("s".into(), SourceState { resume_offset: u64::MAX, ..SourceState::default() });
        manifest
    }

    fn parse(bytes: &[u8]) -> Result<Manifest, LakeError> {
        Manifest::parse(Path::new("m.json"), 1, bytes)
    }

    #[test]
    fn a_manifest_reads_back() {
        let manifest = example();
        assert_eq!(parse(&manifest.to_bytes().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn strange_manifests_are_refused() {
        let text = String::from_utf8(example().to_bytes().unwrap()).unwrap();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from));
            parse(text.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        assert!(matches!(
            refused("\"schema_version\": 1", "\"schema_version\": 99"),
            LakeError::Newer { found: 99, .. }
        ));
        assert!(refused("\"notes\"", "\"knots\"").to_string().contains("m.json"));
        refused("\"number\": 1", "\"number\": 2");
        refused("ffffffffffffffff", "FFFFFFFFFFFFFFFF");
        refused("events/cluster=a", "events/cluster=a/../../..");
        refused("staging/0-0", "staging/../0-0");
    }

    #[test]
    fn the_account_balances() {
        let mut account = Account { read: 6, events: 3, filtered: 2, rejects: 1, ..Account::default() };
        assert!(account.imbalance().unwrap().contains("rules"));
        account.filtered_by_rule.insert("stage".into(), 2);
        assert_eq!(account.imbalance(), None);
        let mut twice = account.clone();
        twice.add(&account);
        assert_eq!((twice.read, twice.filtered_by_rule["stage"], twice.imbalance()), (12, 4, None));
        account.read += 1;
        assert!(account.imbalance().unwrap().contains("read"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn no_damage_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = example().to_bytes().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = parse(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = parse(&bytes);
        }
    }
}
