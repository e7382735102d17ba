//! The commit, and its recovery.
//!
//! ```text
//!            staged            state-written  before-manifest   after-manifest  half-published  published    swept
//! writers ─────┼─ write state ─────┼───────────────┼─ create if absent ─┼─ rename ─────┼─ rename ────┼─ remove ─┼─▶
//!              │◀────────── a crash here leaves nothing of it ─────────▶│◀─ a crash here: recovery finishes it ─▶│
//! ```
//! The manifest's creation is the commit. A commit starts only when the one before it is wholly published, so recovery
//! looks at the newest manifest alone.
//!
//! Where the storage knows no lock (object stores) any number of processes may have opened the lake. Each stages under names of
//! its own; who creates the next manifest has fenced the others for ever, since theirs would have the same number. Only then may
//! it remove what was staged before it opened. Publishing can be done by two at once: both copy the same bytes.

use super::LakeError;
use super::fail_point::fail_point;
use super::layout::{self, LOCK, MANIFESTS, OWN, STAGING, STATES};
use super::manifest::{Account, Checksum, Manifest, SourceState, StagedFile, StateFile};
use super::store::{self, Lock, Store};
use super::tables::Table;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a commit holds.
#[derive(Clone, Debug, Default)]
pub struct CommitRequest {
    /// Table files, from all writers.
    pub files: Vec<StagedFile>,
    /// State with which the pipeline goes on.
    pub state: Vec<u8>,
    /// Running totals since the first commit, this one included.
    pub account: Account,
    /// Where all sources stand.
    pub sources: BTreeMap<String, SourceState>,
    /// Event time in microseconds up to which each stream is final.
    pub watermarks_us: BTreeMap<String, i64>,
    /// Inputs that are no function of the data.
    pub notes: Vec<String>,
}

/// An output folder, held for writing.
#[derive(Debug)]
pub struct Lake {
    store: Arc<dyn Store>,
    last: Option<(Manifest, Checksum)>,
    poisoned: bool,
    lock: Arc<Lock>,
    /// Staged by others before this was opened, where no lock keeps them away. They may still commit it, until our first
    /// commit fences them; then it is of no more use.
    left_over: Vec<String>,
}

/// Holds an output folder after its [`Lake`] is gone, to clear up when nobody writes any more.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<dyn Store>,
    lock: Arc<Lock>,
}

impl Keeper {
    /// Clears up after a run that failed: finishes the last commit if it stopped half-way, and removes what is staged, which
    /// on a full disk is the space that is lacking. As good as it goes: what stays, the next start clears.
    pub fn clear_up(&self) {
        let cleared = self.store.check_lock(LOCK, &self.lock).and_then(|()| recover(&*self.store, &self.lock));
        if let Err(error) = cleared {
            tracing::debug!(%error, "the output folder is left for the next start to clear up");
        }
    }
}

impl Lake {
    /// Opens the folder or the bucket's prefix at `root`, makes it if it is absent, and recovers from whatever happened before.
    /// Writers may be made only after this: it empties the staging folder.
    ///
    /// # Errors
    /// [`LakeError::Fenced`] while another process holds the folder; [`LakeError::Foreign`] when it has tables of somebody
    /// else; [`LakeError::Missing`], [`LakeError::Damaged`] or [`LakeError::Newer`] when recovery is impossible.
    pub fn open(root: &Path) -> Result<Lake, LakeError> {
        Lake::open_store(store::open(root, store::Options::default())?)
    }

