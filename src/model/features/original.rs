//! K8NTEXT's 39 columns, in its order (`k8ntext.md` section 4.2), as that program fills them.
//!
//! Ten of them never have a value: its owner references are looked for where none can be (the list's index is part of the flattened
//! key), and an involved object has no resource. What it treats as absent and what as empty cannot always be told apart in a
//! decoded event; both count as absent here.

use super::user_agent::UserAgent;
use super::{Column, mark, text};
use crate::audit::label::Verb;
use std::borrow::Cow;

macro_rules! columns {
    ($($name:literal => |$event:pat_param| $value:expr;)*) => { [$(Column { name: $name, value: |$event| $value }),*] };
}

/// The columns, in order.
pub(super) const COLUMNS: [Column; 39] = columns! {
    "annotations.authorization.k8s.io/decision" => |e| text(&e.decision);
    "objectRef.apiGroup" => |e| text(&e.object.as_ref()?.api_group);
    "objectRef.namespace" => |e| mark(!e.object.as_ref()?.namespace.is_empty());
    "objectRef.resource" => |e| text(&e.object.as_ref()?.resource);
    "objectRef.subresource" => |e| text(&e.object.as_ref()?.subresource);
    "requestObject.apiVersion" => |e| text(&e.request.api_version);
    "requestObject.kind" => |e| text(&e.request.kind);
    "requestObject.metadata.namespace" => |e| text(&e.request.metadata.namespace);
    "requestObject.metadata.ownerReferences.apiVersion" => |_| None;
    "requestObject.metadata.ownerReferences.blockOwnerDeletion" => |_| None;
    "requestObject.metadata.ownerReferences.controller" => |_| None;
    "requestObject.metadata.ownerReferences.kind" => |_| None;
    "requestObject.spec.volumeMode" => |e| text(&e.request.spec.volume_mode);
    "requestObject.volumeBindingMode" => |e| text(&e.request.volume_binding_mode);
    "responseObject.count" => |e| e.response.count.map(|count| Cow::Owned(count.to_string()));
    "responseObject.involvedObject.apiVersion" => |e| text(&e.response.involved_object.as_ref()?.api_version);
    "responseObject.involvedObject.kind" => |e| text(&e.response.involved_object.as_ref()?.kind);
    "responseObject.involvedObject.namespace" => |e| mark(!e.response.involved_object.as_ref()?.namespace.is_empty());
    "responseObject.involvedObject.resource" => |_| None;
    "responseObject.involvedObject.subresource" => |_| None;
    "responseObject.kind" => |e| text(&e.response.kind);
    "responseObject.metadata.namespace" => |e| mark(!e.response.metadata.namespace.is_empty());
    "responseObject.metadata.ownerReferences.apiVersion" => |_| None;
    "responseObject.metadata.ownerReferences.blockOwnerDeletion" => |_| None;
    "responseObject.metadata.ownerReferences.controller" => |_| None;
    "responseObject.metadata.ownerReferences.kind" => |_| None;
    "responseObject.reason" => |e| text(&e.response.reason);
    "responseObject.reportingComponent" => |e| text(&e.response.reporting_component);
    "responseObject.source.component" => |e| text(&e.response.source_component);
    "responseObject.spec.volumeMode" => |e| text(&e.response.spec.volume_mode);
    "responseObject.type" => |e| text(&e.response.event_type);
    "responseStatus.code" => |e| (e.status_code > 0).then(|| Cow::Owned(e.status_code.to_string()));
    "user.groups[0]" => |e| text(e.groups.first()?);
    "user.groups[1]" => |e| text(e.groups.get(1)?);
    "user.groups[2]" => |e| text(e.groups.get(2)?);
    "userAgent.extra" => |e| text(UserAgent::of(&e.user_agent).extra);
    "userAgent.tool" => |e| text(UserAgent::of(&e.user_agent).tool);
    "userAgent.version" => |e| text(UserAgent::of(&e.user_agent).version);
    "verb" => |e| Verb::of(&e.verb).map(|verb| Cow::Borrowed(verb.as_str()));
};
