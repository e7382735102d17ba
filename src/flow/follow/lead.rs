//! The feed of the process that commits: says in its ticks where commits are, and when the run ends.

use super::{Feed, Following};
use crate::flow::drive::{Pauses, has_room, wait_for_room};
use crate::flow::epoch::Tick;
use crate::flow::run::RunPlan;
use crate::flow::shared::{FlowError, Shared};
use crate::source::kafka::Verified;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Time between two tries of a commit for which no broker could be asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What has been fed since the last commit, and when it is to be committed.
struct Due {
    since: Instant,
    /// What all processes had read then: messages and their bytes.
    read: (u64, u64),
    released: u64,
    asked: Option<Instant>,
}

impl Due {
    fn begin(read: (u64, u64), released: u64) -> Due {
        Due { since: Instant::now(), read, released, asked: None }
    }

    /// Whether anything was read or settled that no commit holds.
    fn anything(&self, read: (u64, u64), shared: &Shared) -> bool {
        read.0 > self.read.0 || shared.released.load(Ordering::Relaxed) != self.released
    }

    fn is_now(&self, read: (u64, u64), plan: &RunPlan, shared: &Shared) -> bool {
        let (rows, bytes) = (read.0.saturating_sub(self.read.0), read.1.saturating_sub(self.read.1));
        let full = bytes >= plan.dataflow.commit_bytes || rows >= plan.commit_rows;
        let due = full || self.since.elapsed() >= plan.dataflow.commit_every;
        due && self.anything(read, shared) && self.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN)
    }
}

impl Following<'_> {
    /// Waits until few enough epochs are under way; false when the run has failed, or is to end before every process has begun: then what
    /// holds the watermark is not known, and nothing can be committed.
    fn wait_for_room(&self) -> bool {
        let Feed { shared, .. } = self.feed;
        let Some(peers) = self.peers else { return wait_for_room(self.epoch, shared) };
        let mut pauses = Pauses::default();
        while !has_room(self.epoch, shared) && !shared.failed() {
            if self.ends_unbegun(self.told_to_stop() || peers.others_stop()) {
                return false;
            }
            pauses.wait();
        }
        !shared.failed()
    }

    /// Ends a run that is told to stop before every process has begun, which is so while no epoch has passed through all of them.
    fn ends_unbegun(&self, stopped: bool) -> bool {
        let begun = self.feed.shared.epochs_done.load(Ordering::Acquire) > 0;
        let Some(peers) = self.peers.filter(|_| stopped && !begun) else { return false };
        tracing::info!("told to stop before all processes had begun");
        self.stand(peers, 0);
        peers.end(false);
        true
    }

    /// Feeds and decides until the end. `open`: the last commit has something that a bounded run is to close. Returns whether everything was read to its end.
    pub(super) fn lead(&mut self, next_commit: u64, open: bool) -> Result<bool, FlowError> {
        let begun = Instant::now();
        let (source, plan, shared) = (self.feed.source, self.feed.plan, self.feed.shared);
        let mut commit = next_commit;
        let mut due = Due::begin((0, 0), 0);
        loop {
            if !self.wait_for_room() || !self.gather()? {
                return Ok(false);
            }
            let (mut read, mut stopped, mut drained) = (self.read, self.told_to_stop(), self.drained.is_some());
            if let Some(peers) = self.peers {
                self.stand(peers, shared.newest_commit.load(Ordering::Acquire));
                self.notes.append(&mut peers.take_notes());
                let (rows, bytes) = peers.others_read();
                read = (read.0 + rows, read.1 + bytes);
                stopped |= peers.others_stop();
                drained &= peers.others_drained(self.epoch);
            }
            if !drained && self.ends_unbegun(stopped) {
                return Ok(false);
            }
            let last = drained || stopped;
            // At the end of a bounded run even what runs before it left open is told.
            let told = drained && open;
            let mut commits = told || (last && due.anything(read, shared)) || due.is_now(read, plan, shared);
            if commits && source.verify()? == Verified::CannotTell {
                due.asked = Some(Instant::now());
                commits = false;
                if last {
                    tracing::warn!(
                        "no broker answers, so what was read since the last commit is not committed; it is read again"
                    );
                }
            }
            let tick = Tick {
                last,
                flush: commits && drained,
                now_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                notes: std::mem::take(&mut self.notes),
                ..Tick::committing(commits.then_some(commit))
            };
            if !self.tick(&tick) {
                return Ok(false);
            }
            if commits {
                commit += 1;
                due = Due::begin(read, shared.released.load(Ordering::Relaxed));
            }
            if last {
                if let Some(peers) = self.peers {
                    peers.end(drained);
                }
                return Ok(drained);
            }
        }
    }
}
