//! What can go wrong between the processes of a run.

use std::path::PathBuf;

/// An error between processes. The last commit is intact whatever it was.
#[derive(Debug, thiserror::Error)]
pub enum ProcessesError {
    /// The list of processes makes no sense.
    #[error("{0}")]
    Hosts(String),
    /// Our own address cannot be listened at.
    #[error(
        "cannot listen at {address} for the other processes: {said}; check the line of process {process} in the host file"
    )]
    Listen {
        /// Our line of the host file.
        address: String,
        /// Our number.
        process: usize,
        /// What the system says.
        said: String,
    },
    /// Another process was started otherwise.
    #[error(
        "process {process} at {address} has {theirs}, this one {ours}; start all processes with the same program and settings"
    )]
    Differs {
        /// Which one.
        process: usize,
        /// Where it is.
        address: String,
        /// What it has.
        theirs: String,
        /// What this process has.
        ours: String,
    },
    /// The output folder is not the one that process 0 has.
    #[error("{} is not the output folder of process 0: {detail}; give all processes the same folder or bucket", path.display())]
    OtherFolder {
        /// The folder.
        path: PathBuf,
        /// What shows it.
        detail: String,
    },
    /// A process is there no more.
    #[error(
        "process {process} at {address} is gone: {said}; start all processes again, they go on from the last commit"
    )]
    Gone {
        /// Which one.
        process: usize,
        /// Where it was.
        address: String,
        /// What the connection says.
        said: String,
    },
    /// A process ended by an error of its own.
    #[error(
        "process {process} at {address} failed: {said}; mend that and start all processes again, they go on from the last commit"
    )]
    Failed {
        /// Which one.
        process: usize,
        /// Where it was.
        address: String,
        /// Its error.
        said: String,
    },
}
