//! What one batch adds to contexts and sessions, and how additions merge.
//!
//! Text does not travel by the row: a batch is summed up by context first, and events of a context come in bursts, so a part
//! stands for several events. Merging is commutative and associative, bounded sets included (they keep the least values), so an
//! aggregate does not depend on how its events were cut into batches.

use crate::audit::hash::Id;
use crate::audit::time::Micros;
use crate::context::detail::Detail;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most objects, namespaces or actors that a context names.
pub const NAMED_MAX: usize = 64;

/// A set of names that keeps the least [`NAMED_MAX`] of them and knows whether there were more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The least names.
    pub names: BTreeSet<String>,
    /// There were more.
    pub cut: bool,
}

impl Names {
    /// Adds a name, unless it is empty.
    pub fn add(&mut self, name: &str) {
        if name.is_empty() || self.names.contains(name) {
            return;
        }
        self.names.insert(name.to_owned());
        self.bound();
    }

    fn merge(&mut self, other: Names) {
        self.cut |= other.cut;
        self.names.extend(other.names);
        self.bound();
    }

    fn bound(&mut self) {
        while self.names.len() > NAMED_MAX {
            self.names.pop_last();
            self.cut = true;
        }
    }
}

/// Counts by name, bounded like [`Names`]: what no longer fits is counted as `other`.
pub type Counts = BTreeMap<String, u64>;

fn merge_counts(into: &mut Counts, from: Counts) {
    for (name, count) in from {
        *into.entry(name).or_default() += count;
    }
}

/// The event that a context is told by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told {
    /// Its id.
    pub id: Id,
    /// Event time.
    pub at: Micros,
    /// `auditID`.
    pub audit_id: String,
    /// `user.username`.
    pub user: String,
    /// `impersonatedUser.username`.
    pub impersonated_user: String,
    /// `userAgent`.
    pub user_agent: String,
    /// First source address.
    pub source_ip: String,
    /// Verb.
    pub verb: String,
    /// Action key.
    pub action: String,
    /// Class of the actor.
    pub class: String,
    /// Label code.
    pub label: i32,
    /// Label in words.
    pub label_text: String,
    /// API group.
    pub api_group: String,
    /// Resource.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// URI with its query, redacted.
    pub request_uri: String,
    /// Status code.
    pub status_code: u16,
    /// What its body told.
    pub detail: Option<Detail>,
}

/// Rank of an event as the one to tell a context by: (kind of request, event time, id); the least wins. A command is told by its
/// first write, else by its first request for a resource, else by its first request.
pub type TellRank = (u8, Micros, Id);

/// What a batch says of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextPart {
    /// The context: the id of its root.
    pub context: Id,
    /// Name of the background stream, for the rows that fold background.
    pub background: Option<String>,
    /// Earliest receipt.
    pub start: Micros,
    /// Latest stage time.
    pub end: Micros,
    /// Latest event time: what closing is judged by.
    pub last: Micros,
    /// Events.
    pub events: u64,
    /// Requests of the command itself.
    pub requests: u64,
    /// Of these, refused or failed (status 400 and above).
    pub requests_failed: u64,
    /// Writes among the requests of the command.
    pub writes: u64,
    /// Of these, failed.
    pub writes_failed: u64,
    /// Requests answered with 401 or 403.
    pub denied: u64,
    /// Effects with status 400 and above.
    pub effects_failed: u64,
    /// Events that were late.
    pub late: u64,
    /// Events by verb.
    pub verbs: Counts,
    /// Events by actor.
    pub actors: Counts,
    /// Successful writes of the command itself, by `verb resource[/subresource]`.
    pub commands: Counts,
    /// Successful writes that it set off, likewise.
    pub changes: Counts,
    /// Secrets that the command wrote: Helm keeps its releases in them.
    pub secrets: Names,
    /// Namespaces touched.
    pub namespaces: Names,
    /// Objects touched, as `resource/namespace/name`.
    pub objects: Names,
    /// Nodes that pods were bound to.
    pub nodes: Names,
    /// Replicas of the objects that the command read before it wrote, by object; the least [`NAMED_MAX`] objects.
    pub replicas: BTreeMap<String, (Micros, i64)>,
    /// For a background stream: the minutes of its hour that had an event, a bit each.
    pub minutes: u64,
    /// The event to tell the context by.
    pub told: Option<(TellRank, Told)>,
    /// The first write by a service account among the effects: what an operator that began with a read did then.
    pub then: Option<(TellRank, Told)>,
    /// `auditID` of the root.
    pub root_audit_id: Option<String>,
    /// The context that set this one off.
    pub parent_context: Option<Id>,
}

