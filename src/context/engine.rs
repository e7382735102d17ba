//! The causal engine of one stream: a fold over its events in event order.
//!
//! ```text
//! Head + facts ─▶ person's request ─▶ commands: continues one, or opens a context ─┐
//!              └▶ component's event ─▶ best of its React facts, or background ─────┼─▶ Attribution
//!                                          ▲                                       │
//!                                       memory ◀── Produce facts, with the context ┘
//! ```
//! Invariants: events come in order of (event time, audit id, stage); a cause is always an earlier event, so contexts are
//! settled as they come and there is no cycle; the same events give the same attributions whatever the cuts between them,
//! and whether or not the state was saved and loaded in between. What is remembered is bounded by the horizons of the
//! rules. Late events are attributed and change nothing.

use super::clock::Clock;
use super::commands::{Commands, SavedClient};
use super::heartbeat::{Heartbeats, SavedBeat};
use super::kind::Kind;
use super::memory::{Memory, Producer, SavedMemory, Saving};
use super::model::{Actor, Attribution, AuditId, Background, Cause, ClientRequest, Fact, Head, Role, flags};
use super::tables::Tables;
use super::undo::{Change, Changes, Journal, Looked};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

mod fetch;
mod insert;
use fetch::Fetch;
pub use fetch::{Ahead, Glance, LOOK_AHEAD_US, MOST_AHEAD, NothingAhead, SomeOf};
pub(super) use insert::Clocks;

/// Version of the saved state. States of other versions are refused.
const STATE_VERSION: u32 = 5;
/// Event time between two rounds of forgetting, microseconds.
const FORGET_EVERY_US: i64 = 10_000_000;

/// Saved state can not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Written by another version of the program.
    #[error(
        "saved state of the causal engine has version {found}, this program reads {STATE_VERSION}: replay from the start or use the version that wrote it"
    )]
    Version {
        /// Version in the state.
        found: u32,
    },
    /// Not what was written.
    #[error("saved state of the causal engine is damaged ({what}): resume from an older commit")]
    Damaged {
        /// What is wrong.
        what: String,
    },
}

/// The engine of one stream.
#[derive(Debug)]
pub struct Engine {
    tables: Arc<Tables>,
    memory: Memory,
    heartbeats: Heartbeats,
    commands: Commands,
    forgotten: Micros,
    journal: Journal,
    /// Attributions of events that were fetched before their turn.
    early: BTreeMap<Id, Attribution>,
    clock: Clock,
}

/// `M`: the memory, as it is written or as it is read.
#[derive(Serialize, Deserialize)]
struct Saved<M> {
    forgotten: Micros,
    memory: M,
    heartbeats: Vec<SavedBeat>,
    clients: Vec<SavedClient>,
    early: Vec<(Id, Attribution)>,
    clock: Clock,
}

/// A possible cause.
#[derive(Copy, Clone)]
struct Link {
    producer: Producer,
    kind: u8,
    weight: u8,
    /// Best weight of a cause in another context.
    rival: u8,
}

/// A link, while there are others to be weighed against it.
struct Candidate<'m> {
    producer: &'m Producer,
    kind: u8,
    weight: u8,
    rival: u8,
}

impl Candidate<'_> {
    fn rank(&self) -> (u8, Micros, AuditId) {
        (self.weight, self.producer.at, self.producer.audit_id())
    }
}

impl Link {
    /// The same link, by the cause that was known before it was found, if that leads to the same context: it came earlier.
    fn told_by(self, known: Option<Link>) -> Link {
        let same = |known: &Link| known.producer.context == self.producer.context;
        match known.filter(|known| same(known) && !in_run(known.kind) && !in_run(self.kind)) {
            Some(known) => Link { weight: self.weight, rival: self.rival, ..known },
            None => self,
        }
    }

    fn cause(&self) -> Cause {
        Cause {
            parent: self.producer.id,
            audit_id: self.producer.audit_id(),
            kind: self.kind,
            weight: self.weight,
            margin: self.weight.saturating_sub(self.rival),
        }
    }
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(tables: Arc<Tables>) -> Engine {
        Engine {
            tables,
            memory: Memory::default(),
            heartbeats: Heartbeats::default(),
            commands: Commands::default(),
            forgotten: Micros::MIN,
            journal: Journal::default(),
            early: BTreeMap::new(),
            clock: Clock::default(),
        }
    }

