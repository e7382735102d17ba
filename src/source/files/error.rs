//! What ends the reading of files. Damage *inside* a file does not: it becomes an item beside the records.

use std::io;
use std::path::PathBuf;

/// Why files cannot be read, with the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing was asked for.
    #[error("no input: name files, folders or globs, or `-` for standard input")]
    NoInput,
    /// A named path does not exist.
    #[error("{path}: no such file or folder; check the path, and quote globs that the shell must not expand", path = path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A glob matched nothing.
    #[error("{pattern}: the glob matches no file; check it with `ls`")]
    NoMatch {
        /// The glob as given.
        pattern: String,
    },
    /// A glob cannot be understood.
    #[error("{pattern}: not a valid glob ({reason}); write [*] for a literal star")]
    BadGlob {
        /// The glob as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder without anything that looks like a log.
    #[error(
        "{path}: the folder holds no .jsonl, .json or .log file (plain, .gz, .zst or .xz); name a file itself to read it whatever its name",
        path = path.display()
    )]
    EmptyFolder {
        /// The folder as given.
        path: PathBuf,
    },
    /// A file or folder cannot be opened or listed.
    #[error("{path}: cannot open: {source}; check that it exists and may be read", path = path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Told to stop by [`super::Settings::stop`]: every whole line that was read has been given.
    #[error("told to stop while the input was silent")]
    Stopped,
    /// The storage under a file failed while it was read. (A damaged archive is an item, not this.)
    #[error("{path}: reading failed: {source}; check the disk and start again, reading resumes where it stopped", path = path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
