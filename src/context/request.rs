//! What the rules see of an event without a hash: enough to say that it is background, as half of all events are.

use super::actor::ActorRow;
use super::identity::first;
use super::model::Actor;
use super::tables::Tables;
use crate::audit::event::{Body, Event};

/// One event as the rules look at it.
pub(super) struct Request<'v, 'a> {
    pub event: &'v Event<'a>,
    pub actor: &'v ActorRow,
    pub tables: &'v Tables,
    pub verb: &'v str,
    /// Plural resource name; empty for requests without a resource.
    pub resource: &'v str,
    pub subresource: &'v str,
    /// Empty for cluster-scoped objects, namespaces included.
    pub namespace: &'v str,
    pub name: &'v str,
    pub group: &'v str,
    pub write: bool,
    pub ok: bool,
    /// The answer is a single object.
    pub returned: bool,
}

impl<'v, 'a> Request<'v, 'a> {
    pub fn new(event: &'v Event<'a>, actor: &'v ActorRow, tables: &'v Tables) -> Request<'v, 'a> {
        let verb: &str = &event.verb;
        let object = event.object.as_ref();
        let resource: &str = object.map_or("", |one| &one.resource);
        let returned = is_object(&event.response);
        let mut name: &str = object.map_or("", |one| &one.name);
        if name.is_empty() && returned && verb == "create" {
            name = first(&event.response.metadata.name, &event.request.metadata.name);
        }
        Request {
            event,
            actor,
            tables,
            verb,
            resource,
            subresource: object.map_or("", |one| &one.subresource),
            // The API server puts a namespace's own name into its namespace.
            namespace: object.map_or("", |one| if resource == "namespaces" { "" } else { &one.namespace }),
            name,
            group: object.map_or("", |one| &one.api_group),
            write: matches!(verb, "create" | "update" | "patch" | "delete" | "deletecollection"),
            ok: matches!(event.status_code, 0 | 101 | 200..=299),
            returned,
        }
    }

    pub fn is(&self, class: Actor) -> bool {
        self.actor.class == class
    }
}

/// Whether a body is a single object rather than a Status, a list or nothing.
fn is_object(body: &Body<'_>) -> bool {
    !body.kind.is_empty() && body.kind != "Status" && !body.kind.ends_with("List")
}
