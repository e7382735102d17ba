//! The action of an event, its key in tables and sequences, and the class of its actor.

use super::event::Event;
use std::fmt;

/// First path segments of the endpoints that API servers have. Others come from scanners and would be without number.
const ENDPOINTS: [&str; 16] = [
    ".well-known",
    "api",
    "apis",
    "configz",
    "debug",
    "flagz",
    "healthz",
    "livez",
    "logs",
    "metrics",
    "openapi",
    "readyz",
    "statusz",
    "swagger",
    "ui",
    "version",
];

/// Longest verb that is taken at its word. The verb of a request without a resource is whatever the client sent as its method.
const MAX_VERB_LEN: usize = 20;

/// What an event does: shown as `verb group/resource[/subresource]`, without the group for the core group, such as
/// `create apps/deployments` or `get pods/log`; as `verb /endpoint` without a resource, such as `get /openapi`. There are few
/// different ones, whatever clients ask for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action<'e> {
    verb: &'e str,
    group: &'e str,
    /// Resource, or the endpoint where there is none.
    target: &'e str,
    subresource: &'e str,
    on_resource: bool,
}

impl Event<'_> {
    /// The event's action.
    pub fn action(&self) -> Action<'_> {
        let verb = &*self.verb;
        let usual = !verb.is_empty() && verb.len() <= MAX_VERB_LEN && verb.bytes().all(|b| b.is_ascii_lowercase());
        let verb = if usual { verb } else { "other" };
        match self.object.as_ref().filter(|object| !object.resource.is_empty()) {
            Some(object) => Action {
                verb,
                group: &object.api_group,
                target: &object.resource,
                subresource: &object.subresource,
                on_resource: true,
            },
            None => {
                Action { verb, group: "", target: endpoint(&self.request_uri), subresource: "", on_resource: false }
            }
        }
    }

    /// The class of the actor, by its user name; of the client that really asked when it impersonated another.
    pub fn class(&self) -> Class {
        Class::of(&self.user, &self.user_agent)
    }
}

/// The known endpoint of a URI, or `*`.
fn endpoint(uri: &str) -> &'static str {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ENDPOINTS.iter().find(|name| **name == first).copied().unwrap_or("*")
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Action { verb, group, target, subresource, on_resource } = self;
        if !on_resource {
            return write!(f, "{verb} /{target}");
        }
        f.write_str(verb)?;
        f.write_str(" ")?;
        if !group.is_empty() {
            write!(f, "{group}/")?;
        }
        f.write_str(target)?;
        if subresource.is_empty() { Ok(()) } else { write!(f, "/{subresource}") }
    }
}

/// What kind of client an actor is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A person, or a program with a person's credentials.
    User,
    /// A controller of the controller manager, each with a service account of its own.
    Controller,
    /// A kubelet.
    Node,
    /// A component of the control plane or of the distribution.
    Component,
    /// Any other service account.
    ServiceAccount,
}

/// Controllers whose service account does not end in `-controller`.
const CONTROLLERS: [&str; 7] = [
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "legacy-service-account-token-cleaner",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "root-ca-cert-publisher",
    "token-cleaner",
];

/// Users of the `system:` space that stand for people.
const PEOPLE: [&str; 3] = ["system:admin", "system:anonymous", "system:unauthenticated"];

/// Prefixes of the user names of components: Kubernetes' own, and those of EKS and AKS.
const COMPONENTS: [&str; 3] = ["system:", "eks:", "aks-"];

impl Class {
    /// The class of a user name and its user agent.
    pub fn of(user: &str, user_agent: &str) -> Class {
        if let Some(account) = user.strip_prefix("system:serviceaccount:") {
            return match account.strip_prefix("kube-system:") {
                Some(name) if is_controller(name, user_agent) => Class::Controller,
                _ => Class::ServiceAccount,
            };
        }
        if user.starts_with("system:node:") {
            Class::Node
        } else if user.starts_with("system:controller:") {
            Class::Controller
        } else if COMPONENTS.iter().any(|prefix| user.starts_with(prefix)) && !PEOPLE.contains(&user) {
            Class::Component
        } else {
            Class::User
        }
    }

    /// The word that tables hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::User => "user",
            Class::Controller => "controller",
            Class::Node => "node",
            Class::Component => "component",
            Class::ServiceAccount => "service account",
        }
    }
}

