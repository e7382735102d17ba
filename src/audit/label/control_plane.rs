//! Labels of the control plane's routine: 22 rules that make, for example, a whole heartbeat one context.
//!
//! The original skips rules 1–21 for events whose `objectRef` has no `namespace` key, though they are written for those; here
//! they are tried for every event that has an `objectRef`.

use super::{Label, propose, table};
use crate::audit::control_plane::{API_SERVER, CONTROLLER_MANAGER, COREDNS, KUBE_PROXY, SCHEDULER};
use crate::audit::event::Event;

/// `patch coordination.k8s.io/v1/leases (ns) (single)`: what belongs to a leader election.
const LEASE: Label = Label(119_232);
/// `patch core/v1/nodes (single)`: what belongs to a node's heartbeat.
const HEARTBEAT: Label = Label(61_632);
/// `create core/v1/serviceaccounts/token (ns) (single)`: what belongs to a controller's token.
const TOKEN: Label = Label(17_808);

/// Label of legacy token secrets in which the API server notes their use.
const TOKEN_LAST_USED: &str = "kubernetes.io/legacy-token-last-used";

/// The label of an event of the control plane's routine; [`Label::UNKNOWN`] for any other event. One rule looks at the request
/// body, so the event must have been decoded with evidence.
pub fn control_plane(event: &Event<'_>) -> Label {
    let own = propose(event);
    match first_match(event) {
        Some(Rule::Own) => own,
        Some(Rule::Fixed(label)) => label,
        // rule 22
        None if own.parts().is_some_and(|parts| parts.id == table::CUSTOM) => own,
        None => Label::UNKNOWN,
    }
}

/// What a rule gives.
#[derive(Copy, Clone)]
enum Rule {
    /// The event's own proposed label.
    Own,
    /// One label for the whole routine.
    Fixed(Label),
}

/// Rules 1–21, in order; the first that matches decides.
#[rustfmt::skip] // one rule a line
fn first_match(event: &Event<'_>) -> Option<Rule> {
    use Rule::{Fixed, Own};

    let object = event.object.as_ref()?;
    let (user, verb, subresource) = (&*event.user, &*event.verb, &*object.subresource);
    let (resource, namespace, name) = (&*object.resource, &*object.namespace, &*object.name);
    let in_group = |group: &str| event.groups.iter().any(|own| own == group);
    let (accounts, nodes) = (in_group("system:serviceaccounts"), in_group("system:nodes"));
    let (api_server, manager, scheduler) = (user == API_SERVER, user == CONTROLLER_MANAGER, user == SCHEDULER);
    let (lease, configmap, account) = (resource == "leases", resource == "configmaps", resource == "serviceaccounts");
    let (get, list, watch, create) = (verb == "get", verb == "list", verb == "watch", verb == "create");
    let (patch, write) = (verb == "patch", matches!(verb, "patch" | "update"));
    let (nowhere, kube_system, unnamed) = (namespace.is_empty(), namespace == "kube-system", name.is_empty());
    let endpoints = matches!(resource, "endpoints" | "endpointslices");

    let rules = [
        (accounts && lease && (get || write || watch) && kube_system, Fixed(LEASE)),
        (scheduler && lease && (get || write || watch) && kube_system, Fixed(LEASE)),
        (scheduler && watch && nowhere, Own),
        (scheduler && watch && kube_system && configmap, Own),
        (manager && lease && (get || write) && kube_system, Fixed(LEASE)),
        ((api_server || manager) && watch && nowhere && unnamed, Own),
        (api_server && endpoints && get && namespace == "default" && name == "kubernetes", Own),
        (api_server && lease && write && kube_system, Own),
        (api_server && (list || get) && matches!(resource, "services" | "resourcequotas"), Own),
        (api_server && watch && kube_system && (configmap || lease), Own),
        (api_server && patch && resource == "secrets" && notes_token_use(event), Own),
        (nodes && resource == "nodes" && (watch || get || patch), Fixed(HEARTBEAT)),
        (nodes && lease && write && namespace == "kube-node-lease", Own),
        (nodes && watch && nowhere && unnamed, Own),
        (nodes && watch && kube_system, Own),
        (nodes && account && subresource == "token" && create, Own),
        (nodes && configmap && name == "kube-root-ca.crt" && (get || list || watch), Own),
        (user == KUBE_PROXY && watch && (kube_system || nowhere), Own),
        (user == COREDNS && watch && nowhere && matches!(resource, "services" | "namespaces" | "endpointslices"), Own),
        (((create && subresource == "token") || get) && account && kube_system, Fixed(TOKEN)),
        (accounts && (list || watch) && nowhere && unnamed, Own),
    ];
    rules.into_iter().find(|(matches, _)| *matches).map(|(_, rule)| rule)
}

fn notes_token_use(event: &Event<'_>) -> bool {
    event.request.metadata.labels.iter().any(|(name, _)| name == TOKEN_LAST_USED)
}
