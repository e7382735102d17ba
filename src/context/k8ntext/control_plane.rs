//! Which events the switch `-C` puts into the control plane's cluster: the rules R4–R15 of the filter in a form of their own,
//! and heartbeats. The original lists 22 predicates, two of which others cover.

use crate::audit::control_plane::{
    API_SERVER, CONTROLLER_MANAGER, COREDNS, KUBE_PROXY, NODE_CONTROLLER, SCHEDULER, WATCHED,
};
use crate::audit::event::Event;

/// Whether one of the predicates holds.
#[rustfmt::skip] // one predicate a line
pub fn is_control_plane(event: &Event<'_>) -> bool {
    let Some(object) = &event.object else { return false };
    let (user, resource, name) = (&*event.user, &*object.resource, &*object.name);
    let node = user.starts_with("system:node:");
    let (api_server, manager, scheduler) = (user == API_SERVER, user == CONTROLLER_MANAGER, user == SCHEDULER);
    let (kube_system, lease) = (object.namespace == "kube-system", resource == "leases");
    let authentication = resource == "configmaps" && name == "extension-apiserver-authentication";
    let component = matches!(name, "kube-controller-manager" | "kube-scheduler");
    let collector = matches!(name, "generic-garbage-collector" | "resourcequota-controller");
    let token_account = manager && kube_system && resource == "serviceaccounts" && collector;
    match &*event.verb {
        "watch" => {
            api_server && WATCHED.contains(&resource)
                || manager && (WATCHED.contains(&resource) || resource == "certificatesigningrequests")
                || scheduler && (matches!(resource, "pods" | "nodes" | "namespaces") || authentication)
                || node && (matches!(resource, "pods" | "nodes") || resource == "configmaps" && kube_system)
                || user == COREDNS && resource == "namespaces"
                || user == KUBE_PROXY && resource == "nodes"
        }
        "create" => node && kube_system && resource == "serviceaccounts" || token_account,
        "get" => node && resource == "nodes" || token_account || (manager || scheduler) && lease && kube_system && component,
        "patch" => (node || user == NODE_CONTROLLER) && resource == "nodes",
        "update" => {
            let own = manager && name == "kube-controller-manager"
                || scheduler && name == "kube-scheduler"
                || api_server && name.starts_with("apiserver-");
            lease && (node && object.namespace == "kube-node-lease" || kube_system && own)
        }
        _ => false,
    }
}
