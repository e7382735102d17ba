//! How long it takes from an event to its committed row: counted while rows are written, told when they are committed.
//!
//! Times are kept by tenths of a second, and only those of the last hour: bounded memory whatever the input, and a replay of
//! an archive says nothing about lag.

use super::metric;
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Resolution.
const STEP_US: i64 = 100_000;
/// Older events are no news.
const NEWS_US: i64 = 3_600_000_000;

/// Rows that wait for their commit, by the time of their event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagCounts(BTreeMap<i64, u64>);

impl LagCounts {
    /// Adds rows whose events were written at `times_us`.
    pub fn add(&mut self, times_us: &[i64]) {
        let oldest = now_us().saturating_sub(NEWS_US);
        for time in times_us.iter().filter(|time| **time > oldest) {
            *self.0.entry(Micros(*time).floor(STEP_US).0).or_default() += 1;
        }
    }

    /// Takes everything of `other` in.
    pub fn merge(&mut self, other: &LagCounts) {
        for (time, rows) in &other.0 {
            *self.0.entry(*time).or_default() += rows;
        }
    }

    /// Tells the metric: the rows are committed now.
    pub fn committed(&self) {
        let (now, histogram) = (now_us(), metric::END_TO_END_LAG.histogram(&[]));
        for (time, rows) in &self.0 {
            histogram.record_many(secs(now, *time), usize::try_from(*rows).unwrap_or(usize::MAX));
        }
    }
}

/// Tells how far behind its newest event a source that is followed reads. To be called once a batch.
pub fn read(labels: metric::Labels<'_>, newest: Micros) {
    metric::SOURCE_LAG.histogram(labels).record(secs(now_us(), newest.0));
}

/// From `then` to `now` in seconds; a clock that is ahead of ours counts as no lag.
fn secs(now_us: i64, then_us: i64) -> f64 {
    now_us.saturating_sub(then_us).max(0) as f64 / 1e6
}

/// Microseconds since the Unix epoch.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_count_and_workers_add_up() {
        let now = now_us();
        let mut one = LagCounts::default();
        one.add(&[now, now, now - NEWS_US - 1, 0, i64::MIN]);
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((one.0.values().sum::<u64>(), both.0.values().sum::<u64>()), (2, 4));
        assert_eq!(secs(5, 10), 0.0);
    }
}
