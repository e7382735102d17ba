//! The label that an event would have if it were the start of its action, from the event alone.

use super::{Label, Parts, Verb, table};
use crate::audit::event::{Event, ObjectRef};

/// Proposes a label; never [`Label::UNKNOWN`] for a request that the table knows.
pub fn propose(event: &Event<'_>) -> Label {
    if !is_resource_path(&event.request_uri) {
        return Label::IGNORED;
    }
    let Some(object) = &event.object else {
        return Label::UNKNOWN;
    };
    if matches!(&*object.namespace, "falco" | "kube-flannel") {
        return Label::IGNORED;
    }
    of_object(&event.verb, object).unwrap_or(Label::UNKNOWN)
}

fn of_object(verb: &str, object: &ObjectRef<'_>) -> Option<Label> {
    let verb = Verb::of(verb)?;
    let group = if object.api_group.is_empty() { "core" } else { &object.api_group };
    let (id, sub) = if table::has_group(group) {
        let row = table::by_name(group, &object.api_version, &object.resource, &object.subresource)?;
        row.allows(verb).then_some((row.id, row.sub))?
    } else {
        (table::CUSTOM, 0)
    };
    let (namespaced, single) = (!object.namespace.is_empty(), !object.name.is_empty());
    Some(Label::encode(Parts { id, sub, namespaced, single, verb }))
}

/// Whether the path lies below `/api/<version>/` or `/apis/<group>/`.
fn is_resource_path(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    matches!(segments.next(), Some("api" | "apis")) && segments.nth(1).is_some()
}
