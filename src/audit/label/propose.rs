//! The label that an event would have if it were the start of its action, from the event alone.

use super::{Label, Parts, Verb, table};
use crate::audit::event::{Event, ObjectRef};
use memchr::memchr2;

/// What a label names beside the scope of the request: the resource, by its ids, and the verb.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Target {
    id: u16,
    sub: u8,
    verb: Verb,
}

/// What a label says of a request beside its target.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Not a request for a resource, or of an excluded namespace.
    Ignored,
    /// Any other request.
    Of {
        /// It names a namespace.
        namespaced: bool,
        /// It names an object.
        single: bool,
    },
}

impl Scope {
    /// The scope of an event.
    pub fn of(event: &Event<'_>) -> Scope {
        let (namespace, name) = event.object.as_ref().map_or(("", ""), |object| (&*object.namespace, &*object.name));
        if !is_resource_path(&event.request_uri) || matches!(namespace, "falco" | "kube-flannel") {
            return Scope::Ignored;
        }
        Scope::Of { namespaced: !namespace.is_empty(), single: !name.is_empty() }
    }

    /// A number below eight for each.
    pub const fn code(self) -> u8 {
        match self {
            Scope::Ignored => 4,
            Scope::Of { namespaced, single } => namespaced as u8 | ((single as u8) << 1),
        }
    }
}

/// Proposes a label; never [`Label::UNKNOWN`] for a request that the table knows.
pub fn propose(event: &Event<'_>) -> Label {
    label(Scope::of(event), event.object.as_ref().and_then(|object| target(&event.verb, object)))
}

/// The label of a request with that scope and [`target()`].
pub fn label(scope: Scope, target: Option<Target>) -> Label {
    match (scope, target) {
        (Scope::Ignored, _) => Label::IGNORED,
        (_, None) => Label::UNKNOWN,
        (Scope::Of { namespaced, single }, Some(Target { id, sub, verb })) => {
            Label::encode(Parts { id, sub, namespaced, single, verb })
        }
    }
}

/// What labels of requests with this verb for this resource name; `None` where they have no label.
pub fn target(verb: &str, object: &ObjectRef<'_>) -> Option<Target> {
    let verb = Verb::of(verb)?;
    let group = if object.api_group.is_empty() { "core" } else { &object.api_group };
    let (id, sub) = if table::has_group(group) {
        let row = table::by_name(group, &object.api_version, &object.resource, &object.subresource)?;
        row.allows(verb).then_some((row.id, row.sub))?
    } else {
        (table::CUSTOM, 0)
    };
    Some(Target { id, sub, verb })
}

/// Whether the path lies below `/api/<version>/` or `/apis/<group>/`.
fn is_resource_path(uri: &str) -> bool {
    let path = uri.strip_prefix('/').unwrap_or(uri);
    let below = path.strip_prefix("apis/").or_else(|| path.strip_prefix("api/")).unwrap_or_default().as_bytes();
    memchr2(b'/', b'?', below).is_some_and(|at| below.get(at) == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by its segments.
    fn plainly(uri: &str) -> bool {
        let path = uri.split('?').next().unwrap_or_default();
        let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
        matches!(segments.next(), Some("api" | "apis")) && segments.nth(1).is_some()
    }

    proptest! {
        #[test]
        fn resource_paths(uri in "/{0,2}(api|apis|ap)?[/?ax]{0,6}") {
            prop_assert_eq!(is_resource_path(&uri), plainly(&uri));
        }
    }
}