    /// Attributes the next event. `client` is there for requests by people.
    pub fn apply(&mut self, head: &Head, facts: &[Fact], client: Option<&ClientRequest>) -> Attribution {
        self.apply_before(head, facts, client, &NothingAhead)
    }

    /// The same with a look at what comes within [`LOOK_AHEAD_US`], so that clocks that disagree by less cost nothing. `ahead`
    /// must have every event of that time, or attributions depend on how the stream was cut.
    pub fn apply_before(
        &mut self,
        head: &Head,
        facts: &[Fact],
        client: Option<&ClientRequest>,
        ahead: &dyn Ahead,
    ) -> Attribution {
        self.journal.begin(head.at);
        if head.flags & flags::VERSIONED != 0 {
            let clock = &self.clock;
            self.journal.note(|| Change::Clock(Box::new(clock.clone())));
            self.clock.see(head);
        }
        if let Some(attribution) = self.take_early(head.id) {
            return attribution;
        }
        self.settle(head, facts, client, &mut Fetch::new(ahead, head.at))
    }

    /// Attributes an event by what is known, and remembers what it wrote.
    fn settle(
        &mut self,
        head: &Head,
        facts: &[Fact],
        client: Option<&ClientRequest>,
        fetch: &mut Fetch<'_>,
    ) -> Attribution {
        if let Some(stream) = head.background {
            return alone_in_background(head, stream);
        }
        if let Some(attribution) = self.continued(head, facts) {
            self.commands.ended(head, &mut self.journal);
            return attribution;
        }
        let attribution = match client {
            Some(request) => {
                let skew_us = self.clock.skew_us();
                person(head, self.commands.take(&self.tables, request, head, skew_us, &mut self.journal))
            }
            None => {
                let alone = self.is_alone(head, facts, fetch);
                let mut link = self.best_link(head, facts, alone);
                if self.fetch_cause(head, facts, link, fetch) {
                    link = self.best_link(head, facts, alone).map(|found| found.told_by(link));
                }
                let weak = link.is_none_or(|link| link.weight < self.tables.weak_below);
                if weak && head.heartbeat != 0 && self.heartbeats.beat(head.heartbeat, head.at, &mut self.journal) {
                    return alone_in_background(head, Background::Periodic);
                }
                self.component(head, link.map(|link| self.nearest(head, facts, link)))
            }
        };
        let own_run = head.actor == Actor::Operator
            && (attribution.role == Role::Root || attribution.cause.is_some_and(|cause| in_run(cause.kind)));
        let background = attribution.role == Role::Background;
        let producer = Producer::new(head, attribution.context, background, own_run);
        self.memory.write(facts, producer, &self.tables, &mut self.journal);
        attribution
    }

    /// Attributes an event that comes below the watermark by what is known. Nothing follows from it.
    pub fn apply_late(&mut self, head: &Head, facts: &[Fact], client: Option<&ClientRequest>) -> Attribution {
        if let Some(stream) = head.background {
            return alone_in_background(head, stream);
        }
        if let Some(attribution) = self.continued(head, facts) {
            return attribution;
        }
        match client {
            Some(request) => person(head, self.commands.find(&self.tables, request, head, self.clock.skew_us())),
            None => {
                let link = self.best_link(head, facts, true);
                self.component(head, link.map(|link| self.nearest(head, facts, link)))
            }
        }
    }

    /// A further event of a long-running request whose first event is known.
    fn continued(&mut self, head: &Head, facts: &[Fact]) -> Option<Attribution> {
        if head.flags & flags::CONTINUES == 0 {
            return None;
        }
        let fact = facts.iter().find(|fact| !fact.produce && fact.code == Kind::SameRequest.code())?;
        self.journal.pass(|| self.memory.written(fact.key));
        let (producer, age_us) = self.memory.latest(fact.key, None, head.at, &self.tables)?;
        let weight = self.tables.weight(fact.code, age_us)?;
        let link = Link { producer: *producer, kind: fact.code, weight, rival: 0 };
        let role = if head.actor == Actor::Human { Role::Request } else { Role::Effect };
        Some(linked(link, role))
    }

