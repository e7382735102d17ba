//! What a commit tells whoever watches: rows, bytes, drops, lateness and time, each counted when it is committed.

use crate::lake::manifest::{Account, StagedFile};
use crate::observe::lag::LagCounts;
use crate::observe::metric;
use std::collections::BTreeMap;
use std::time::Duration;

/// One commit, as the metrics see it.
#[derive(Debug)]
pub struct Committed<'a> {
    /// Account of the commit before.
    pub before: &'a Account,
    /// Account of this commit.
    pub now: &'a Account,
    /// Its table files.
    pub files: &'a [StagedFile],
    /// Bytes of its state.
    pub state_bytes: usize,
    /// Event times of its rows.
    pub lags: &'a LagCounts,
    /// Event time in microseconds up to which each cluster is settled.
    pub watermarks_us: &'a BTreeMap<String, i64>,
    /// Time that it took.
    pub took: Duration,
}

impl Committed<'_> {
    /// Tells the metrics.
    pub fn tell(&self) {
        let sink = |table| {
            [("component_id", "tables"), ("component_kind", "sink"), ("component_type", "parquet"), ("output", table)]
        };
        for file in self.files {
            metric::SENT_EVENTS.counter(&sink(file.table.name())).increment(file.rows);
            metric::SENT_BYTES.counter(&sink(file.table.name())).increment(file.bytes);
        }
        for (rule, count) in &self.now.filtered_by_rule {
            let before = self.before.filtered_by_rule.get(rule).copied().unwrap_or_default();
            let filter = [
                ("component_id", "filter"),
                ("component_kind", "transform"),
                ("component_type", "filter"),
                ("intentional", "true"),
                ("reason", rule),
            ];
            metric::DISCARDED_EVENTS.counter(&filter).increment(count.saturating_sub(before));
        }
        metric::LATE_EVENTS.counter(&[]).increment(self.now.late.saturating_sub(self.before.late));
        for (cluster, watermark_us) in self.watermarks_us {
            metric::WATERMARK.gauge(&[("cluster", cluster)]).set(*watermark_us as f64 / 1e6);
        }
        metric::STATE_BYTES.gauge(&[]).set(self.state_bytes as f64);
        metric::COMMITS.counter(&[]).increment(1);
        metric::COMMIT_DURATION.histogram(&[]).record(self.took.as_secs_f64());
        self.lags.committed();
    }
}
