//! How good labels are: predictions over a part of a log that training did not see, held against the truth.
//!
//! ```text
//! split ─▶ train on the rest ─▶ windows over the part ─▶ words ─┬─ unvoted: each position of each window
//!                                                            └─ vote ─▶ voted: each event once ─▶ Scores
//! ```
//! Splits are in time ([`split`]): windows overlap, so a random split would show the model its own test.

pub mod markdown;
pub mod predict;
pub mod scores;
pub mod split;

pub use predict::{Prediction, Predictions, predict};
pub use scores::{Part, Scores};
pub use split::{Fold, Protocol};
