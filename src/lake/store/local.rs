//! A folder of the local file system.
//!
//! What returns `Ok` survives a power failure, moves once they are settled: files and the folders that name them are synced.
//! A lock file that is held through `flock` keeps a second writer away.

use super::super::LakeError;
use super::super::layout::STAGING;
use super::{Lock, Store, StoreWriter, TableFile, session};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A holder that was just killed, or a child of ours that has not executed its program yet, may keep the lock for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// Folders that are synced at the same time.
const SYNCS_AT_ONCE: usize = 16;

/// A folder of the local file system.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    /// The lock goes with a folder that is moved away. Whoever begins another in its place must not meet files of ours there.
    session: String,
    /// Folders that name something new since they were synced.
    unsynced: Mutex<BTreeSet<PathBuf>>,
}

impl LocalStore {
    /// The folder at `root`; it need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> LocalStore {
        LocalStore { root: root.into(), session: session(), unsynced: Mutex::default() }
    }

    /// The path of a file on this machine.
    pub fn full(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The parent folder of `full`, made if need be.
    fn parent(&self, full: &Path) -> Result<PathBuf, LakeError> {
        let parent = self.parent_of(full);
        make_folder(&parent, &mut |above| sync_folder(above))?;
        Ok(parent)
    }

    fn parent_of(&self, full: &Path) -> PathBuf {
        full.parent().unwrap_or(&self.root).to_owned()
    }

    fn unsynced(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Links a complete temporary file to its name, which must be free.
    fn link(&self, temporary: &Path, full: &Path) -> Result<bool, LakeError> {
        match fs::hard_link(temporary, full) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            // Some file systems know no hard links. The lock file keeps other writers away between the two steps.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                if full.exists() {
                    return Ok(false);
                }
                fs::rename(temporary, full).map_err(LakeError::io("create", full))?;
                Ok(true)
            }
            Err(error) => Err(LakeError::io("create", full)(error)),
        }
    }
}

impl Store for LocalStore {
    fn root(&self) -> &Path {
        &self.root
    }

    fn session(&self) -> &str {
        &self.session
    }

    fn writer(&self, path: &str) -> Result<Box<dyn StoreWriter>, LakeError> {
        let full = self.full(path);
        self.parent(&full)?;
        let file = File::create(&full).map_err(LakeError::io("create", full))?;
        Ok(Box::new(file))
    }

    fn create_if_absent(&self, path: &str, bytes: &[u8]) -> Result<bool, LakeError> {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        let full = self.full(path);
        let parent = self.parent(&full)?;
        let unique = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let temporary = self.full(&format!("{STAGING}/new-{}-{unique}", std::process::id()));
        self.parent(&temporary)?;
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(LakeError::io("write", &full));
        let created = written.and_then(|()| self.link(&temporary, &full));
        // Best effort: what stays in the staging folder is swept when the lake is opened.
        let _ = fs::remove_file(&temporary);
        sync_folder(&parent)?;
        created
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), LakeError> {
        let (from, to) = (self.full(from), self.full(to));
        make_folder(&self.parent_of(&to), &mut |above| {
            self.unsynced().insert(above.to_owned());
            Ok(())
        })?;
        fs::rename(&from, &to).map_err(LakeError::io("move a finished file to", to))
    }

    fn settle(&self, paths: &[&str]) -> Result<(), LakeError> {
        let mut folders = std::mem::take(&mut *self.unsynced());
        folders.extend(paths.iter().map(|path| self.parent_of(&self.full(path))));
        sync_folders(&Vec::from_iter(folders))
    }

    fn remove(&self, path: &str) -> Result<(), LakeError> {
        let full = self.full(path);
        absent_is_none(fs::remove_file(&full)).map_err(LakeError::io("remove", full))?;
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let full = self.full(folder);
        let Some(entries) = absent_is_none(fs::read_dir(&full)).map_err(LakeError::io("list", &full))? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(LakeError::io("list", &full))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        let full = self.full(path);
        absent_is_none(fs::read(&full)).map_err(LakeError::io("read", full))
    }

