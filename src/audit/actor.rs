//! Who acts: the class of an actor, for tables and counts.

use super::event::Event;

impl Event<'_> {
    /// The class of the actor, by its user name; of the client that really asked when it impersonated another.
    pub fn class(&self) -> Class {
        Class::of(&self.user, &self.user_agent)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