impl ContextPart {
    /// Whole minutes without an event between the first and the last one of a background stream's hour.
    pub fn silent_minutes(&self) -> i64 {
        let span = 64 - i64::from(self.minutes.leading_zeros()) - i64::from(self.minutes.trailing_zeros());
        if self.minutes == 0 { 0 } else { span - i64::from(self.minutes.count_ones()) }
    }

    /// An object had so many replicas when it was read. The first reading counts: a write may follow.
    pub fn read_replicas(&mut self, object: String, at: Micros, count: i64) {
        let first = self.replicas.entry(object).or_insert((at, count));
        *first = (*first).min((at, count));
        while self.replicas.len() > NAMED_MAX {
            self.replicas.pop_last();
        }
    }

    /// The context was set off by this one. A root that was read twice may be said to have two causes: the one of the lower id counts,
    /// so that it does not matter which worker read what.
    pub fn set_off_by(&mut self, parent: Option<Id>) {
        self.parent_context = self.parent_context.into_iter().chain(parent).min();
    }

    /// Adds what another batch says of the same context.
    pub fn merge(&mut self, other: ContextPart) {
        if self.events == 0 {
            *self = other;
            return;
        }
        self.context = other.context;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.last = self.last.max(other.last);
        self.background = other.background.or(self.background.take());
        self.events += other.events;
        self.requests += other.requests;
        self.requests_failed += other.requests_failed;
        self.writes += other.writes;
        self.writes_failed += other.writes_failed;
        self.denied += other.denied;
        self.effects_failed += other.effects_failed;
        self.late += other.late;
        self.minutes |= other.minutes;
        merge_counts(&mut self.verbs, other.verbs);
        merge_counts(&mut self.actors, other.actors);
        merge_counts(&mut self.commands, other.commands);
        merge_counts(&mut self.changes, other.changes);
        self.secrets.merge(other.secrets);
        self.namespaces.merge(other.namespaces);
        self.objects.merge(other.objects);
        self.nodes.merge(other.nodes);
        for (object, (at, count)) in other.replicas {
            self.read_replicas(object, at, count);
        }
        keep_first(&mut self.told, other.told);
        keep_first(&mut self.then, other.then);
        self.root_audit_id = self.root_audit_id.take().or(other.root_audit_id);
        self.set_off_by(other.parent_context);
    }
}

/// The one of lower rank stays; of copies of one event the lesser, so that it does not matter which worker read what.
pub fn keep_first(one: &mut Option<(TellRank, Told)>, other: Option<(TellRank, Told)>) {
    *one = one.take().into_iter().chain(other).min();
}

/// What a batch says of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPart {
    /// The session.
    pub session: Id,
    /// `user.username`.
    pub user: String,
    /// `impersonatedUser.username`.
    pub impersonated_user: String,
    /// `userAgent`.
    pub user_agent: String,
    /// First source address.
    pub source_ip: String,
    /// Earliest receipt.
    pub start: Micros,
    /// Latest stage time.
    pub end: Micros,
    /// Latest event time: what closing is judged by.
    pub last: Micros,
    /// Events.
    pub events: u64,
    /// Of these, requests that change something.
    pub writes: u64,
    /// Status 400 and above.
    pub errors: u64,
    /// Contexts that the session began.
    pub contexts: u64,
}

impl SessionPart {
    /// Adds what another batch says of the same session.
    pub fn merge(&mut self, other: SessionPart) {
        if self.events == 0 {
            *self = other;
            return;
        }
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        self.last = self.last.max(other.last);
        self.events += other.events;
        self.writes += other.writes;
        self.errors += other.errors;
        self.contexts += other.contexts;
    }
}
