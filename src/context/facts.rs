//! From an event to facts: what it wrote, what it may follow from, what its client was at.
//!
//! ```text
//! Event ─▶ View (who, which object, which owners; hashed once)
//!            ├─ background ─▶ Head::background, no facts
//!            ├─ produce ────▶ Fact { produce: true,  key, aspect }
//!            ├─ react ──────▶ Fact { produce: false, key, kind }     (components)
//!            └─ client ─────▶ ClientRequest                          (people)
//! ```
//! Pure and stateless but for a cache of actors: the same event gives the same facts whatever came before, so decoding
//! workers extract in any order and the engine alone looks at order. RequestReceived events must not be given.

use super::actor::ActorCache;
use super::background;
use super::client;
use super::identity::View;
use super::keys::{self, KeySpace};
use super::model::{Actor, AuditId, FactBatch, Head, flags};
use super::produce;
use super::react;
use super::request::Request;
use super::tables::Tables;
use crate::audit::audit_id::audit_uuid;
use crate::audit::event::{Event, Stage};
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use std::sync::Arc;

/// Most events that a batch makes room for before it has any.
const MOST_ROOM: usize = 1 << 14;

/// Where an event stands.
#[derive(Copy, Clone, Debug)]
pub struct Place {
    /// The stream: its hash seeds ids and keys.
    pub stream: KeySpace,
    /// Offset of the record in its partition.
    pub offset: u64,
    /// Index of the event in its record.
    pub item: u32,
    /// Row in the bulk batch; `u32::MAX` when the event has no row.
    pub row: u32,
    /// Event time, see [`Head::at`].
    pub at: Micros,
}

/// Makes facts of events; one for each decoding worker.
#[derive(Debug)]
pub struct Extractor {
    tables: Arc<Tables>,
    actors: ActorCache,
    /// Heads, facts and people's requests of the batch at hand.
    size: (usize, usize, usize),
}

impl Extractor {
    /// An extractor with these rules.
    pub fn new(tables: Arc<Tables>) -> Extractor {
        Extractor { actors: ActorCache::new(Arc::clone(&tables)), tables, size: (0, 0, 0) }
    }

    /// Appends the head and the facts of `event` to `batch`.
    pub fn push(&mut self, event: &Event<'_>, place: Place, batch: &mut FactBatch) {
        self.make_room(batch);
        let actor = self.actors.row(&event.user, &event.user_agent);
        let request = Request::new(event, actor, &self.tables);
        let audit_id = noted_audit_id(&event.audit_id, batch);
        let background = background::stream(&request);
        let facts_from = batch.facts.len();
        let (mut client, mut heartbeat) = (u32::MAX, 0);
        let ends = ends_long_running(event);
        let own_root =
            actor.own_roots.iter().any(|(verb, resource)| verb == request.verb && resource == request.resource);
        let version = version(event);
        let flags = flag(ends, flags::CONTINUES)
            | flag(own_root, flags::OWN_ROOT)
            | flag(request.write, flags::WRITE)
            | flag(actor.exempt && request.write, flags::ASKED_FOR)
            | flag(request.resource.is_empty(), flags::NO_RESOURCE)
            | flag(version != 0 && request.write && request.verb != "deletecollection", flags::VERSIONED);
        if background.is_none() {
            let view = View::new(request, place.stream);
            heartbeat = heartbeat_of(&view);
            if ends {
                react::react_request(&view, audit_id.0, &mut batch.facts);
            }
            produce::produce(&view, &mut batch.facts);
            produce::produce_request(&view, audit_id.0, &mut batch.facts);
            if actor.class == Actor::Human {
                client = u32::try_from(batch.clients.len()).unwrap_or(u32::MAX);
                batch.clients.push(client::client_request(&view));
            } else {
                react::react(&view, &mut batch.facts);
            }
        }
        let facts_len = u16::try_from(batch.facts.len() - facts_from).unwrap_or(u16::MAX);
        batch.heads.push(Head {
            id: event_id(place.stream, audit_id, event.stage),
            audit_id,
            stage: event.stage,
            at: place.at,
            received_at: event.received_at,
            stage_at: event.stage_at,
            offset: place.offset,
            item: place.item,
            row: place.row,
            user: actor.user,
            session: session(event, actor.process),
            heartbeat,
            version,
            facts_from: u32::try_from(facts_from).unwrap_or(u32::MAX),
            facts_len,
            client,
            actor: actor.class,
            background,
            flags,
        });
    }

    /// The next batch is about as long as the last one: it gets its memory at once, and hardly more than it needs.
    fn make_room(&mut self, batch: &mut FactBatch) {
        if batch.heads.is_empty() {
            let (heads, facts, clients) = self.size;
            batch.heads.reserve_exact(heads.min(MOST_ROOM));
            batch.facts.reserve_exact(facts.min(16 * MOST_ROOM));
            batch.clients.reserve_exact(clients.min(MOST_ROOM));
        }
        self.size = (batch.heads.len() + 1, batch.facts.len(), batch.clients.len());
    }
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

/// Id of an event: hash of stream, audit id and stage. Free of positions, so replays agree.
pub fn event_id(stream: KeySpace, audit_id: AuditId, stage: Stage) -> Id {
    let [high, low, _] = produce::request_parts(audit_id.0);
    Id(keys::combine(stream.0, [u64::MAX, high, low, stage as u64]))
}

/// The audit id as a number: the UUID, or a hash of what is none.
pub fn audit_id(text: &str) -> AuditId {
    AuditId(audit_uuid(text).unwrap_or_else(|| hash_of_odd(text)))
}

fn hash_of_odd(text: &str) -> u128 {
    xxhash_rust::xxh3::xxh3_128(text.as_bytes())
}

/// The audit id as a number; the text of one that is no UUID is kept in the batch.
fn noted_audit_id(text: &str, batch: &mut FactBatch) -> AuditId {
    AuditId(audit_uuid(text).unwrap_or_else(|| {
        let id = hash_of_odd(text);
        batch.odd_ids.push((AuditId(id), text.to_owned()));
        id
    }))
}

/// Whether this is a further event of a request that reports its start with an event of its own.
fn ends_long_running(event: &Event<'_>) -> bool {
    if !matches!(event.stage, Stage::ResponseComplete | Stage::Panic) {
        return false;
    }
    let subresource = event.object.as_ref().map_or("", |one| &one.subresource);
    matches!(&*event.verb, "watch" | "proxy")
        || matches!(subresource, "exec" | "attach" | "portforward" | "log" | "proxy")
}

/// The version that a successful response tells. A cluster may keep its Event objects in a store of their own, so their
/// versions are not comparable.
fn version(event: &Event<'_>) -> u64 {
    let told =
        matches!(event.status_code, 200..=299) && event.object.as_ref().is_some_and(|one| one.resource != "events");
    if told { event.response.metadata.resource_version.parse().unwrap_or(0) } else { 0 }
}

/// Hash of user, impersonated user, user agent and source address.
fn session(event: &Event<'_>, process: u64) -> u64 {
    keys::combine(1, [process, keys::text(&event.impersonated_user), keys::text(&event.source_ip), 0])
}

fn heartbeat_of(view: &View<'_, '_>) -> u64 {
    if view.is(Actor::Human) || view.name.is_empty() || !matches!(view.verb, "get" | "update" | "patch") {
        return 0;
    }
    let object = keys::object(view.resource_hash, view.namespace_hash, view.name_hash);
    keys::combine(2, [view.actor.process, keys::text(view.verb), object, keys::text(view.subresource)])
}

#[cfg(test)]
mod tests;
