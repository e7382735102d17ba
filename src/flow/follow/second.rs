//! What is different for a process among others: the first epoch, and the feed of one that does not decide.

use super::{Following, SHARED_EPOCH};
use crate::flow::drive::{Pauses, has_room};
use crate::flow::epoch::Tick;
use crate::flow::processes::words::Peers;
use crate::flow::shared::FlowError;
use crate::source::kafka::Arrival;
use std::sync::atomic::Ordering;

impl Following<'_> {
    /// Epoch 0: every partition that is there is named, and nothing is read. False when the run has failed or is to end.
    pub(super) fn begin(&mut self) -> Result<bool, FlowError> {
        while !self.told_to_stop() && !self.feed.shared.failed() {
            self.reporter.tell();
            let arrival = self.feed.source.next(SHARED_EPOCH)?;
            if matches!(arrival, Some(Arrival::Begun)) {
                // Said behind the names, and before any message.
                return Ok(self.tick(&Tick::committing(None)));
            }
            if let Some(arrival) = arrival
                && !self.take(arrival)
            {
                return Ok(false);
            }
            if let Some(peers) = self.peers
                && (peers.others_stop() || peers.ended().is_some())
            {
                break;
            }
        }
        if let Some(peers) = self.peers.filter(|_| !self.feed.shared.failed()) {
            self.stand(peers, 0);
            peers.end(false);
        }
        Ok(false)
    }

    /// Feeds until process 0 ends the run. Returns whether everything was read to its end.
    pub(super) fn second(&mut self, peers: &Peers) -> Result<bool, FlowError> {
        let shared = self.feed.shared;
        loop {
            let mut pauses = Pauses::default();
            while !has_room(self.epoch, shared) && peers.ended().is_none() && !shared.failed() {
                if self.told_to_stop() {
                    self.stand(peers, 0);
                }
                pauses.wait();
            }
            if let Some(drained) = peers.ended() {
                return Ok(drained);
            }
            if shared.failed() || !self.gather()? {
                return Ok(false);
            }
            for note in std::mem::take(&mut self.notes) {
                peers.note(note);
            }
            self.stand(peers, 0);
            let commit = peers.commit();
            if shared.newest_commit.fetch_max(commit, Ordering::AcqRel) < commit {
                shared.progress.health.committed(commit);
            }
            if !self.tick(&Tick::committing(None)) {
                return Ok(false);
            }
        }
    }
}
