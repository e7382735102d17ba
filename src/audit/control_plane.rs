//! The control plane's own users, as Kubernetes names them, and what they watch: what the filter's rules and both labellings of
//! its routine speak of.

/// The API server, asking itself.
pub const API_SERVER: &str = "system:apiserver";
/// The controller manager.
pub const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
/// The scheduler.
pub const SCHEDULER: &str = "system:kube-scheduler";
/// Flannel, a network of pods.
pub const FLANNEL: &str = "system:serviceaccount:kube-flannel:flannel";
/// The cluster's name server.
pub const COREDNS: &str = "system:serviceaccount:kube-system:coredns";
/// The proxy of services on each node.
pub const KUBE_PROXY: &str = "system:serviceaccount:kube-system:kube-proxy";
/// The controller that watches over nodes.
pub const NODE_CONTROLLER: &str = "system:serviceaccount:kube-system:node-controller";

/// Resources that the API server and the controller manager watch (the set S of `k8ntext.md` section 2).
pub const WATCHED: [&str; 11] = [
    "clusterrolebindings",
    "clusterroles",
    "configmaps",
    "namespaces",
    "nodes",
    "pods",
    "resourcequotas",
    "rolebindings",
    "roles",
    "secrets",
    "serviceaccounts",
];