    /// The same for any store.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_store(store: Arc<dyn Store>) -> Result<Lake, LakeError> {
        refuse_foreign(&*store)?;
        let lock = store.lock(LOCK)?;
        let last = recover(&*store, &lock)?;
        let state = last.as_ref().map(|(manifest, _)| manifest.state.path.as_str());
        let left_over = if lock.is_exclusive() { Vec::new() } else { left_over(&*store, state)? };
        Ok(Lake { store, last, poisoned: false, lock: Arc::new(lock), left_over })
    }

    /// Holds the folder beyond the life of this value.
    pub fn keeper(&self) -> Keeper {
        Keeper { store: Arc::clone(&self.store), lock: Arc::clone(&self.lock) }
    }

    /// The storage, for writers.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The newest commit.
    pub fn last(&self) -> Option<&Manifest> {
        self.last.as_ref().map(|(manifest, _)| manifest)
    }

    /// Number that the next commit will have.
    pub fn next_number(&self) -> u64 {
        self.last().map_or(1, |last| last.number + 1)
    }

    /// The state of the newest commit.
    ///
    /// # Errors
    /// [`LakeError::Missing`], or [`LakeError::Damaged`] when it is not what was committed.
    pub fn state(&self) -> Result<Option<Vec<u8>>, LakeError> {
        self.last().map(|last| read_state(&*self.store, last)).transpose()
    }

    /// All commits, the oldest first.
    ///
    /// # Errors
    /// When the manifests cannot be listed; each item when that one cannot be read.
    pub fn history(&self) -> Result<impl Iterator<Item = Result<Manifest, LakeError>> + '_, LakeError> {
        let numbers = 1..self.next_number();
        Ok(numbers.map(|number| Ok(read_manifest(&*self.store, number)?.0)))
    }

    /// Makes one commit of everything in `request`. After an error the lake is of no more use: open it again.
    ///
    /// # Errors
    /// [`LakeError::Fenced`] when somebody else made the commit of this number; errors of the storage.
    pub fn commit(&mut self, request: CommitRequest) -> Result<&Manifest, LakeError> {
        if std::mem::replace(&mut self.poisoned, true) {
            return Err(LakeError::Poisoned { path: self.store.root().to_owned() });
        }
        let committed = self.try_commit(request)?;
        for path in std::mem::take(&mut self.left_over) {
            if let Err(error) = self.store.remove(&path) {
                // The commit stands; what is left over costs space, and the next process tries again.
                tracing::debug!(%error, "a file that no commit needs is left");
            }
        }
        self.poisoned = false;
        let (manifest, _) = self.last.insert(committed);
        Ok(manifest)
    }

    fn try_commit(&self, request: CommitRequest) -> Result<(Manifest, Checksum), LakeError> {
        fail_point("staged");
        let store = &*self.store;
        let number = self.next_number();
        let state = stage_state(store, number, &request.state)?;
        fail_point("state-written");
        let last = self.last.as_ref().map(|(manifest, checksum)| (manifest, *checksum));
        let manifest = Manifest {
            account: request.account,
            sources: request.sources,
            watermarks_us: request.watermarks_us,
            files: request.files,
            notes: request.notes,
            ..Manifest::next(last, state)
        };
        // A folder that was moved away takes the lock with it; another one in its place is not ours to write to.
        store.check_lock(LOCK, &self.lock)?;
        let checksum = create(store, &manifest)?;
        fail_point("after-manifest");
        publish(store, &manifest)?;
        fail_point("published");
        if let Some((last, _)) = &self.last {
            store.remove(&last.state.path)?;
        }
        fail_point("swept");
        Ok((manifest, checksum))
    }
}

/// A commit and its state, as a process reads them that does not write to the lake itself; `None` when there is no such commit.
///
/// # Errors
/// [`LakeError::Missing`] or [`LakeError::Damaged`] when it cannot be read.
pub fn read_commit_state(store: &dyn Store, number: u64) -> Result<Option<(Manifest, Vec<u8>)>, LakeError> {
    if store.size(&layout::manifest_path(number))?.is_none() {
        return Ok(None);
    }
    let (manifest, _) = read_manifest(store, number)?;
    let state = read_state(store, &manifest)?;
    Ok(Some((manifest, state)))
}

fn read_state(store: &dyn Store, manifest: &Manifest) -> Result<Vec<u8>, LakeError> {
    let path = store.root().join(&manifest.state.path);
    match store.read(&manifest.state.path)? {
        None => Err(LakeError::Missing { path }),
        Some(bytes) if Checksum::of(&bytes) == manifest.state.checksum => Ok(bytes),
        Some(_) => Err(LakeError::damaged(path, "its bytes are not those that were committed")),
    }
}

/// Finishes the newest commit and removes what no commit needs. Returns the newest commit.
///
/// Without a lock nothing is removed: another writer may be about to commit what it has staged, and win.
fn recover(store: &dyn Store, lock: &Lock) -> Result<Option<(Manifest, Checksum)>, LakeError> {
    let last = newest(store)?;
    fail_point("recovering");
    if let Some((manifest, _)) = &last {
        publish(store, manifest)?;
    }
    if lock.is_exclusive() {
        sweep(store, last.as_ref().map(|(manifest, _)| manifest))?;
    }
    fail_point("recovered");
    Ok(last)
}

/// Writes the state to the staging folder.
fn stage_state(store: &dyn Store, number: u64, bytes: &[u8]) -> Result<StateFile, LakeError> {
    let name = layout::state_name(number);
    let staged = format!("{STAGING}/{}state-{name}", store.session());
    let full = store.root().join(&staged);
    let mut writer = store.writer(&staged)?;
    writer.write_all(bytes).and_then(|()| writer.finish()).map_err(LakeError::io("write", full))?;
    Ok(StateFile { path: format!("{STATES}/{name}"), staged, bytes: bytes.len() as u64, checksum: Checksum::of(bytes) })
}

/// Creates the manifest: the commit itself.
fn create(store: &dyn Store, manifest: &Manifest) -> Result<Checksum, LakeError> {
    let path = layout::manifest_path(manifest.number);
    let full = store.root().join(&path);
    if let Some(stray) = manifest.stray_path() {
        return Err(LakeError::damaged(full, format!("`{stray}` is no place for a file of it")));
    }
    for file in &manifest.files {
        if store.size(&file.staged)? != Some(file.bytes) {
            return Err(LakeError::Missing { path: store.root().join(&file.staged) });
        }
    }
    let bytes = manifest.to_bytes().map_err(|error| LakeError::damaged(&full, error))?;
    fail_point("before-manifest");
    if store.create_if_absent(&path, &bytes)? {
        Ok(Checksum::of(&bytes))
    } else {
        Err(LakeError::Fenced { path: full })
    }
}

