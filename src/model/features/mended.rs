//! The columns of this program. Names that differ from cluster to cluster are left out or reduced, so that a model holds
//! elsewhere.

use super::user_agent::UserAgent;
use super::{Column, Value, mark, text};
use crate::audit::actor::Class;
use crate::audit::event::{Body, Event, ObjectRef, Stage};
use crate::audit::label::{Label, control_plane, propose};
use std::borrow::Cow;

macro_rules! columns {
    ($($name:literal => |$event:ident| $value:expr;)*) => { [$(Column { name: $name, value: |$event| $value }),*] };
}

/// The columns, in order; the gap comes behind them.
pub(super) const COLUMNS: [Column; 47] = columns! {
    "own_label" => |e| Some(Cow::Owned(propose(e).0.to_string()));
    "routine_label" => |e| Some(control_plane(e)).filter(|l| *l != Label::UNKNOWN).map(|l| Cow::Owned(l.0.to_string()));
    "verb" => |e| text(&e.verb);
    "stage" => |e| Some(Cow::Borrowed(stage(e.stage)));
    "objectRef.apiGroup" => |e| group(e.object.as_ref()?);
    "objectRef.apiVersion" => |e| text(&e.object.as_ref()?.api_version);
    "objectRef.resource" => |e| text(&e.object.as_ref()?.resource);
    "objectRef.subresource" => |e| text(&e.object.as_ref()?.subresource);
    "objectRef.namespace" => |e| mark(!e.object.as_ref()?.namespace.is_empty());
    "objectRef.namespace.system" => |e| system_namespace(&e.object.as_ref()?.namespace);
    "objectRef.name" => |e| mark(!e.object.as_ref()?.name.is_empty());
    "requestURI.fieldManager" => |e| text(parameter(&e.request_uri, "fieldManager"));
    "requestURI.limit" => |e| mark(!parameter(&e.request_uri, "limit").is_empty());
    "requestURI.selector" => |e| text(selector(&e.request_uri));
    "requestURI.dryRun" => |e| mark(!parameter(&e.request_uri, "dryRun").is_empty());
    "user.class" => |e| Some(Cow::Borrowed(e.class().as_str()));
    "user.username" => |e| actor(e);
    "user.groups[0]" => |e| system_group(e, 0);
    "user.groups[1]" => |e| system_group(e, 1);
    "user.groups[2]" => |e| system_group(e, 2);
    "impersonatedUser" => |e| mark(!e.impersonated_user.is_empty());
    "userAgent.tool" => |e| text(UserAgent::of(&e.user_agent).tool);
    "userAgent.extra" => |e| text(UserAgent::of(&e.user_agent).extra);
    "responseStatus.code" => |e| (e.status_code > 0).then(|| Cow::Owned(e.status_code.to_string()));
    "responseStatus.reason" => |e| text(&e.status_reason);
    "annotations.authorization.k8s.io/decision" => |e| text(&e.decision);
    "requestObject.apiVersion" => |e| text(&e.request.api_version);
    "requestObject.kind" => |e| text(&e.request.kind);
    "requestObject.metadata.namespace" => |e| mark(!e.request.metadata.namespace.is_empty());
    "requestObject.metadata.ownerReferences.kind" => |e| owner_kind(&e.request);
    "requestObject.metadata.ownerReferences.controller" => |e| mark(e.request.metadata.owners.iter().any(|o| o.controller));
    "requestObject.spec.replicas" => |e| count(e.request.spec.replicas);
    "responseObject.apiVersion" => |e| text(&e.response.api_version);
    "responseObject.kind" => |e| text(&e.response.kind);
    "responseObject.metadata.namespace" => |e| mark(!e.response.metadata.namespace.is_empty());
    "responseObject.metadata.ownerReferences.apiVersion" => |e| text(&e.response.metadata.owners.first()?.api_version);
    "responseObject.metadata.ownerReferences.kind" => |e| owner_kind(&e.response);
    "responseObject.metadata.ownerReferences.controller" => |e| mark(e.response.metadata.owners.iter().any(|o| o.controller));
    "responseObject.metadata.deletionTimestamp" => |e| mark(e.response.metadata.deleting);
    "responseObject.metadata.generation" => |e| count(Some(e.response.metadata.generation).filter(|n| *n > 0));
    "responseObject.metadata.manager" => |e| text(&e.response.metadata.manager);
    "responseObject.reason" => |e| text(&e.response.reason);
    "responseObject.type" => |e| text(&e.response.event_type);
    "responseObject.component" => |e| text(component(&e.response));
    "responseObject.involvedObject.kind" => |e| text(&e.response.involved_object.as_ref()?.kind);
    "responseObject.involvedObject.namespace" => |e| mark(!e.response.involved_object.as_ref()?.namespace.is_empty());
    "responseObject.items" => |e| mark(!e.response.items.is_empty());
};

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::RequestReceived => "received",
        Stage::ResponseStarted => "started",
        Stage::ResponseComplete => "complete",
        Stage::Panic => "panic",
    }
}

fn group<'e>(object: &'e ObjectRef<'_>) -> Value<'e> {
    text(if object.api_group.is_empty() { "core" } else { &object.api_group })
}

/// The namespaces that every cluster has.
fn system_namespace(namespace: &str) -> Value<'_> {
    (namespace.starts_with("kube-") || namespace == "default").then_some(Cow::Borrowed(namespace))
}

/// The names that every cluster has: components and the accounts of controllers. People, nodes and other accounts are told by
/// their class alone.
fn actor<'e>(event: &'e Event<'_>) -> Value<'e> {
    match event.class() {
        Class::Component | Class::Controller => text(&event.user),
        Class::User | Class::Node | Class::ServiceAccount => None,
    }
}

fn system_group<'e>(event: &'e Event<'_>, place: usize) -> Value<'e> {
    let group = event.groups.get(place)?;
    // the group of a namespace's accounts carries the namespace
    let known = group.starts_with("system:") && !group.starts_with("system:serviceaccounts:");
    Some(Cow::Borrowed(if known { group } else { "other" }))
}

/// What stands in a query, as it is written.
fn parameter<'u>(uri: &'u str, name: &str) -> &'u str {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

/// The field that a selector names first, without what it is compared with.
fn selector(uri: &str) -> &str {
    let field = parameter(uri, "fieldSelector");
    if !field.is_empty() {
        return field.split(['%', '=', ',']).next().unwrap_or_default();
    }
    if parameter(uri, "labelSelector").is_empty() { "" } else { "labels" }
}

fn owner_kind<'e>(body: &'e Body<'_>) -> Value<'e> {
    text(&body.metadata.owners.first()?.kind)
}

fn component<'e>(body: &'e Body<'_>) -> &'e str {
    if body.reporting_component.is_empty() { &body.source_component } else { &body.reporting_component }
}

fn count(number: Option<i64>) -> Value<'static> {
    Some(Cow::Borrowed(match number? {
        ..=0 => "0",
        1 => "1",
        2 => "2",
        _ => "more",
    }))
}
