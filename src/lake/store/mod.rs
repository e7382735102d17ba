//! The one door to storage: a trait small enough for object stores, a local folder and a bucket behind it.
//!
//! ```text
//!                 open(location) ──┬── path ──▶ LocalStore    files, rename, a lock file, fsync
//!                                  └── URL ───▶ RemoteStore   objects, copy and delete, create-if-absent
//! TableWriter, Lake ──▶ dyn Store                 s3:// gs:// az://
//! ```
//! Paths are relative to the root, with `/`. What returns `Ok` survives a crash of this machine, but for moves: a commit moves many
//! files, and [`Store::settle`] makes all of that durable at once. Nothing here decides anything about commits.

mod blocks;
mod local;
mod location;
mod remote;
#[cfg(test)]
mod remote_tests;
mod runtime;
mod table_file;
mod upload;
mod words;

pub use local::LocalStore;
pub use location::{Options, open};
pub use remote::RemoteStore;
pub use table_file::TableFile;

use super::LakeError;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A name for what one writer stages; no other writer has it.
fn session() -> String {
    format!("{:016x}-", rand::random::<u64>())
}

/// Storage of one output folder.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Where it is, for messages: a path, or a URL.
    fn root(&self) -> &Path;

    /// What the names of this writer's staged files begin with.
    fn session(&self) -> &str;

    /// Starts a new file, replacing one that is there.
    fn writer(&self, path: &str) -> Result<Box<dyn StoreWriter>, LakeError>;

    /// Creates a file with all its content at once; `false` when there is another one already.
    fn create_if_absent(&self, path: &str, bytes: &[u8]) -> Result<bool, LakeError>;

    /// Moves a file, making the folders that it needs. Durable after [`Store::settle`].
    fn rename(&self, from: &str, to: &str) -> Result<(), LakeError>;

    /// Makes durable that these files are where they are, and the folders that moves have made.
    fn settle(&self, paths: &[&str]) -> Result<(), LakeError>;

    /// Removes a file; no error when it is gone.
    fn remove(&self, path: &str) -> Result<(), LakeError>;

    /// Names of the entries of a folder, sorted; none when the folder is absent.
    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError>;

    /// All files below a folder with their bytes, sorted by path.
    fn files(&self, folder: &str) -> Result<Vec<(String, u64)>, LakeError>;

    /// Content of a file; `None` when it is absent.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError>;

    /// A table file for reading in parts; `None` when it is absent.
    fn open(&self, path: &str) -> Result<Option<TableFile>, LakeError>;

    /// Bytes of a file; `None` when it is absent.
    fn size(&self, path: &str) -> Result<Option<u64>, LakeError>;

    /// Takes the lock file for as long as the result lives, where there are locks.
    ///
    /// # Errors
    /// [`LakeError::Fenced`] when another holder lives.
    fn lock(&self, path: &str) -> Result<Lock, LakeError>;

    /// Asserts that the lock file at `path` is the one that is held.
    ///
    /// # Errors
    /// [`LakeError::Io`] when it is gone; [`LakeError::Fenced`] when there is another.
    fn check_lock(&self, path: &str, held: &Lock) -> Result<(), LakeError>;
}

/// A file that is being written.
pub trait StoreWriter: Write + Send {
    /// Makes what was written durable.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// The held lock; none where the storage knows no locks, and the creation of the manifest alone decides who writes.
#[derive(Debug)]
pub struct Lock(Option<File>);

impl Lock {
    /// Whether it keeps other writers away. Where it does not, files that this process did not stage may be somebody's who is
    /// about to commit them.
    pub fn is_exclusive(&self) -> bool {
        self.0.is_some()
    }
}
