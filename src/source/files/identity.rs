//! Which file is which, so that a log goes on where it was after it was rotated, renamed or compressed.
//!
//! A file's id is a hash of its first record, which for an audit log holds a unique audit id and never changes while the
//! log grows. Two files that begin alike are copies, of which the longer one is read, or are told apart by their path.

use super::open::{Broken, Input, Meter};
use super::probe::Probe;
use super::{Framing, InputKind, SourceError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Seed of file ids. They stand in saved state: it never changes.
const SEED: u64 = 0x6669_6c65; // "file"
/// Bytes compared at a time.
const COMPARED_BYTES: usize = 256 << 10;

/// Id of a file for resuming, from its first record. Written as 16 hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey(pub u64);

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FileKey {
    /// The id of a file that begins with `head`: of its first line that may be JSON (a heading is the same in many files);
    /// of the whole head where records span lines, since documents begin alike; of the path where there is nothing.
    pub(super) fn of(head: &[u8], framing: Framing, path: &Path) -> FileKey {
        let first = head.split(|b| *b == b'\n').find(|line| line.contains(&b'{'));
        match (framing, first) {
            _ if head.trim_ascii().is_empty() => FileKey(SEED).at(path),
            (Framing::Lines, Some(line)) => FileKey(xxh3_64_with_seed(line.trim_ascii(), SEED)),
            _ => FileKey(xxh3_64_with_seed(head, SEED)),
        }
    }

    /// The id of a file of text that begins with `head`: of its first line that is not blank; of the path where there is none.
    pub(super) fn of_text(head: &[u8], path: &Path) -> FileKey {
        match head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty()) {
            Some(line) => FileKey(xxh3_64_with_seed(line, SEED)),
            None => FileKey(SEED).at(path),
        }
    }

    /// The id of a file that only its path tells from another.
    fn at(self, path: &Path) -> FileKey {
        FileKey(xxh3_64_with_seed(path.as_os_str().as_encoded_bytes(), self.0))
    }
}

/// Leaves one file of every set of copies, and gives each that is left an id of its own.
///
/// # Errors
/// [`SourceError`] when a file that must be compared cannot be read.
pub(super) fn distinct(probes: Vec<Probe>) -> Result<Vec<Probe>, SourceError> {
    let mut alike: BTreeMap<FileKey, Vec<usize>> = BTreeMap::new();
    let mut slots: Vec<Option<Probe>> = Vec::new();
    for (at, probe) in probes.into_iter().enumerate() {
        alike.entry(probe.key).or_default().push(at);
        slots.push(Some(probe));
    }
    for group in alike.into_values().filter(|group| group.len() > 1) {
        let left = without_copies(group.into_iter().filter_map(|at| Some((at, slots.get_mut(at)?.take()?))).collect())?;
        let several = left.len() > 1;
        for (at, mut probe) in left {
            if several {
                tracing::warn!(file = %probe.file.path.display(), "begins like another file but differs later: known by its path, so a rename reads it again");
                probe.key = probe.key.at(&probe.file.path);
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = Some(probe);
            }
        }
    }
    Ok(slots.into_iter().flatten().collect())
}

fn without_copies(group: Vec<(usize, Probe)>) -> Result<Vec<(usize, Probe)>, SourceError> {
    let mut left: Vec<(usize, Probe)> = Vec::new();
    'files: for (at, probe) in group {
        for kept in &mut left {
            let (copy, whole) = match longer(&kept.1, &probe)? {
                None => continue,
                Some(Longer::First) => (probe, &kept.1),
                Some(Longer::Second) => (std::mem::replace(kept, (at, probe)).1, &kept.1),
            };
            tracing::info!(file = %copy.file.path.display(), of = %whole.file.path.display(), "skipped: a copy of the start of another file");
            continue 'files;
        }
        left.push((at, probe));
    }
    Ok(left)
}

/// The file that holds all of the other one.
enum Longer {
    First,
    Second,
}

fn longer(a: &Probe, b: &Probe) -> Result<Option<Longer>, SourceError> {
    if [a, b].iter().any(|probe| probe.file.kind != InputKind::Regular) {
        return Ok(None);
    }
    let mut first = Input::open(&a.file, Arc::new(Meter::default()), 0, &Arc::default())?;
    let mut second = Input::open(&b.file, Arc::new(Meter::default()), 0, &Arc::default())?;
    let mut chunks = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    loop {
        let ((a_bytes, a_broken), (b_bytes, b_broken)) = (first.read(&mut chunks.0), second.read(&mut chunks.1));
        for broken in [a_broken, b_broken].into_iter().flatten() {
            if let Broken::Disk(e) = broken {
                return Err(e);
            }
        }
        let common = a_bytes.min(b_bytes);
        if chunks.0.get(..common) != chunks.1.get(..common) {
            return Ok(None);
        }
        if common < COMPARED_BYTES {
            return Ok(Some(if b_bytes > a_bytes { Longer::Second } else { Longer::First }));
        }
    }
}
