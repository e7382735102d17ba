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
const COMPARED: usize = 64;
/// A version that was passed so long ago is not new, microseconds.
const OLD_US: i64 = 100_000;
/// One write weighs this share in the frequency of inversions.
const SHARE: i64 = 1024;
/// One inversion weighs this share in their mean size.
const SIZE_SHARE: i64 = 16;
/// Inversions per thousand writes from which clocks are held to disagree.
const FREQUENT_PER_MILLE: i64 = 4;
/// Largest allowance, microseconds. What is further out of order is no matter of clocks.
const MOST_SKEW_US: i64 = 40_000;

/// What the writes of one stream tell of its clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// (version, when answered) of the last writes.
    last: VecDeque<(u64, i64)>,
    /// Highest version that was passed a while ago.
    passed: u64,
    /// Share of writes that are inversions, millionths.
    frequency: i64,
    /// Mean size of an inversion, nanoseconds.
    size_ns: i64,
}

impl Clock {
    /// Takes in an event.
    pub fn see(&mut self, head: &Head) {
        if head.flags & flags::VERSIONED == 0 {
            return;
        }
        while let Some(&(version, answered)) = self.last.front()
            && (self.last.len() >= COMPARED || head.received_at.0.saturating_sub(answered) > OLD_US)
        {
            self.passed = self.passed.max(version);
            self.last.pop_front();
        }
        if head.version <= self.passed {
            return; // the write changed nothing
        }
        let mut amount_us: Option<i64> = None;
        for &(version, answered) in &self.last {
            if version == head.version {
                return; // nor did this one
            }
            if version > head.version {
                amount_us = amount_us.max(Some(head.received_at.0.saturating_sub(answered)));
            }
        }
        let amount_us = amount_us.unwrap_or(0);
        if amount_us > MOST_SKEW_US {
            return;
        }
        let inverted = amount_us > 0;
        self.frequency += (if inverted { 1_000_000 } else { 0 } - self.frequency) / SHARE;
        if inverted {
            self.size_ns += (amount_us.saturating_mul(1000) - self.size_ns) / SIZE_SHARE;
        }
        self.last.push_back((head.version, head.stage_at.0));
    }

    /// By how much times may be wrong, microseconds; 0 while the clocks agree.
    pub fn skew_us(&self) -> i64 {
        if self.frequency < FREQUENT_PER_MILLE * 1000 { 0 } else { (self.size_ns / 500).clamp(0, MOST_SKEW_US) }
    }
}
