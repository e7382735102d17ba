//! Several processes as one run: who they are, how they meet, what they tell each other.
//!
//! ```text
//! process 0 ── opens the tables, meets the others ─▶ commits, publishes, decides when epochs commit and when the run ends
//! process 1 ── meets, then reads the same manifest ─▶ reads its partitions, stages files in the same folder or bucket
//!     └─────── one dataflow over all workers (timely's own network), and words between the feeds ([`words`])
//! ```
//! - Membership is fixed: [`hosts`]. Partition p belongs to worker p mod workers, over all processes.
//! - They meet before anything is read: [`meet`] compares their settings, so that a wrong number is told and not guessed at.
//! - The loss of one ends all: [`link`] notes it as a failure. An orchestrator starts them again; the manifest tells where.

pub mod error;
pub mod hosts;
pub mod link;
pub mod meet;
pub mod words;

pub use error::ProcessesError;
pub use hosts::Membership;
