//! The predicates of R1–R15, each in both forms. An absent field matches nothing.

use super::{Rule, Rules};
use crate::audit::control_plane::{API_SERVER, CONTROLLER_MANAGER, COREDNS, FLANNEL, KUBE_PROXY, SCHEDULER, WATCHED};
use crate::audit::event::{Event, ObjectRef, Stage};

const NODE_PREFIX: &str = "system:node:";
const SYSTEM_NAMESPACE: &str = "kube-system";

/// Config map that the API server watches although it lies in a namespace.
const TOKEN_TRACKING: &str = "kube-apiserver-legacy-service-account-token-tracking";

/// The rules that can match at all, in order: R4 to R15 speak of system users only.
pub(super) fn candidates(event: &Event<'_>) -> &'static [Rule] {
    const ALL: &[Rule] = &Rule::ALL;
    let (removing, _) = ALL.split_at(3);
    // unanchored, as the original's test for nodes is
    if event.user.starts_with("system:") || event.user.contains(NODE_PREFIX) { ALL } else { removing }
}

/// Whether `rule` matches.
pub(super) fn matches(rule: Rule, event: &Event<'_>, rules: Rules) -> bool {
    if rule == Rule::NonResource {
        return is_non_resource(event, rules);
    }
    let Some(object) = &event.object else {
        return false;
    };
    let strict = rules == Rules::Strict;
    let (user, verb) = (&*event.user, &*event.verb);
    let (resource, name, namespace) = (&*object.resource, &*object.name, &*object.namespace);
    let watch = verb == "watch";
    match rule {
        Rule::NonResource => false,
        Rule::ResponseStartedWatch => watch && event.stage == Stage::ResponseStarted,
        Rule::CniAndExternalNamespaces => matches!(namespace, "falco" | "kube-flannel") || user == FLANNEL,
        Rule::ApiServerWatchingObjects => {
            let tracking = namespace == SYSTEM_NAMESPACE && resource == "configmaps" && name == TOKEN_TRACKING;
            watch && user == API_SERVER && WATCHED.contains(&resource) && (!strict || namespace.is_empty() || tracking)
        }
        Rule::KubeControllerWatchingObjects => {
            watch
                && user == CONTROLLER_MANAGER
                && (WATCHED.contains(&resource) || resource == "certificatesigningrequests")
                && (!strict || namespace.is_empty())
        }
        Rule::KubeSchedulerWatchingObjects => {
            watch
                && user == SCHEDULER
                && matches!(resource, "pods" | "nodes" | "namespaces")
                && (!strict || namespace.is_empty())
        }
        Rule::ExtensionApiserverAuthentication => {
            watch && user == SCHEDULER && resource == "configmaps" && name == "extension-apiserver-authentication"
        }
        Rule::NodesWatchingPodsAndNodes => {
            watch
                && is_node(event, strict)
                && match resource {
                    "pods" => !strict || namespace.is_empty(),
                    "nodes" => !strict || is_own_node(user, object),
                    _ => false,
                }
        }
        Rule::NodesWatchingConfigmaps => {
            watch
                && resource == "configmaps"
                && namespace == SYSTEM_NAMESPACE
                && is_node(event, strict)
                && (!strict || !name.is_empty())
        }
        Rule::NodesCreatingSasToken => {
            verb == "create"
                && resource == "serviceaccounts"
                && object.subresource == "token"
                && is_node(event, strict)
                && (!strict || namespace == SYSTEM_NAMESPACE)
        }
        Rule::CorednsWatchingNamespaces => watch && resource == "namespaces" && user == COREDNS,
        Rule::KubeProxyWatchingNodes => watch && resource == "nodes" && user == KUBE_PROXY,
        Rule::NodesGettingTheirOwnStatus => {
            verb == "get"
                && resource == "nodes"
                && is_node(event, strict)
                && (!strict || (is_own_node(user, object) && matches!(&*object.subresource, "" | "status")))
        }
        Rule::NodesPatchingTheirOwnStatus => {
            verb == "patch"
                && resource == "nodes"
                && is_node(event, strict)
                && (!strict || (is_own_node(user, object) && object.subresource == "status"))
        }
        Rule::KubeControllerGcAndRqToken => {
            matches!(verb, "create" | "get")
                && resource == "serviceaccounts"
                && user == CONTROLLER_MANAGER
                && matches!(name, "generic-garbage-collector" | "resourcequota-controller")
                && (!strict || (has_group(event, "system:authenticated") && is_token_request(verb, object)))
        }
    }
}

/// R1. The documentation names every endpoint outside of `/api` and `/apis`, and their roots. The original also removes what has
/// no `objectRef`, and so all discovery, such as `/apis/apps/v1`.
fn is_non_resource(event: &Event<'_>, rules: Rules) -> bool {
    let uri = &*event.request_uri;
    let path = uri.split('?').next().unwrap_or_default();
    match rules {
        Rules::Strict => {
            let inside = path.starts_with("/api/") || path.starts_with("/apis/");
            !uri.is_empty() && (!inside || path == "/api/v1")
        }
        Rules::K8ntext => {
            event.object.is_none()
                || matches!(uri, "/readyz" | "/livez" | "/api" | "/apis" | "/api/v1")
                || has_root_with_timeout(uri)
                || uri.contains("/openapi/v2")
                || uri.contains("/openapi/v3")
        }
    }
}

/// The regular expression `/api(s)*\?timeout`, anywhere.
fn has_root_with_timeout(uri: &str) -> bool {
    let follows = |rest: &str| rest.trim_start_matches('s').starts_with("?timeout");
    uri.contains("?timeout")
        && uri.match_indices("/api").any(|(at, root)| uri.get(at + root.len()..).is_some_and(follows))
}

fn is_node(event: &Event<'_>, strict: bool) -> bool {
    if strict {
        event.user.starts_with(NODE_PREFIX)
            && has_group(event, "system:nodes")
            && has_group(event, "system:authenticated")
    } else {
        event.user.contains(NODE_PREFIX)
    }
}

fn is_own_node(user: &str, object: &ObjectRef<'_>) -> bool {
    user.strip_prefix(NODE_PREFIX).is_some_and(|node| node == object.name)
}

fn has_group(event: &Event<'_>, group: &str) -> bool {
    event.groups.iter().any(|own| own == group)
}

/// A token is created; the account itself is only read.
fn is_token_request(verb: &str, object: &ObjectRef<'_>) -> bool {
    if verb == "create" { object.subresource == "token" } else { object.subresource.is_empty() }
}
