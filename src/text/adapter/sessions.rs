//! The open sessions, and how they end.
//!
//! Invariants: numbers rise by one and are never used again; a session is given when it ends, and before that only by
//! [`Sessions::tell_open`]; what is open is bounded by
//! [`SessionSettings::max_open`] × [`SessionSettings::max_lines`] lines; everything depends on the lines and their order only.

use super::assign::{Assign, Says};
use super::settings::{AdapterError, SessionSettings};
use crate::audit::time::Micros;
use crate::source::PartitionId;
use crate::text::session::{LinePosition, Session, SessionEnd, SessionId};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A parsed line.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The whole line, before its fields were taken apart.
    pub raw: &'a str,
    /// Its log key.
    pub key: u32,
    /// Its place.
    pub position: LinePosition,
    /// Its time, where the format has one.
    pub time: Option<Micros>,
    /// Its parameters.
    pub params: Vec<Box<str>>,
}

/// Gathers lines into sessions.
pub struct Sessions {
    settings: SessionSettings,
    assign: Assign,
    state: SessionsState,
    by_name: HashMap<Box<str>, SessionId>,
    /// Open sessions by the number of their last line.
    by_use: BTreeMap<u64, SessionId>,
}

/// All that a checkpoint must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsState {
    /// The last number given.
    last: SessionId,
    /// The session at hand, where there is one at a time.
    at_hand: Option<SessionId>,
    /// Lines so far.
    lines: u64,
    /// Newest time so far.
    clock: Option<Micros>,
    open: BTreeMap<SessionId, Open>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    session: Session,
    /// Number of its last line, and the clock at it.
    used: u64,
    clock: Option<Micros>,
}

impl SessionsState {
    /// Gives positions other partitions: a later run may have its files in other places.
    pub fn move_positions(&mut self, to: impl Fn(PartitionId) -> PartitionId) {
        for position in self.open.values_mut().flat_map(|open| &mut open.session.positions) {
            position.partition = to(position.partition);
        }
    }
}

impl Sessions {
    /// No session yet.
    ///
    /// # Errors
    /// [`AdapterError`] for an identifier that is no pattern, and for bounds of 0.
    pub fn new(settings: SessionSettings) -> Result<Sessions, AdapterError> {
        for (bound, name) in [(settings.max_lines, "max_lines"), (settings.max_open, "max_open")] {
            if bound == 0 {
                return Err(AdapterError::Zero(name));
            }
        }
        let assign = Assign::new(&settings.adapter, settings.step_back_us)?;
        let state = SessionsState::default();
        Ok(Sessions { settings, assign, state, by_name: HashMap::new(), by_use: BTreeMap::new() })
    }

    /// What a checkpoint must hold.
    pub fn state(&self) -> &SessionsState {
        &self.state
    }

    /// Goes on from a checkpoint.
    pub fn restore(&mut self, state: SessionsState) {
        self.by_name.clear();
        self.by_use.clear();
        for (id, open) in &state.open {
            self.by_use.insert(open.used, *id);
            if let Some(name) = &open.session.name {
                self.by_name.insert(name.clone(), *id);
            }
        }
        self.state = state;
    }

    /// How many sessions are open.
    pub fn open(&self) -> usize {
        self.state.open.len()
    }

    /// Adds a line: the number of its session, or none where it has no identifier. Sessions that end by it go to `ended`.
    pub fn line(&mut self, line: Line, ended: &mut Vec<Session>) -> Option<SessionId> {
        self.state.lines += 1;
        self.state.clock = self.state.clock.max(line.time);
        self.end_idle(ended);
        let began = self
            .state
            .at_hand
            .and_then(|id| self.state.open.get(&id))
            .and_then(|open| open.session.times.iter().flatten().next().copied());
        let Says::Belongs { name, begins } = self.assign.look(line.raw, line.time, began) else { return None };
        let known = match name {
            Some(name) => self.by_name.get(name).copied(),
            None => self.state.at_hand,
        };
        let id = match known {
            Some(id) if !begins => id,
            Some(id) => {
                self.end(id, SessionEnd::Closed, ended);
                self.begin(name, ended)
            }
            None if begins || name.is_some() || !self.assign.has_zero() || self.state.lines > 1 => {
                self.begin(name, ended)
            }
            None => self.begin_zero(),
        };
        self.add(id, line, ended);
        Some(id)
    }

