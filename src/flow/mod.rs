//! The dataflow: from blocks of lines to committed tables.
//!
//! ```text
//!  feed (thread) ── blocks, ticks ──▶ one worker loop each
//!                                        │
//!                                     decode ───────────────┬── rejects ─────────────────────────────┐
//!                                        │ facts            │ drops                                   │
//!                          (by stream)   ▼                  ▼ (by minute)                             │
//!    shelf ◀── rows stay   attribute ──────────▶ filtered ──────────────── rows ────────────────────┤
//!      │                      │      ▲ marks (to all) go to everything that waits for the watermark    │
//!      │       notes (by worker) ▼                                                                     ▼
//!      └────────────────▶ annotate ──┬── rows ──────────────────────────────────────────────────▶ write
//!                                    ├── context parts (by context) ─▶ contexts ── rows ───────▶   │
//!                                    └── session parts (by session) ─▶ sessions ── rows ───────▶   │ staged files, state,
//!                                                                                                  ▼ positions
//!                                                                                                commit (worker 0)
//! ```
//! - [`drive`] runs the threads: one that feeds, and the workers, each with a [`mailbox`]. The feed runs at most a few epochs ahead of what has passed
//!   through: timely has no flow control of its own.
//! - [`feed`] reads files, deals blocks ([`work`]) to workers ([`deal`]), cuts epochs, and asks for commits.
//! - [`follow`] does the same for topics that never end, and [`run`](mod@run) is a run of it: it starts from the newest manifest, and
//!   starts again from there where a topic turns out to be another one.
//! - [`decode`], with a [`decoder`], turns each block into a small batch of facts, and the blocks of an epoch into one Arrow batch a
//!   stream, which stays on its worker's [`shelf`].
//! - [`block`] and [`note`] are what decode and attribute tell each other of the rows on the shelf.
//! - [`owner`] owns the streams, each with an [`attribute`], which judges lateness in arrival order, moves the stream's watermark, puts
//!   events into event order below it, and runs the causal engine and the sessions over them. One note a row goes back to the worker that
//!   has the row.
//! - [`open_blocks`] keeps the blocks whose events wait for the watermark.
//! - [`streams`] is what lets one run have many: whatever knows order or keeps aggregates has one state a stream, and data carry the
//!   name of theirs.
//! - [`windows`], [`infer`] and [`vote`], where a label model is given, stand between decode and attribute: windows over events in order
//!   go to inference threads on all workers, votes come back, and attribute settles only events that have theirs.
//!   The windows see what the causal engine says of an event, so `windows` has an engine of its own that is ahead of the settled one.
//! - [`attributor`] is what says where an event belongs: the causal engine, or clusters that [`clusters`] found in a pass of
//!   its own before the dataflow begins.
//! - [`live`] and [`live_contexts`], where wanted, show contexts before the watermark: rows as a differential collection, and
//!   a view of the open contexts that is maintained from it.
//! - [`annotate`] joins notes with rows and splits what tables and aggregates need.
//! - [`contexts`], [`sessions`] and [`filtered`] keep aggregates by key until the watermark says that they are complete;
//!   [`open_contexts`] holds those that are quiet in little memory.
//! - [`mod@write`] puts rows into staged Parquet files; at a commit it closes them.
//! - [`publish`], where wanted, sends what was committed to a topic, once.
//! - [`commit`] gathers files, state and positions of a commit epoch and makes them one manifest.
//!
//! Ordinary log lines have a dataflow of their own, [`text`], of the same parts.
//!
//! Timely's time is the epoch, a slice of source positions; event time and the watermark are data. Every operator works on
//! whole epochs in order ([`epoch::by_epoch`]), so the state at the end of a commit epoch is a consistent cut.

pub mod actors;
pub mod annotate;
pub mod attribute;
pub mod attributor;
pub mod block;
pub mod clusters;
pub mod coming;
pub mod commit;
pub mod contexts;
pub mod deal;
pub mod decode;
pub mod decoder;
pub mod drive;
pub mod epoch;
pub mod feed;
pub mod files;
pub mod filtered;
pub mod follow;
pub mod infer;
pub mod labelled;
pub mod live;
pub mod live_contexts;
pub mod mailbox;
pub mod note;
pub mod open_blocks;
pub mod open_contexts;
pub mod order;
pub mod owner;
pub mod parts;
pub mod plan;
pub mod processes;
pub mod publish;
pub mod replay;
pub mod report;
pub mod run;
pub mod sessions;
pub mod shared;
pub mod shelf;
pub mod state;
pub mod streams;
pub mod sums;
pub mod tell;
pub mod text;
pub mod told;
pub mod vote;
pub mod windows;
pub mod work;
pub mod write;

pub use plan::{Keep, Method, ReplayPlan};
pub use replay::{Outcome, replay};
pub use run::{RunPlan, run};
pub use shared::FlowError;
pub use tell::Limits;
