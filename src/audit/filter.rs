//! K8NTEXT's filter: which events nobody needs to read. The rules were found by watching an empty cluster for days.
//!
//! ```text
//! event ─ R1 ─ R2 ─ … ─ R15 ─▶ White     the first rule that matches decides
//!          └──────────┴─ Removed(rule)   R1–R3: noise of the protocol and of excluded namespaces
//!                  └──── Black(rule)     R4–R15: the control plane's own routine
//! ```
//!
//! `light` drops what is removed, `full` what is black-listed too. Pure functions; nothing is allocated.

mod rules;
mod stage;

#[cfg(test)]
mod tests;

pub use stage::{is_long_running, is_row};

use super::event::Event;
use serde::{Deserialize, Serialize};

/// In which form the rules are applied.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rules {
    /// As documented: a node's own objects, with its groups, in the named namespaces and subresources only. What these rules
    /// drop is the control plane's routine and nothing else.
    #[default]
    Strict,
    /// As the original program does it: wider, for comparison with it.
    K8ntext,
}

/// The rules, by number and by the name of their switch.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// R1: discovery, probes and whatever is no request for a resource.
    NonResource,
    /// R2: start of a watch.
    ResponseStartedWatch,
    /// R3: network add-on and monitoring namespaces.
    CniAndExternalNamespaces,
    /// R4.
    ApiServerWatchingObjects,
    /// R5.
    KubeControllerWatchingObjects,
    /// R6.
    KubeSchedulerWatchingObjects,
    /// R7.
    ExtensionApiserverAuthentication,
    /// R8.
    NodesWatchingPodsAndNodes,
    /// R9.
    NodesWatchingConfigmaps,
    /// R10.
    NodesCreatingSasToken,
    /// R11.
    CorednsWatchingNamespaces,
    /// R12.
    KubeProxyWatchingNodes,
    /// R13.
    NodesGettingTheirOwnStatus,
    /// R14.
    NodesPatchingTheirOwnStatus,
    /// R15.
    KubeControllerGcAndRqToken,
}

impl Rule {
    /// All rules, in the order in which they are tried.
    pub const ALL: [Rule; 15] = [
        Rule::NonResource,
        Rule::ResponseStartedWatch,
        Rule::CniAndExternalNamespaces,
        Rule::ApiServerWatchingObjects,
        Rule::KubeControllerWatchingObjects,
        Rule::KubeSchedulerWatchingObjects,
        Rule::ExtensionApiserverAuthentication,
        Rule::NodesWatchingPodsAndNodes,
        Rule::NodesWatchingConfigmaps,
        Rule::NodesCreatingSasToken,
        Rule::CorednsWatchingNamespaces,
        Rule::KubeProxyWatchingNodes,
        Rule::NodesGettingTheirOwnStatus,
        Rule::NodesPatchingTheirOwnStatus,
        Rule::KubeControllerGcAndRqToken,
    ];

    /// The name of the rule's switch, which is also its name in counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::NonResource => "non_resource",
            Rule::ResponseStartedWatch => "response_started_watch",
            Rule::CniAndExternalNamespaces => "cni_and_external_namespaces",
            Rule::ApiServerWatchingObjects => "api_server_watching_objects",
            Rule::KubeControllerWatchingObjects => "kube_controller_watching_objects",
            Rule::KubeSchedulerWatchingObjects => "kube_scheduler_watching_objects",
            Rule::ExtensionApiserverAuthentication => "extension_apiserver_authentication",
            Rule::NodesWatchingPodsAndNodes => "nodes_watching_pods_and_nodes",
            Rule::NodesWatchingConfigmaps => "nodes_watching_configmaps",
            Rule::NodesCreatingSasToken => "nodes_creating_sas_token",
            Rule::CorednsWatchingNamespaces => "coredns_watching_namespaces",
            Rule::KubeProxyWatchingNodes => "kube_proxy_watching_nodes",
            Rule::NodesGettingTheirOwnStatus => "nodes_getting_their_own_status",
            Rule::NodesPatchingTheirOwnStatus => "nodes_patching_their_own_status",
            Rule::KubeControllerGcAndRqToken => "kube_controller_gc_and_rq_token",
        }
    }
}