    /// The best cause. `alone`: nothing of the same actor follows at once, so the event can be an afterthought.
    fn best_link(&mut self, head: &Head, facts: &[Fact], alone: bool) -> Option<Link> {
        let mut best: Option<Candidate<'_>> = None;
        for fact in facts.iter().filter(|fact| !fact.produce) {
            let not_by = fact.own.then_some(head.user);
            let Some(key) = self.memory.resolve(fact, head.at, &self.tables, &mut self.journal) else { continue };
            self.journal.pass(|| self.memory.written(key));
            let Some((producer, age_us)) = self.memory.latest(key, not_by, head.at, &self.tables) else { continue };
            let Some(weight) = self.tables.weight(fact.code, age_us) else { continue };
            if in_run(fact.code) && !producer.own_run || fact.code == Kind::WrittenAgain.code() && !alone {
                continue;
            }
            let found = Candidate { producer, kind: fact.code, weight, rival: 0 };
            match &mut best {
                None => best = Some(found),
                Some(one) if found.rank() > one.rank() => {
                    let same = producer.context == one.producer.context;
                    let rival = if same { one.rival } else { one.weight };
                    *one = Candidate { rival, ..found };
                }
                Some(one) if producer.context != one.producer.context => one.rival = one.rival.max(weight),
                Some(_) => {}
            }
        }
        best.map(|Candidate { producer, kind, weight, rival }| Link { producer: *producer, kind, weight, rival })
    }

    /// The same context by the cause nearest to the event: a pod is bound since it was created, not since its owner was.
    fn nearest(&self, head: &Head, facts: &[Fact], best: Link) -> Link {
        let closer = self.tables.nearer_than(best.kind);
        let found = facts.iter().filter(|fact| !fact.produce && closer.contains(&fact.code)).filter_map(|fact| {
            let (producer, age_us) =
                self.memory.latest(fact.key, fact.own.then_some(head.user), head.at, &self.tables)?;
            self.tables.weight(fact.code, age_us)?;
            let later = (producer.at, producer.audit_id()) > (best.producer.at, best.producer.audit_id());
            (later && producer.context == best.producer.context).then_some((*producer, fact.code))
        });
        match found.max_by_key(|(producer, _)| (producer.at, producer.audit_id())) {
            Some((producer, kind)) => Link { producer, kind, ..best },
            None => best,
        }
    }

    /// A component's event: an effect of its cause, or what the actor's class makes of an event without one.
    fn component(&self, head: &Head, link: Option<Link>) -> Attribution {
        let operator = head.actor == Actor::Operator;
        let asked_for = head.flags & flags::ASKED_FOR != 0;
        match link.filter(|link| !(asked_for && link.producer.background)) {
            Some(link) if head.flags & flags::OWN_ROOT != 0 || operator && link.weight < self.tables.prompt_from => {
                Attribution {
                    cause: Some(link.cause()),
                    parent_context: (!link.producer.background).then_some(link.producer.context),
                    ..root(head)
                }
            }
            Some(link) if in_run(link.kind) => linked(link, Role::Request),
            Some(link) => linked(link, Role::Effect),
            None if head.actor == Actor::System && !asked_for && head.flags & flags::OWN_ROOT == 0 => {
                alone_in_background(head, Background::Other)
            }
            None => root(head),
        }
    }

    /// Frees what no event at or after `watermark` can need. Cheap to call often.
    pub fn retire(&mut self, watermark: Micros) {
        if watermark.since(self.forgotten) < FORGET_EVERY_US {
            return;
        }
        self.forgotten = watermark;
        self.memory.forget(watermark, &self.tables);
        self.heartbeats.forget(watermark);
        self.commands.forget(watermark);
        self.journal.forget(watermark);
    }

    /// From now on, or no longer, changes can be undone. It may end only when all that was recorded is kept or undone.
    pub(super) fn record(&mut self, on: bool) {
        self.journal.record(on);
    }

