//! What can go wrong with the output folder. Each error names the path and says what to do.

use std::path::{Path, PathBuf};

/// An error of the output folder.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The object store refused, or did not answer.
    #[error("cannot {action} {}: {source}{}", path.display(), storage_remedy(source))]
    Storage {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which object, as a URL.
        path: PathBuf,
        /// What the store said.
        source: Box<object_store::Error>,
    },
    /// The object store ignores the condition of a write.
    #[error("the object store at {} overwrites what it is told to create only if absent, so two writers could destroy each other's tables; use one with conditional writes (`If-None-Match: *`)", path.display())]
    Unconditional {
        /// The URL.
        path: PathBuf,
    },
    /// The text of the output is neither a folder nor a URL that is known.
    #[error("cannot use {url} for the tables: {detail}")]
    Location {
        /// As given.
        url: String,
        /// What is wrong with it, and what would be right.
        detail: String,
    },
    /// A table file could not be written or read.
    #[error("cannot read or write the table file {}: {source}; check free space and permissions, then `causeway verify`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library said.
        source: parquet::errors::ParquetError,
    },
    /// A batch could not be built.
    #[error("cannot build a batch of table {table}: {source}; this is a defect of causeway, please report it")]
    Batch {
        /// The table.
        table: &'static str,
        /// What the Arrow library said.
        source: arrow_schema::ArrowError,
    },
    /// A batch holds as much text as it can.
    #[error("a batch of table {table} is full; finish it and start another")]
    Full {
        /// The table.
        table: &'static str,
    },
    /// Another process writes to the folder.
    #[error("another causeway writes to {}; stop it, or choose another output folder", path.display())]
    Fenced {
        /// The file that showed it: the lock, or a manifest that somebody else created.
        path: PathBuf,
    },
    /// The folder has tables that causeway did not write.
    #[error("{} holds `{entry}` but no `_causeway` folder, so it is not causeway's; choose an empty or new folder", path.display())]
    Foreign {
        /// The output folder.
        path: PathBuf,
        /// The entry that is in the way.
        entry: String,
    },
    /// There is no lake in the folder.
    #[error("{} is no output folder of causeway: it has no `_causeway/manifest`; check the path", path.display())]
    NoLake {
        /// The folder.
        path: PathBuf,
    },
    /// A file that a manifest names is gone.
    #[error("{} is missing although a commit lists it; restore it from a backup, or start a new output folder", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{} is damaged: {what}; restore it from a backup, or start a new output folder", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Written by a newer version of the program.
    #[error("{} has schema version {found}, this program knows {}; use a newer causeway", path.display(), super::SCHEMA_VERSION)]
    Newer {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// An earlier commit failed half-way; only opening the folder again can tell where it stands.
    #[error("an earlier commit to {} failed; open the folder again to recover", path.display())]
    Poisoned {
        /// The output folder.
        path: PathBuf,
    },
}

/// What the person can do about an error of the operating system.
fn remedy(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match source.kind() {
        StorageFull | QuotaExceeded => "; free some space and start again, nothing committed is lost",
        PermissionDenied | ReadOnlyFilesystem => "; make the folder writable for this user",
        NotFound => "; check that the folder is still there",
        _ => "",
    }
}

/// What the person can do about an error of an object store.
fn storage_remedy(source: &object_store::Error) -> &'static str {
    use object_store::Error::{NotFound, NotImplemented, NotSupported, PermissionDenied, Unauthenticated};
    match source {
        NotFound { .. } => "; check that the bucket exists",
        PermissionDenied { .. } | Unauthenticated { .. } => {
            "; check the credentials in the environment and the bucket's policy"
        }
        NotImplemented { .. } | NotSupported { .. } => "; this object store cannot hold tables",
        _ => "; check the endpoint and the network and start again, nothing committed is lost",
    }
}

impl LakeError {
    /// For `map_err`: an error of the operating system while doing `action` to `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> LakeError {
        move |source| LakeError::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// For `map_err`: an error of a table file.
    pub fn parquet(path: impl AsRef<Path>) -> impl FnOnce(parquet::errors::ParquetError) -> LakeError {
        move |source| LakeError::Parquet { path: path.as_ref().to_owned(), source }
    }

    /// For `map_err`: an error while building a batch.
    pub fn batch(table: super::Table) -> impl FnOnce(arrow_schema::ArrowError) -> LakeError {
        move |source| LakeError::Batch { table: table.name(), source }
    }

    /// A file that is not what it should be.
    pub fn damaged(path: impl AsRef<Path>, what: impl ToString) -> LakeError {
        LakeError::Damaged { path: path.as_ref().to_owned(), what: what.to_string() }
    }
}