/// A switch for each rule but R1, which is always on. All are on by default.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// R2: the start of each watch is removed.
    pub response_started_watch: bool,
    /// R3: everything in the namespaces falco and kube-flannel, and by Flannel's service account, is removed.
    pub cni_and_external_namespaces: bool,
    /// R4: the API server's own watches.
    pub api_server_watching_objects: bool,
    /// R5: the controller manager's watches.
    pub kube_controller_watching_objects: bool,
    /// R6: the scheduler's watches.
    pub kube_scheduler_watching_objects: bool,
    /// R7: the scheduler's watch of the config map `extension-apiserver-authentication`.
    pub extension_apiserver_authentication: bool,
    /// R8: the kubelets' watches of pods and nodes.
    pub nodes_watching_pods_and_nodes: bool,
    /// R9: the kubelets' watches of config maps in kube-system.
    pub nodes_watching_configmaps: bool,
    /// R10: the kubelets' requests for service-account tokens.
    pub nodes_creating_sas_token: bool,
    /// R11: CoreDNS' watch of namespaces.
    pub coredns_watching_namespaces: bool,
    /// R12: kube-proxy's watch of nodes.
    pub kube_proxy_watching_nodes: bool,
    /// R13: the kubelets' reads of their own node.
    pub nodes_getting_their_own_status: bool,
    /// R14: the kubelets' writes of their own node's status.
    pub nodes_patching_their_own_status: bool,
    /// R15: the controller manager's tokens for its garbage collector and quota controller.
    pub kube_controller_gc_and_rq_token: bool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            response_started_watch: true,
            cni_and_external_namespaces: true,
            api_server_watching_objects: true,
            kube_controller_watching_objects: true,
            kube_scheduler_watching_objects: true,
            extension_apiserver_authentication: true,
            nodes_watching_pods_and_nodes: true,
            nodes_watching_configmaps: true,
            nodes_creating_sas_token: true,
            coredns_watching_namespaces: true,
            kube_proxy_watching_nodes: true,
            nodes_getting_their_own_status: true,
            nodes_patching_their_own_status: true,
            kube_controller_gc_and_rq_token: true,
        }
    }
}

impl Switches {
    /// Whether `rule` is applied.
    pub fn is_on(&self, rule: Rule) -> bool {
        match rule {
            Rule::NonResource => true,
            Rule::ResponseStartedWatch => self.response_started_watch,
            Rule::CniAndExternalNamespaces => self.cni_and_external_namespaces,
            Rule::ApiServerWatchingObjects => self.api_server_watching_objects,
            Rule::KubeControllerWatchingObjects => self.kube_controller_watching_objects,
            Rule::KubeSchedulerWatchingObjects => self.kube_scheduler_watching_objects,
            Rule::ExtensionApiserverAuthentication => self.extension_apiserver_authentication,
            Rule::NodesWatchingPodsAndNodes => self.nodes_watching_pods_and_nodes,
            Rule::NodesWatchingConfigmaps => self.nodes_watching_configmaps,
            Rule::NodesCreatingSasToken => self.nodes_creating_sas_token,
            Rule::CorednsWatchingNamespaces => self.coredns_watching_namespaces,
            Rule::KubeProxyWatchingNodes => self.kube_proxy_watching_nodes,
            Rule::NodesGettingTheirOwnStatus => self.nodes_getting_their_own_status,
            Rule::NodesPatchingTheirOwnStatus => self.nodes_patching_their_own_status,
            Rule::KubeControllerGcAndRqToken => self.kube_controller_gc_and_rq_token,
        }
    }
}

/// What the filter says of an event.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No rule matches.
    White,
    /// Routine of the control plane: context for a model, nothing to read.
    Black(Rule),
    /// Noise.
    Removed(Rule),
}

/// Applies the rules that are switched on; the first that matches decides.
pub fn decide(event: &Event<'_>, rules: Rules, switches: &Switches) -> Decision {
    match rules::candidates(event).iter().find(|rule| switches.is_on(**rule) && rules::matches(**rule, event, rules)) {
        None => Decision::White,
        Some(rule @ (Rule::NonResource | Rule::ResponseStartedWatch | Rule::CniAndExternalNamespaces)) => {
            Decision::Removed(*rule)
        }
        Some(rule) => Decision::Black(*rule),
    }
}
