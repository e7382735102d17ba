//! Section `filter`: what becomes a row, and which of K8NTEXT's rules apply.

use super::section::{choice, section};

choice! {
    /// Which events become rows.
    pub enum FilterMode {
        /// All that somebody caused; background becomes counts, and one row a stream and hour in `contexts`.
        Fold = "fold",
        /// Every event.
        Off = "off",
        /// K8NTEXT's light filter: what its rules remove is dropped.
        Light = "light",
        /// K8NTEXT's full filter: what its rules remove or black-list is dropped.
        Full = "full",
    }
}

choice! {
    /// How K8NTEXT's rules are read.
    pub enum FilterRules {
        /// As their documentation says: own node, groups, namespaces.
        Strict = "strict",
        /// Exactly as the original program behaves.
        K8ntext = "k8ntext",
    }
}

choice! {
    /// Which stages of a request become rows.
    pub enum Stages {
        /// One row a request: RequestReceived is counted as dropped.
        Final = "final",
        /// Every stage.
        All = "all",
    }
}

section! {
    /// What becomes a row. Dropped events are counted by rule, kind of actor and minute in the table `filtered`, and still
    /// serve as evidence for contexts.
    pub struct Filter {
        /// Which events become rows.
        mode: FilterMode = FilterMode::Fold,
        /// How the rules of the modes `light` and `full` are read.
        rules: FilterRules = FilterRules::Strict,
        /// Which stages of a request become rows.
        stages: Stages = Stages::Final,
        /// The rules.
        switches: Switches = Switches::default(),
    }
}

section! {
    /// The rules of the modes `light` and `full`, a switch each, in the order in which they are tried; the first that
    /// matches decides. R1 (`non_resource`: probes, discovery, OpenAPI) is always on. R1 to R3 remove an event, the others
    /// black-list it.
    pub struct Switches {
        /// R2: the start of the answer to a watch.
        response_started_watch: bool = true,
        /// R3: the namespaces `falco` and `kube-flannel` and the service account of flannel.
        cni_and_external_namespaces: bool = true,
        /// R4: the API server's own watches.
        api_server_watching_objects: bool = true,
        /// R5: watches by the controller manager.
        kube_controller_watching_objects: bool = true,
        /// R6: watches of pods, nodes and namespaces by the scheduler.
        kube_scheduler_watching_objects: bool = true,
        /// R7: the scheduler's watch of the configmap `extension-apiserver-authentication`.
        extension_apiserver_authentication: bool = true,
        /// R8: nodes that watch pods and nodes.
        nodes_watching_pods_and_nodes: bool = true,
        /// R9: nodes that watch configmaps.
        nodes_watching_configmaps: bool = true,
        /// R10: nodes that ask for service account tokens.
        nodes_creating_sas_token: bool = true,
        /// R11: CoreDNS watching namespaces.
        coredns_watching_namespaces: bool = true,
        /// R12: kube-proxy watching nodes.
        kube_proxy_watching_nodes: bool = true,
        /// R13: nodes that read their own status.
        nodes_getting_their_own_status: bool = true,
        /// R14: nodes that report their own status.
        nodes_patching_their_own_status: bool = true,
        /// R15: tokens and reads of the garbage collector and the quota controller.
        kube_controller_gc_and_rq_token: bool = true,
    }
}
