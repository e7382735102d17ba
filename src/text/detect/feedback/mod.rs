//! Feedback: what people said of findings, and learning from it.
//!
//! ```text
//! verdicts (append-only) ─▶ false alarms: window ─▶ key ─┐
//!                           confirmed ones: never learnt ├─▶ a few steps from the present weights ─▶ changed verdicts on held-out
//! normal sessions ─▶ a sample of old windows, 10 to 1 ───┘                                            sessions, the next version
//! ```
//! Nothing is trained from scratch. A key that training never saw, once somebody said that it is normal, gets a place in the
//! vocabulary. Undoing is going back to the version before, whose file is kept.

mod learn;
mod learner;
mod values;
mod verdicts;
mod versions;

#[cfg(test)]
mod tests;

pub use learn::{Learnt, Options, Report, Sets, learn};
pub use values::{KeyLines, LearntKey, ValuesReport, learn_values};
pub use verdicts::{Said, Verdict, say, verdicts};
pub use versions::{keep, undo};
