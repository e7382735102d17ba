//! What the clustering knows of an event: a small owned record, K8NTEXT's "informative record" with its labels.

use super::control_plane::is_control_plane;
use crate::audit::event::{Event, Reference};
use crate::audit::hash::Id;
use crate::audit::label::{Label, propose};
use crate::audit::time::Micros;
use hashbrown::HashSet;
use std::sync::Arc;

/// One request. Absent text is empty.
#[derive(Clone, Debug)]
pub struct Record {
    /// The event.
    pub id: Id,
    /// Event time of the dataflow, for those who need it later; the clustering does not look at it.
    pub at: Micros,
    /// `requestReceivedTimestamp`: the order of the log, and the time of windows.
    pub received_at: Micros,
    /// `stageTimestamp`: the time of the old algorithm's limit.
    pub stage_at: Micros,
    /// Kind of action that the event belongs to, as somebody says.
    pub label: Label,
    /// Kind of action that the event would start itself.
    pub own_label: Label,
    /// Verb.
    pub verb: Arc<str>,
    /// `user.username`.
    pub user: Arc<str>,
    /// `objectRef.resource`.
    pub resource: Arc<str>,
    /// `objectRef.namespace`.
    pub namespace: Arc<str>,
    /// `objectRef.name`.
    pub name: Arc<str>,
    /// `responseObject.metadata.uid`.
    pub uid: Arc<str>,
    /// `responseObject.metadata.ownerReferences`.
    pub owners: Vec<Owner>,
    /// `responseObject.involvedObject`.
    pub involved: Option<ObjectKey>,
    /// `responseObject.spec.claimRef`.
    pub claim: Option<ObjectKey>,
    /// One of the predicates of `-C` holds.
    pub control_plane: bool,
}

/// An owner reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Uid of the owner.
    pub uid: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// An object by kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl Record {
    /// The record of `event`, labelled with what it would start itself. It must have been decoded with evidence.
    pub fn of(event: &Event<'_>, id: Id, at: Micros, pool: &mut Pool) -> Record {
        let own_label = propose(event);
        let object = event.object.as_ref();
        let (body, metadata) = (&event.response, &event.response.metadata);
        Record {
            id,
            at,
            received_at: event.received_at,
            stage_at: event.stage_at,
            label: own_label,
            own_label,
            verb: pool.text(&event.verb),
            user: pool.text(&event.user),
            resource: pool.text(object.map_or("", |o| &o.resource)),
            namespace: pool.text(object.map_or("", |o| &o.namespace)),
            name: pool.text(object.map_or("", |o| &o.name)),
            uid: pool.text(&metadata.uid),
            owners: metadata
                .owners
                .iter()
                .map(|owner| Owner { uid: pool.text(&owner.uid), name: pool.text(&owner.name) })
                .collect(),
            involved: body.involved_object.as_ref().map(|object| pool.key(object)),
            claim: body.spec.claim_ref.as_ref().map(|claim| pool.key(claim)),
            control_plane: is_control_plane(event),
        }
    }

    /// The label says what started the action, and this event is such a start.
    pub fn is_trigger(&self) -> bool {
        self.has_label() && self.label == self.own_label
    }

    /// The label is neither "unknown" nor "ignored".
    pub fn has_label(&self) -> bool {
        self.label != Label::UNKNOWN && self.label != Label::IGNORED
    }
}

/// Texts that occur again and again, each kept once.
#[derive(Debug, Default)]
pub struct Pool(HashSet<Arc<str>>);

impl Pool {
    /// The one copy of `text`.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        Arc::clone(self.0.get_or_insert_with(text, |text| Arc::from(text)))
    }

    fn key(&mut self, object: &Reference<'_>) -> ObjectKey {
        ObjectKey {
            kind: self.text(&object.kind),
            namespace: self.text(&object.namespace),
            name: self.text(&object.name),
        }
    }
}
