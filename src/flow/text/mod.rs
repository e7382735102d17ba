//! The dataflow of ordinary log lines: from blocks of text to committed tables.
//!
//! ```text
//!  feed (thread) ── blocks, numbered ──▶ one worker loop each
//!                                          │
//!                                       prepare        lines, log format: on any worker
//!                                          │ prepared blocks (all to worker 0)
//!                                       learn          masks, Drain, sessions: in the order of the log
//!                                          │ rows (back to the worker that prepared the block)   marks (to all)
//!                                          ▼                                                       │
//!                                        write ◀───────────────────────────────────────────────────┘
//!                                          │ staged files; state and positions from learn
//!                                          ▼
//!                                        commit (worker 0)
//! ```
//! **Deterministic with any number of workers**: a stream has one parser, and it sees blocks in the order of the log, whichever
//! worker prepared them; of topics each partition is a stream (`learners`). Keys, templates, sessions and rows are therefore those
//! of one worker, and a restart goes on with the saved parser at the line where the last commit ended. What this costs: masks,
//! Drain and sessions run on one core, that of all partitions too; reading, decompression, log formats and Parquet use the
//! others. Streams of their own (`--cluster NAME`, a folder each) spread further.
//!
//! Detectors judge a session when it is over, on the worker that writes its block, so models run on every core. What the detectors of
//! values and of counts in time need of the lines before is kept by `learn` (`watch`), so their rows depend on the order of the log alone.
//!
//! Bounded: at most a few epochs of blocks are under way, lines are no longer than a limit, open sessions and clusters are
//! bounded by their settings.

mod detect;
mod learn;
mod learners;
mod plan;
mod prepare;
mod replay;
mod rows;
mod run;
mod saved;
mod watch;
mod write;

pub use plan::TextPlan;
pub use replay::replay_text;
pub use run::run_text;