/// Moves the files of a commit from the staging folder to their places, as far as that is not done yet.
///
/// The place is looked at first: a move is atomic, so what stands there is whole, while a later run that crashed may have
/// left another file under the same staged name.
fn publish(store: &dyn Store, manifest: &Manifest) -> Result<(), LakeError> {
    let files = manifest.files.iter().map(|file| (&file.staged, &file.path, file.bytes));
    let state = &manifest.state;
    let moves: Vec<_> = files.chain([(&state.staged, &state.path, state.bytes)]).collect();
    for (place, (staged, path, bytes)) in moves.iter().enumerate() {
        if place == moves.len() / 2 {
            fail_point("half-published");
        }
        if store.size(path)?.is_some() {
            continue;
        }
        let moved = match store.size(staged)? {
            Some(found) if found == *bytes => store.rename(staged, path),
            _ => Err(LakeError::Missing { path: store.root().join(path) }),
        };
        // Where there is no lock another process may have recovered this commit meanwhile.
        if let Err(error) = moved
            && store.size(path)? != Some(*bytes)
        {
            return Err(error);
        }
    }
    store.settle(&moves.iter().map(|(_, path, _)| path.as_str()).collect::<Vec<_>>())
}

/// What no commit needs once another one is made: everything staged now, and all states but the newest.
fn left_over(store: &dyn Store, newest: Option<&str>) -> Result<Vec<String>, LakeError> {
    let mut paths = staged(store)?;
    let states = store.list(STATES)?.into_iter().map(|name| format!("{STATES}/{name}"));
    paths.extend(states.filter(|path| Some(path.as_str()) != newest));
    Ok(paths)
}

/// Everything in the staging folder.
fn staged(store: &dyn Store) -> Result<Vec<String>, LakeError> {
    Ok(store.list(STAGING)?.into_iter().map(|name| format!("{STAGING}/{name}")).collect())
}

/// Removes what no commit needs: everything staged, and states that are superseded.
fn sweep(store: &dyn Store, last: Option<&Manifest>) -> Result<(), LakeError> {
    for path in staged(store)? {
        store.remove(&path)?;
    }
    for name in store.list(STATES)? {
        let path = format!("{STATES}/{name}");
        if last.is_none_or(|last| last.state.path != path) {
            store.remove(&path)?;
        }
    }
    Ok(())
}

/// The newest manifest, after a look at whether it follows the one before it.
fn newest(store: &dyn Store) -> Result<Option<(Manifest, Checksum)>, LakeError> {
    let Some(number) = newest_number(store)? else { return Ok(None) };
    let (manifest, checksum) = read_manifest(store, number)?;
    let before = if number > 1 { Some(read_manifest(store, number - 1)?.1) } else { None };
    if manifest.previous != before {
        let path = store.root().join(layout::manifest_path(number));
        return Err(LakeError::damaged(path, "it does not follow the manifest before it"));
    }
    Ok(Some((manifest, checksum)))
}

/// Number of the newest manifest.
///
/// # Errors
/// [`LakeError::Missing`] when the numbers have a gap.
pub(super) fn newest_number(store: &dyn Store) -> Result<Option<u64>, LakeError> {
    let mut numbers: Vec<u64> =
        store.list(MANIFESTS)?.iter().filter_map(|name| layout::manifest_number(name)).collect();
    numbers.sort_unstable();
    for (expected, number) in (1..).zip(&numbers) {
        if expected != *number {
            return Err(LakeError::Missing { path: store.root().join(layout::manifest_path(expected)) });
        }
    }
    Ok(numbers.last().copied())
}

/// Reads a manifest and its checksum.
pub(super) fn read_manifest(store: &dyn Store, number: u64) -> Result<(Manifest, Checksum), LakeError> {
    let path = layout::manifest_path(number);
    let full = store.root().join(&path);
    let Some(bytes) = store.read(&path)? else { return Err(LakeError::Missing { path: full }) };
    Ok((Manifest::parse(&full, number, &bytes)?, Checksum::of(&bytes)))
}

/// A folder without `_causeway` must not have entries that look like our tables.
fn refuse_foreign(store: &dyn Store) -> Result<(), LakeError> {
    let entries = store.list("")?;
    if entries.iter().any(|name| name == OWN) {
        return Ok(());
    }
    match entries.into_iter().find(|name| Table::from_name(name).is_some()) {
        Some(entry) => Err(LakeError::Foreign { path: store.root().to_owned(), entry }),
        None => Ok(()),
    }
}
