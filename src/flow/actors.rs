//! Which session each actor is in: pure logic, a fold over events in event order.

use super::epoch::IdMap;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::model::Head;

/// Which session each actor is in: a fold over events in event order.
#[derive(Debug)]
pub struct Sessions {
    gap_us: i64,
    open: IdMap<u64, (Id, Micros)>,
    retired: Micros,
}

impl Sessions {
    /// A session ends when its actor is silent for longer than `gap_us`.
    pub fn new(gap_us: i64, saved: Vec<(u64, Id, Micros)>) -> Sessions {
        let open = saved.into_iter().map(|(actor, session, last)| (actor, (session, last))).collect();
        Sessions { gap_us, open, retired: Micros::MIN }
    }

    /// The session of an event: the open one of its actor, or a new one named after this event.
    pub fn of(&mut self, head: &Head) -> Id {
        let open = self.open.entry(head.session).or_insert((head.id, head.at));
        if head.at.since(open.1) > self.gap_us {
            open.0 = head.id;
        }
        open.1 = open.1.max(head.at);
        open.0
    }

    /// The session that a late event would have been in, if it is still open.
    pub fn of_late(&self, head: &Head) -> Option<Id> {
        self.open.get(&head.session).filter(|open| open.1.since(head.at).abs() <= self.gap_us).map(|open| open.0)
    }

    /// Forgets actors that have been silent for longer than the gap.
    pub fn retire(&mut self, watermark: Micros, flush: bool) {
        if flush {
            self.open.clear();
        } else if watermark.since(self.retired) >= self.gap_us {
            self.retired = watermark;
            self.open.retain(|_, open| watermark.since(open.1) <= self.gap_us);
        }
    }

    /// What a restart needs, in a fixed order.
    pub fn save(&self) -> Vec<(u64, Id, Micros)> {
        let mut saved: Vec<_> = self.open.iter().map(|(actor, open)| (*actor, open.0, open.1)).collect();
        saved.sort_unstable();
        saved
    }
}
