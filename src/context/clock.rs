//! How far the clocks behind a stream disagree, learnt from its own writes.
//!
//! The store numbers all writes in one order (`metadata.resourceVersion`), and a write is carried out between the request's
//! arrival and its answer. A write that arrives after the answer to a write of a higher version is an inversion: by a single
//! good clock there is none. Where inversions are frequent the engine allows for them by [`Clock::skew_us`]; a few, such as a
//! write that changed nothing and so repeats an old version, are passed over.

use super::model::{Head, flags};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Writes that a new one is compared with.
const COMPARED: usize = 32;
/// Versions further apart are no matter of clocks.
const NEAR: u64 = 256;
/// Larger inversions are no matter of clocks, microseconds.
const MOST_US: i64 = 200_000;
/// One write weighs this share in the averages.
const SHARE: i64 = 256;
/// Inversions per thousand writes from which clocks are held to disagree.
const FREQUENT_PER_MILLE: i64 = 30;
/// Largest allowance, microseconds.
const MOST_SKEW_US: i64 = 40_000;

/// What the writes of one stream tell of its clocks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    /// (version, when answered) of the last writes.
    last: VecDeque<(u64, i64)>,
    /// Share of writes that are inversions, millionths.
    frequency: i64,
    /// Mean size of an inversion, nanoseconds.
    size_ns: i64,
}

impl Clock {
    /// Takes in an event.
    pub fn see(&mut self, head: &Head) {
        if head.flags & flags::VERSIONED == 0 || self.last.iter().any(|&(version, _)| version == head.version) {
            return;
        }
        let above = self.last.iter().filter(|&&(version, _)| version > head.version && version - head.version <= NEAR);
        let amount_us = above.map(|&(_, answered)| head.received_at.0.saturating_sub(answered)).max().unwrap_or(0);
        if amount_us > MOST_US {
            return; // an old version: the write changed nothing
        }
        let inverted = amount_us > 0;
        self.frequency += (if inverted { 1_000_000 } else { 0 } - self.frequency) / SHARE;
        if inverted {
            self.size_ns += (amount_us.saturating_mul(1000) - self.size_ns) / (SHARE / 16);
        }
        if self.last.len() == COMPARED {
            self.last.pop_front();
        }
        self.last.push_back((head.version, head.stage_at.0));
    }

    /// By how much times may be wrong, microseconds; 0 while the clocks agree.
    pub fn skew_us(&self) -> i64 {
        if self.frequency < FREQUENT_PER_MILLE * 1000 { 0 } else { (self.size_ns / 500).clamp(0, MOST_SKEW_US) }
    }
}
