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
//! worker prepared them. Keys, templates, sessions and rows are therefore those of one worker, and a restart goes on with the
//! saved parser at the line where the last commit ended. What this costs: the part of `learn` that cannot be spread, about two
//! thirds of the work on a line (see BENCHMARKS.md); reading, decompression, formats and Parquet use the other cores.
//!
//! Bounded: at most a few epochs of blocks are under way, lines are no longer than a limit, open sessions and clusters are
//! bounded by their settings.

mod feed;
mod learn;
mod plan;
mod prepare;
mod replay;
mod rows;
mod saved;
mod write;

pub use plan::TextPlan;
pub use replay::replay_text;