fn is_controller(name: &str, user_agent: &str) -> bool {
    name.ends_with("-controller") || CONTROLLERS.contains(&name) || user_agent.starts_with("kube-controller-manager/")
}

/// The 128 bits of an audit id that is a UUID in its canonical form, lower case with four hyphens; `None` for any other text,
/// so that the id can be written back exactly.
pub fn audit_uuid(audit_id: &str) -> Option<u128> {
    let bytes = audit_id.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    bytes.iter().enumerate().try_fold(0_u128, |bits, (index, byte)| match (index, byte) {
        (8 | 13 | 18 | 23, b'-') => Some(bits),
        (8 | 13 | 18 | 23, _) => None,
        (_, b'0'..=b'9') => Some(bits << 4 | u128::from(byte - b'0')),
        (_, b'a'..=b'f') => Some(bits << 4 | u128::from(byte - b'a' + 10)),
        _ => None,
    })
}

/// The text of which [`audit_uuid`] made `bits`.
pub fn audit_uuid_text(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::decode::{Want, decode};
    use proptest::prelude::*;

    fn action(json: &str) -> String {
        let line =
            format!(r#"{{"auditID":"a","stage":"ResponseComplete","stageTimestamp":"2026-01-01T00:00:00Z",{json}}}"#);
        let mut text = String::new();
        decode(line.as_bytes(), Want::default(), &mut |_, event| text = event.unwrap().action().to_string());
        text
    }

    #[test]
    fn actions() {
        for (json, text) in [
            (r#""verb":"create","objectRef":{"apiGroup":"apps","resource":"deployments"}"#, "create apps/deployments"),
            (r#""verb":"get","objectRef":{"resource":"pods","subresource":"log"}"#, "get pods/log"),
            (r#""verb":"get","requestURI":"/openapi/v3?timeout=32s""#, "get /openapi"),
            (r#""verb":"get","requestURI":"/apis/apps/v1""#, "get /apis"),
            (r#""verb":"get","requestURI":"/wp-admin/x""#, "get /*"),
            (r#""verb":"get","requestURI":"/""#, "get /*"),
            (r#""verb":"x-1234-scan","requestURI":"/version""#, "other /version"),
            (r#""objectRef":{"resource":"pods"}"#, "other pods"),
        ] {
            assert_eq!(action(json), text);
        }
    }

    #[test]
    fn classes() {
        for (user, agent, class) in [
            ("alice", "kubectl/v1", Class::User),
            ("system:admin", "", Class::User),
            ("system:anonymous", "", Class::User),
            ("", "", Class::User),
            ("system:node:worker-1", "kubelet/v1", Class::Node),
            ("system:serviceaccount:kube-system:replicaset-controller", "", Class::Controller),
            ("system:serviceaccount:kube-system:generic-garbage-collector", "", Class::Controller),
            ("system:serviceaccount:kube-system:brand-new", "kube-controller-manager/v9 (linux)", Class::Controller),
            ("system:serviceaccount:kube-system:coredns", "coredns/v1", Class::ServiceAccount),
            ("system:serviceaccount:shop:web-controller", "", Class::ServiceAccount),
            ("system:kube-scheduler", "", Class::Component),
            ("system:apiserver", "", Class::Component),
            ("eks:k8s-metrics", "", Class::Component),
        ] {
            assert_eq!(Class::of(user, agent), class, "{user}");
        }
    }

    #[test]
    fn only_canonical_ids_are_uuids() {
        assert_eq!(audit_uuid("841d3e6d-90d2-43df-8da4-684738bee3d5"), Some(0x841d_3e6d_90d2_43df_8da4_6847_38be_e3d5));
        for text in [
            "",
            "841D3E6D-90d2-43df-8da4-684738bee3d5",
            "841d3e6d90d2-43df-8da4-684738bee3d5-",
            "{841d3e6d-90d2-43df-8da4-684738bee3d}",
        ] {
            assert_eq!(audit_uuid(text), None);
        }
    }

    proptest! {
        #[test]
        fn ids_are_restored_exactly(bits in any::<u128>(), text in "[0-9a-fA-F-]{36}") {
            prop_assert_eq!(audit_uuid(&audit_uuid_text(bits)), Some(bits));
            if let Some(bits) = audit_uuid(&text) {
                prop_assert_eq!(audit_uuid_text(bits), text);
            }
        }
    }
}
