//! What travels from the decoding workers to the causal engine: small, flat, without text.
//!
//! ```text
//! Event ──▶ FactBatch { heads: one a request, facts: its Produce/React facts, clients: what command grouping needs }
//! ```
//! A batch belongs to one block of one partition; `Head::facts` and `Head::client` index into the same batch.

use crate::audit::event::Stage;
use crate::audit::hash::Id;
use crate::audit::time::Micros;
use serde::{Deserialize, Serialize};

/// Audit id of a request as 128 bits: the UUID itself, or a hash of an id that is none (its text is in [`FactBatch::odd_ids`]).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditId(pub u128);

/// Who acts, for the causal rules (`spec/contexts.md` 2.3).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// May start a context; its requests are grouped into commands.
    Human,
    /// Only reacts; an event without a cause is background.
    System,
    /// Reacts if there is evidence, else starts a context of its own.
    Operator,
}

/// One request as the engine sees it.
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Hash of stream, audit id and stage.
    pub id: Id,
    /// The request.
    pub audit_id: AuditId,
    /// Stage of the event.
    pub stage: Stage,
    /// Event time: max(received, stage − allowed lateness).
    pub at: Micros,
    /// `requestReceivedTimestamp`.
    pub received_at: Micros,
    /// `stageTimestamp`.
    pub stage_at: Micros,
    /// Offset of the record in its partition.
    pub offset: u64,
    /// Index of the event in its record (an EventList has many).
    pub item: u32,
    /// Row in the bulk batch; `u32::MAX` when the event has no row.
    pub row: u32,
    /// Hash of `user.username`.
    pub user: u64,
    /// Hash of what makes a session: user, impersonated user, user agent, source address.
    pub session: u64,
    /// Hash of (user, user agent, verb, object) when the request could be periodic (a get, update or patch of a named object), else 0.
    pub heartbeat: u64,
    /// Start of this event's facts in [`FactBatch::facts`].
    pub facts_from: u32,
    /// Number of facts.
    pub facts_len: u16,
    /// Index into [`FactBatch::clients`], or `u32::MAX`.
    pub client: u32,
    /// Class for the causal rules.
    pub actor: Actor,
    /// Background stream that the event belongs to by itself, if any.
    pub background: Option<Background>,
    /// See [`flags`].
    pub flags: u8,
}

/// Bits of [`Head::flags`].
pub mod flags {
    /// A further event of a long-running request, whose first one is [`super::Stage::ResponseStarted`].
    pub const CONTINUES: u8 = 1;
    /// Starts a context of its own; the link is kept as the parent context (a CronJob's firing).
    pub const OWN_ROOT: u8 = 2;
    /// Changes something: create, update, patch, delete, deletecollection.
    pub const WRITE: u8 = 4;
    /// A request without a resource.
    pub const NO_RESOURCE: u8 = 8;
}

/// Kinds of periodic activity (`spec/contexts.md` 2.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Background {
    /// Leases and leader election.
    Leases,
    /// A kubelet on its node and its helpers.
    Node,
    /// Cluster-wide lists and watches.
    Watch,
    /// Health and version probes.
    Probe,
    /// The API server's own housekeeping.
    ApiServer,
    /// Tokens of the controller manager.
    ControllerToken,
    /// API discovery by components.
    Discovery,
    /// Found to be periodic.
    Periodic,
    /// A chain whose root is a component's event without a cause.
    Other,
}

/// "From now on this event is the latest writer of `key`", or "caused by the latest earlier write of `key`".
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// Hash of aspect and identity, seeded with the stream.
    pub key: u64,
    /// A React's kind, or a Produce's aspect: an index into the rule tables.
    pub code: u8,
    /// Produce (true) or React.
    pub produce: bool,
    /// The key is a state of the very object that the request is about: only a write by another user counts.
    pub own: bool,
}

/// The facts of the events of one block.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FactBatch {
    /// One for each event, in the order of the block.
    pub heads: Vec<Head>,
    /// All facts.
    pub facts: Vec<Fact>,
    /// What command grouping needs of requests by people.
    pub clients: Vec<ClientRequest>,
    /// Text of the audit ids that are no UUIDs.
    pub odd_ids: Vec<(AuditId, String)>,
}

/// A person's request, for command grouping (`spec/contexts.md` 2.5). Filled by `context::client`.
#[derive(Copy, Clone, Debug, Default, Serialize, Deserialize)]
pub struct ClientRequest {}

/// What an event is within its context.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// First event of the context.
    Root,
    /// A further request of the same command.
    Request,
    /// Caused by it.
    Effect,
    /// Belongs to no context.
    Background,
}

/// The link from an event to its cause.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// Event that caused it.
    pub parent: Id,
    /// Its request.
    pub audit_id: AuditId,
    /// Kind of evidence: an index into the rule tables.
    pub kind: u8,
    /// Weight of the evidence, 0–99; below 60 is "probably".
    pub weight: u8,
}

/// What the engine says of one event.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// Context: the id of its root event. For background: meaningless.
    pub context: Id,
    /// Role in it.
    pub role: Role,
    /// Which background, when the role is [`Role::Background`].
    pub background: Option<Background>,
    /// The link to its cause.
    pub cause: Option<Cause>,
    /// For a root with [`flags::OWN_ROOT`]: the context that it was set off by.
    pub parent_context: Option<Id>,
}
