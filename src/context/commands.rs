//! Which open command of the same client a person's request continues, or whether it opens a new one.
//!
//! A client is a session (user, impersonated user, user agent, source address); its state is the list of its open commands.
//! Among the commands that can take a request the best score wins, then the gap nearest to kubectl's own pace. The margin
//! to the second-best command is kept: it is the confidence of the link.
//!
//! Whether a command can still be found is a matter of event time alone ([`findable`]), so it never shows when commands are
//! forgotten. Commands are shared with the undo journal and copied only when a recorded request changes them.

use super::command::Command;
use super::grammar;
use super::kind::Kind;
use super::memory::ByHash;
use super::model::{Cause, ClientRequest, Head};
use super::tables::Tables;
use super::undo::{Change, Journal};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use std::sync::Arc;

/// kubectl's own pause between two requests, microseconds.
const PACE_US: i64 = 5_000;
/// How long a request may take whose command is still known when its event comes: the API server's own timeout, microseconds.
const SLOW_US: i64 = 60_000_000;
/// Open commands of one client: more are not told apart, the oldest goes.
const MOST_OPEN: usize = 256;

/// Open commands by client.
#[derive(Debug, Default)]
pub(super) struct Commands {
    open: ByHash<Vec<Arc<Command>>>,
}

/// One client in saved state.
pub(super) type SavedClient = (u64, Vec<Arc<Command>>);

/// The commands of a client as they were; `None` when it was not known.
pub(super) type ClientBefore = (u64, Option<Vec<Arc<Command>>>);

struct Best {
    index: usize,
    score: u8,
    nearness_us: i64,
    kind: Kind,
    /// Score of the second-best command.
    next: u8,
}

impl Commands {
    /// The context and the cause that `request` gets, changing nothing. `None`: it would open a command.
    pub fn find(&self, tables: &Tables, request: &ClientRequest, head: &Head, skew_us: i64) -> Option<(Id, Cause)> {
        let open = self.open.get(&head.session)?;
        let best = best(tables, open, request, head, skew_us)?;
        open.get(best.index).map(|command| (command.context, cause(&best, command)))
    }

    /// Adds `request` to the command that it continues, or opens one.
    pub fn take(
        &mut self,
        tables: &Tables,
        request: &ClientRequest,
        head: &Head,
        skew_us: i64,
        journal: &mut Journal,
    ) -> Option<(Id, Cause)> {
        journal.touch(head.session);
        self.note(head.session, journal);
        let open = self.open.entry(head.session).or_default();
        let best = best(tables, open, request, head, skew_us);
        match best.as_ref().and_then(|best| Some((best, open.get_mut(best.index)?))) {
            Some((best, command)) => {
                let found = (command.context, cause(best, command));
                Arc::make_mut(command).add(request, head);
                Some(found)
            }
            None => {
                open.retain(|command| findable(command, head.at) && grammar::is_open(command, head.received_at.0));
                if open.len() >= MOST_OPEN {
                    open.remove(0);
                }
                open.push(Arc::new(Command::open(request, head)));
                None
            }
        }
    }

    /// A long-running request of a command has ended.
    pub fn ended(&mut self, head: &Head, journal: &mut Journal) {
        let running = |c: &Arc<Command>| c.last_head.audit_id == head.audit_id && findable(c, head.at);
        let Some(open) = self.open.get(&head.session) else { return };
        journal.touch(head.session);
        if !open.iter().any(running) {
            return;
        }
        self.note(head.session, journal);
        for command in self.open.entry(head.session).or_default().iter_mut().filter(|command| running(command)) {
            Arc::make_mut(command).real_end = head.stage_at;
        }
    }

    fn note(&self, session: u64, journal: &mut Journal) {
        journal.note(|| Change::Client((session, self.open.get(&session).cloned())));
    }

    /// Takes a change back.
    pub fn undo(&mut self, (session, before): ClientBefore) {
        match before {
            Some(open) => self.open.insert(session, open),
            None => self.open.remove(&session),
        };
    }

    /// Drops the commands that no request at or after `watermark` can continue.
    pub fn forget(&mut self, watermark: Micros) {
        self.open.retain(|_, open| {
            open.retain(|command| findable(command, watermark));
            !open.is_empty()
        });
    }

    pub fn save(&self) -> Vec<SavedClient> {
        let mut all: Vec<SavedClient> = self.open.iter().map(|(&key, open)| (key, open.clone())).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    pub fn load(saved: Vec<SavedClient>) -> Commands {
        Commands { open: saved.into_iter().collect() }
    }
}

/// Whether an event at `at` or later may still find the command. False stays false: what is forgotten would not be found.
fn findable(command: &Command, at: Micros) -> bool {
    grammar::is_open(command, at.0.saturating_sub(SLOW_US))
}

fn best(tables: &Tables, open: &[Arc<Command>], request: &ClientRequest, head: &Head, skew_us: i64) -> Option<Best> {
    let mut best: Option<Best> = None;
    for (index, command) in open.iter().enumerate().filter(|(_, command)| findable(command, head.at)) {
        let Some((score, kind)) = grammar::continues(tables, command, request, head, skew_us) else { continue };
        let gap_us = head.received_at.since(command.end);
        let nearness_us = -gap_us.saturating_sub(PACE_US).saturating_abs();
        match &mut best {
            Some(one) if (score, nearness_us) <= (one.score, one.nearness_us) => one.next = one.next.max(score),
            one => {
                let next = one.as_ref().map_or(0, |before| before.score);
                *one = Some(Best { index, score, nearness_us, kind, next });
            }
        }
    }
    best
}

fn cause(best: &Best, command: &Command) -> Cause {
    Cause {
        parent: command.last_head.id,
        audit_id: command.last_head.audit_id,
        kind: best.kind.code(),
        weight: best.score,
        margin: best.score.saturating_sub(best.next),
    }
}
