//! What a replay of text is to do: every setting resolved.

use crate::flow::feed::Pace;
use crate::observe::progress::Progress;
use crate::text::adapter::SessionSettings;
use crate::text::detect::detectors::Detection;
use crate::text::drain::DrainSettings;
use crate::text::mask::MaskSpec;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Settings of a replay of log lines.
#[derive(Clone, Debug)]
pub struct TextPlan {
    /// Files, folders, globs, `-`; read one after the other in this order.
    pub inputs: Vec<String>,
    /// Folder of the tables.
    pub output: PathBuf,
    /// Name of the stream, in the column `cluster`.
    pub stream: String,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Log format; none where a line is all content.
    pub format: Option<String>,
    /// Fields that hold the time, and how to read it.
    pub time: Option<(Vec<String>, String)>,
    /// A longer line is a reject.
    pub max_line_bytes: usize,
    /// The parser's tree.
    pub drain: DrainSettings,
    /// The masks before it.
    pub masks: Vec<MaskSpec>,
    /// What stands around the names of masks.
    pub brackets: (String, String),
    /// One parser for each partition of a topic, instead of one for all files.
    pub per_partition: bool,
    /// How sessions are made; none without sessions.
    pub sessions: Option<SessionSettings>,
    /// The detectors.
    pub detection: Detection,
    /// Time between commits.
    pub commit_every: Duration,
    /// Input between commits.
    pub commit_bytes: u64,
    /// Size of the blocks dealt to workers.
    pub block_bytes: usize,
    /// Counters for whoever shows them.
    pub progress: Arc<Progress>,
    /// Set to stop reading, commit what was read, and end.
    pub stop: Arc<AtomicBool>,
}

impl TextPlan {
    /// When its feed commits and ends; `next_commit` is the number of the first commit.
    pub fn pace(&self, next_commit: u64) -> Pace {
        let TextPlan { commit_every, commit_bytes, .. } = *self;
        let owner_busy = false; // no worker has more to do than others
        Pace { next_commit, commit_every, commit_bytes, owner_busy, stop: Arc::clone(&self.stop) }
    }

    /// All that decides what the rows are, as text: state of other settings is not gone on with.
    pub fn fingerprint(&self) -> String {
        let TextPlan { format, time, max_line_bytes, drain, masks, brackets, sessions, per_partition, .. } = self;
        let places = if *per_partition { "partitions" } else { "files" };
        format!("{places} {format:?} {time:?} {max_line_bytes} {drain:?} {masks:?} {brackets:?} {sessions:?}")
    }
}