    /// What was changed since this was asked last, and how the last event looked ahead.
    pub(super) fn changes(&mut self) -> (Changes, Looked) {
        (self.journal.take(), self.journal.looked)
    }

    /// Takes changes back; nothing that came after them may stand.
    pub(super) fn undo(&mut self, changes: Changes) {
        for change in changes.into_iter().rev() {
            match change {
                Change::Slot(before) => self.memory.undo_slot(before),
                Change::Note(before) => self.memory.undo_note(before),
                Change::Beat(before) => self.heartbeats.undo(before),
                Change::Client(before) => self.commands.undo(before),
                Change::Clock(before) => self.clock = *before,
                Change::Early(id, before) => self.undo_early(id, before),
            }
        }
    }

    /// Changes are for good.
    pub(super) fn keep(&mut self, changes: Changes) {
        for change in changes {
            if let Change::Slot(before) = change {
                self.memory.keep_slot(before);
            }
        }
    }

    /// By how much the clocks of the stream's servers are held to disagree, microseconds; 0 while they agree.
    pub fn skew_us(&self) -> i64 {
        self.clock.skew_us()
    }

    /// Number of keys and of producing events that are remembered.
    pub fn size(&self) -> (usize, usize) {
        self.memory.len()
    }

    /// The whole state; equal states give equal bytes.
    pub fn save(&self) -> Vec<u8> {
        let memory = self.memory.save();
        let mut bytes = Vec::with_capacity(memory.bytes());
        bytes.extend(STATE_VERSION.to_le_bytes());
        let saved = Saved::<Saving<'_>> {
            forgotten: self.forgotten,
            memory,
            heartbeats: self.heartbeats.save(),
            clients: self.commands.save(),
            early: self.early.iter().map(|(&id, &said)| (id, said)).collect(),
            clock: self.clock.clone(),
        };
        // Writing to a vector does not fail; an empty body would be refused by `load`.
        postcard::to_extend(&saved, bytes).unwrap_or_default()
    }

    /// The engine that [`Engine::save`] wrote.
    pub fn load(bytes: &[u8], tables: Arc<Tables>) -> Result<Engine, EngineError> {
        let damaged = |what: &str| EngineError::Damaged { what: what.to_owned() };
        let (version, body) = bytes.split_first_chunk().ok_or_else(|| damaged("too short"))?;
        let found = u32::from_le_bytes(*version);
        if found != STATE_VERSION {
            return Err(EngineError::Version { found });
        }
        let saved: Saved<SavedMemory> = postcard::from_bytes(body).map_err(|error| damaged(&error.to_string()))?;
        let memory = Memory::load(saved.memory).ok_or_else(|| damaged("a key points nowhere"))?;
        Ok(Engine {
            tables,
            memory,
            heartbeats: Heartbeats::load(saved.heartbeats),
            commands: Commands::load(saved.clients),
            forgotten: saved.forgotten,
            journal: Journal::default(),
            early: saved.early.into_iter().collect(),
            clock: saved.clock,
        })
    }
}

fn alone_in_background(head: &Head, stream: Background) -> Attribution {
    Attribution {
        context: head.id,
        role: Role::Background,
        background: Some(stream),
        cause: None,
        parent_context: None,
    }
}

fn root(head: &Head) -> Attribution {
    Attribution { context: head.id, role: Role::Root, background: None, cause: None, parent_context: None }
}

fn linked(link: Link, role: Role) -> Attribution {
    let background = link.producer.background;
    Attribution {
        context: link.producer.context,
        role: if background { Role::Background } else { role },
        background: background.then_some(Background::Other),
        cause: Some(link.cause()),
        parent_context: None,
    }
}

/// A person's request: part of a command, or the root of a context.
fn person(head: &Head, command: Option<(Id, Cause)>) -> Attribution {
    match command {
        Some((context, cause)) => {
            Attribution { context, role: Role::Request, background: None, cause: Some(cause), parent_context: None }
        }
        None => root(head),
    }
}

/// Whether a kind of evidence makes an event part of an operator's own run.
#[inline]
fn in_run(kind: u8) -> bool {
    kind == Kind::SameRun.code() || kind == Kind::SameRunHere.code()
}

#[cfg(test)]
mod tests;