    fn files(&self, folder: &str) -> Result<Vec<(String, u64)>, LakeError> {
        let full = self.full(folder);
        let failed = |error: walkdir::Error| {
            let path = error.path().unwrap_or(&full).to_owned();
            LakeError::io("list", path)(error.into())
        };
        let mut files = Vec::new();
        if full.is_dir() {
            for entry in walkdir::WalkDir::new(&full) {
                let entry = entry.map_err(failed)?;
                if let (true, Ok(path)) = (entry.file_type().is_file(), entry.path().strip_prefix(&self.root)) {
                    files.push((path.to_string_lossy().into_owned(), entry.metadata().map_err(failed)?.len()));
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn open(&self, path: &str) -> Result<Option<TableFile>, LakeError> {
        let full = self.full(path);
        let file = absent_is_none(File::open(&full)).map_err(LakeError::io("open", full))?;
        Ok(file.map(TableFile::Local))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, LakeError> {
        let full = self.full(path);
        let found = absent_is_none(fs::metadata(&full)).map_err(LakeError::io("look at", full))?;
        Ok(found.map(|metadata| metadata.len()))
    }

    fn lock(&self, path: &str) -> Result<Lock, LakeError> {
        let full = self.full(path);
        self.parent(&full)?;
        let file = File::options().create(true).append(true).open(&full).map_err(LakeError::io("create", &full))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(Some(file))),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(LakeError::io("lock", full)(error)),
            }
        }
        Err(LakeError::Fenced { path: full })
    }

    fn check_lock(&self, path: &str, held: &Lock) -> Result<(), LakeError> {
        let full = self.full(path);
        let found = fs::metadata(&full).map_err(LakeError::io("find", &full))?;
        let Some(held) = &held.0 else { return Err(LakeError::Fenced { path: full }) };
        let held = held.metadata().map_err(LakeError::io("look at", &full))?;
        if is_same_file(&found, &held) { Ok(()) } else { Err(LakeError::Fenced { path: full }) }
    }
}

#[cfg(unix)]
fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a folder with an open file in it cannot be moved.
#[cfg(not(unix))]
fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

impl StoreWriter for File {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.sync_all()
    }
}

/// Makes a folder and those above it, and tells each folder that names a new one.
fn make_folder(path: &Path, tell: &mut dyn FnMut(&Path) -> Result<(), LakeError>) -> Result<(), LakeError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent, tell)?;
    }
    match fs::create_dir(path) {
        Ok(()) => path.parent().map_or(Ok(()), tell),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(LakeError::io("make the folder", path)(error)),
    }
}

/// Makes the names in a folder durable.
fn sync_folder(path: &Path) -> Result<(), LakeError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    #[cfg(unix)]
    File::open(path).and_then(|folder| folder.sync_all()).map_err(LakeError::io("sync the folder", path))?;
    Ok(())
}

/// The same for many. Those that wait together share commits of the file system's journal: the 17 folders of a first commit
/// took 15 ms instead of 80 (ext4, a virtual disk).
fn sync_folders(folders: &[PathBuf]) -> Result<(), LakeError> {
    for together in folders.chunks(SYNCS_AT_ONCE) {
        std::thread::scope(|scope| {
            let mut started = Vec::new();
            for folder in together {
                started.push((folder, std::thread::Builder::new().spawn_scoped(scope, move || sync_folder(folder))));
            }
            started.into_iter().try_for_each(|(folder, thread)| match thread.map(|thread| thread.join()) {
                Ok(Ok(synced)) => synced,
                // Where there is no thread to be had, one after the other.
                Ok(Err(_)) | Err(_) => sync_folder(folder),
            })
        })?;
    }
    Ok(())
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path());
        assert!(store.create_if_absent("a/b", b"one").unwrap());
        assert!(!store.create_if_absent("a/b", b"two").unwrap());
        assert_eq!(store.read("a/b").unwrap().as_deref(), Some(&b"one"[..]));
        assert!(store.list(STAGING).unwrap().is_empty());
    }

    #[test]
    fn what_is_moved_waits_for_its_folders_to_be_synced() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path());
        for name in ["one", "two"] {
            store.create_if_absent(name, b"x").unwrap();
            store.rename(name, &format!("a/b/{name}")).unwrap();
        }
        let waiting: Vec<_> = store.unsynced().iter().cloned().collect();
        assert_eq!(waiting, [folder.path().to_owned(), folder.path().join("a")]);
        store.settle(&["a/b/one", "a/b/two"]).unwrap();
        assert!(store.unsynced().is_empty());
        assert!(store.settle(&["nowhere/one"]).is_err());
    }

    #[test]
    fn absent_files_are_no_errors() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path());
        assert_eq!(store.read("x").unwrap(), None);
        assert_eq!(store.size("x").unwrap(), None);
        assert!(store.list("x").unwrap().is_empty());
        store.remove("x").unwrap();
        assert!(store.rename("x", "y").is_err());
    }

    #[test]
    fn one_holder_of_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path());
        let held = store.lock("lock").unwrap();
        assert!(matches!(store.lock("lock"), Err(LakeError::Fenced { .. })));
        store.check_lock("lock", &held).unwrap();
        fs::remove_file(folder.path().join("lock")).unwrap();
        assert!(matches!(store.check_lock("lock", &held), Err(LakeError::Io { .. })));
        let other = store.lock("lock").unwrap();
        assert!(matches!(store.check_lock("lock", &held), Err(LakeError::Fenced { .. })));
        drop(other);
        store.lock("lock").unwrap();
    }

    #[test]
    fn errors_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let store = LocalStore::new(folder.path());
        let error = store.create_if_absent("file/below", b"x").unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