    /// Tells all open sessions as they stand, where they have lines that were not told yet. They stay open: the input may grow.
    pub fn tell_open(&mut self, told: &mut Vec<Session>) {
        for Open { session, .. } in self.state.open.values_mut() {
            if session.told < session.keys.len() {
                told.push(session.clone());
                session.told = session.keys.len();
            }
        }
    }

    /// Ends all sessions: the input is over. Those that would be idle by now are; the others are unfinished.
    pub fn finish(&mut self, ended: &mut Vec<Session>) {
        for id in self.state.open.keys().copied().collect::<Vec<_>>() {
            self.end(id, SessionEnd::Unfinished, ended);
        }
    }

    fn begin(&mut self, name: Option<&str>, ended: &mut Vec<Session>) -> SessionId {
        while self.state.open.len() >= self.settings.max_open
            && let Some(id) = self.by_use.values().next().copied()
        {
            self.end(id, SessionEnd::Idle, ended);
        }
        self.state.last.0 += 1;
        let id = self.state.last;
        self.open_as(id, name);
        id
    }

    /// Session 0: what stands before the first delimiter.
    fn begin_zero(&mut self) -> SessionId {
        self.open_as(SessionId(0), None);
        SessionId(0)
    }

    fn open_as(&mut self, id: SessionId, name: Option<&str>) {
        let session = Session {
            id,
            name: name.map(Into::into),
            keys: Vec::new(),
            positions: Vec::new(),
            times: Vec::new(),
            params: Vec::new(),
            end: SessionEnd::Unfinished,
            told: 0,
            label: (!self.settings.anomaly_labels.is_empty()).then_some(false),
        };
        match &session.name {
            Some(name) => _ = self.by_name.insert(name.clone(), id),
            None => self.state.at_hand = Some(id),
        }
        self.by_use.insert(self.state.lines, id);
        self.state.open.insert(id, Open { session, used: self.state.lines, clock: self.state.clock });
    }

    fn add(&mut self, id: SessionId, line: Line, ended: &mut Vec<Session>) {
        let Some(open) = self.state.open.get_mut(&id) else { return };
        self.by_use.remove(&open.used);
        (open.used, open.clock) = (self.state.lines, self.state.clock);
        self.by_use.insert(open.used, id);
        let session = &mut open.session;
        if session.label == Some(false) {
            session.label = Some(self.settings.anomaly_labels.iter().any(|label| line.raw.contains(label.as_str())));
        }
        session.keys.push(line.key);
        session.positions.push(line.position);
        session.times.push(line.time);
        session.params.push(if self.settings.keep_params { line.params } else { Vec::new() });
        if session.keys.len() >= self.settings.max_lines {
            self.end(id, SessionEnd::Size, ended);
        }
    }

    fn end_idle(&mut self, ended: &mut Vec<Session>) {
        let (Some(idle_us), Some(clock)) = (self.settings.idle_us, self.state.clock) else { return };
        while let Some(id) = self.by_use.values().next().copied() {
            let used = self.state.open.get(&id).and_then(|open| open.clock);
            if used.is_some_and(|used| clock.since(used) < idle_us) {
                return;
            }
            self.end(id, SessionEnd::Idle, ended);
        }
    }

    fn end(&mut self, id: SessionId, end: SessionEnd, ended: &mut Vec<Session>) {
        let Some(Open { mut session, used, .. }) = self.state.open.remove(&id) else { return };
        self.by_use.remove(&used);
        if let Some(name) = &session.name {
            self.by_name.remove(name);
        }
        if self.state.at_hand == Some(id) {
            self.state.at_hand = None;
        }
        session.end = end;
        ended.push(session);
    }
}
