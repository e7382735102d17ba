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
    /// `metadata.resourceVersion` of the response, 0 where there is none: for a write that changed its object the place in the
    /// store's total order of writes, for anything else a write that came before the response. See [`flags::VERSIONED`].
    pub version: u64,
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
    /// [`super::Head::version`] is that of the event's own write, unless it changed nothing.
    pub const VERSIONED: u8 = 16;
    /// Somebody asked for it, even where no cause is known: a namespace is emptied.
    pub const ASKED_FOR: u8 = 32;
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
    /// In K8NTEXT's cluster of the control plane.
    ControlPlane,
    /// In none of K8NTEXT's clusters.
    Unassigned,
}

impl Background {
    /// Stable name, as in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Background::Leases => "leases",
            Background::Node => "node",
            Background::Watch => "watch",
            Background::Probe => "probe",
            Background::ApiServer => "apiserver",
            Background::ControllerToken => "controller-token",
            Background::Discovery => "discovery",
            Background::Periodic => "periodic",
            Background::Other => "other",
            Background::ControlPlane => "control-plane",
            Background::Unassigned => "unassigned",
        }
    }
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

impl FactBatch {
    /// The facts of one of its heads.
    pub fn facts_of(&self, head: &Head) -> &[Fact] {
        let from = head.facts_from as usize;
        self.facts.get(from..from + usize::from(head.facts_len)).unwrap_or_default()
    }

    /// What command grouping needs of one of its heads.
    pub fn client_of(&self, head: &Head) -> Option<&ClientRequest> {
        self.clients.get(head.client as usize)
    }
}

/// An event as the engine needs it.
#[derive(Copy, Clone, Debug)]
pub struct Input<'a> {
    /// The event.
    pub head: &'a Head,
    /// Its facts.
    pub facts: &'a [Fact],
    /// For a person's request.
    pub client: Option<&'a ClientRequest>,
}

impl<'a> Input<'a> {
    /// An event of a batch; `None` when the batch has no such head.
    pub fn of(batch: &'a FactBatch, index: usize) -> Option<Input<'a>> {
        let head = batch.heads.get(index)?;
        Some(Input { head, facts: batch.facts_of(head), client: batch.client_of(head) })
    }
}

/// A person's request, for command grouping (`spec/contexts.md` 2.5): hashes of text, 0 for absent. Filled by `context::client`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRequest {
    /// What the path asks for.
    pub path: Path,
    /// Verb.
    pub verb: Verb,
    /// `responseStatus.code`.
    pub code: u16,
    /// See [`asks`].
    pub bits: u32,
    /// API version in the path: `v1`, `apps/v1`.
    pub version: u64,
    /// The whole URI.
    pub uri: u64,
    /// Field manager in the query.
    pub manager: u64,
    /// Resource.
    pub resource: u64,
    /// Namespace.
    pub namespace: u64,
    /// Name of the object, from the request or from a field selector.
    pub name: u64,
    /// Name of the object from the request alone.
    pub own_name: u64,
    /// Identity of the object by resource, namespace and `name`.
    pub object: u64,
    /// Name of the object whose events are asked for.
    pub about: u64,
    /// Identity of the node whose pods are asked for.
    pub node: u64,
}

/// Bits of [`ClientRequest::bits`].
pub mod asks {
    /// The root of the OpenAPI documents.
    pub const DOCUMENT_ROOT: u32 = 1;
    /// An API version whose document takes long to read.
    pub const BIG_DOCUMENT: u32 = 1 << 1;
    /// Changes something.
    pub const WRITES: u32 = 1 << 2;
    /// Succeeded.
    pub const OK: u32 = 1 << 3;
    /// By `system:anonymous`.
    pub const ANONYMOUS: u32 = 1 << 4;
    /// The path starts with `/api`.
    pub const API_PATH: u32 = 1 << 5;
    /// Names a subresource.
    pub const SUBRESOURCE: u32 = 1 << 6;
    /// An eviction.
    pub const EVICTS: u32 = 1 << 7;
    /// A watch, exec, attach, log or port-forward: its end says nothing of what comes next.
    pub const FOLLOWS: u32 = 1 << 8;
    /// A list in pages, without a field selector.
    pub const PLAIN_LIST: u32 = 1 << 9;
    /// Pods of a node, whatever their phase.
    pub const DRAINS: u32 = 1 << 10;
    /// A resource that is created without discovery.
    pub const WITHOUT_DISCOVERY: u32 = 1 << 11;
    /// A resource that `describe` lists.
    pub const DESCRIBED: u32 = 1 << 12;
    /// A resource that `drain` looks at.
    pub const DRAINED: u32 = 1 << 13;
    /// The field manager of a command that ends with its one write.
    pub const ONE_SHOT: u32 = 1 << 14;
    /// The field manager of a command that writes files of objects.
    pub const FILES: u32 = 1 << 15;
    /// The client follows the grammar of kubectl's commands.
    pub const GRAMMAR: u32 = 1 << 16;
}

/// What a request's path asks for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Path {
    /// None of the others.
    #[default]
    Other,
    /// OpenAPI documents.
    OpenApi,
    /// `/api`.
    Api,
    /// `/apis`.
    Apis,
    /// The resources of one API version.
    Group,
    /// Objects.
    Object,
}

/// Verbs as the grammar of commands tells them apart.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    /// `get`.
    Get,
    /// `list`.
    List,
    /// `watch`.
    Watch,
    /// `create`.
    Create,
    /// `update`.
    Update,
    /// `patch`.
    Patch,
    /// `delete`.
    Delete,
    /// `deletecollection`.
    DeleteCollection,
    /// Any other.
    #[default]
    Other,
}

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

impl Role {
    /// Stable name, as in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Request => "request",
            Role::Effect => "effect",
            Role::Background => "background",
        }
    }
}

/// The link from an event to its cause.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// Event that caused it.
    pub parent: Id,
    /// Its request.
    pub audit_id: AuditId,
    /// Kind of evidence: code of a [`super::kind::Kind`].
    pub kind: u8,
    /// Weight of the evidence, 0–99; below 60 is "probably".
    pub weight: u8,
    /// By how much the weight exceeds that of the best cause in another context; the weight itself where there is none.
    pub margin: u8,
}

/// What the engine says of one event.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
