//! Who and what there is: nodes, controllers, people, applications.

use crate::event::Actor;
use crate::rng::Rng;
use std::cell::Cell;

pub const NODES: u64 = 200;
const APPS: [&str; 16] = [
    "checkout",
    "catalog",
    "payments",
    "search",
    "frontend",
    "ingest",
    "reports",
    "auth",
    "billing",
    "inventory",
    "mailer",
    "gateway",
    "recommender",
    "profile",
    "scheduler-api",
    "audit-ui",
];

pub struct Node {
    pub name: String,
    pub uid: String,
    pub kubelet: Actor,
}

pub struct Cluster {
    pub nodes: Vec<Node>,
    pub namespaces: Vec<String>,
    pub apps: Vec<&'static str>,
    /// People with kubectl.
    pub people: Vec<Actor>,
    /// People with Helm.
    pub helm: Vec<Actor>,
    /// Pipelines.
    pub deployers: Vec<Actor>,
    /// Operators with custom resources.
    pub operators: Vec<Actor>,
    pub deployment_controller: Actor,
    pub replica_set_controller: Actor,
    pub job_controller: Actor,
    pub endpoint_slice_controller: Actor,
    pub garbage_collector: Actor,
    pub scheduler: Actor,
    pub controller_manager: Actor,
    /// The resource version of the last write.
    version: Cell<u64>,
}

const KUBECTL: &str = "kubectl/v1.34.4 (linux/amd64) kubernetes/5a1b2c3";
const MANAGER: &str = "kube-controller-manager/v1.34.4 (linux/amd64) kubernetes/5a1b2c3";
const BOOTSTRAP: &str = "RBAC: allowed by ClusterRoleBinding of the control plane";

impl Cluster {
    pub fn new(rng: &Rng) -> Cluster {
        let authenticated = "system:authenticated";
        let person = |name: &str, agent: &str, n: u64| {
            let reason =
                "RBAC: allowed by RoleBinding \\\"edit/team\\\" of ClusterRole \\\"edit\\\" to Group \\\"team\\\"";
            Actor::new(name, &["team", authenticated], agent, &format!("198.51.100.{}", 10 + n), reason)
        };
        let people = ["alice", "bob", "carol", "dave", "erin", "frank"];
        let controller = |rng: &Rng, name: &str| {
            Actor::service_account(
                rng,
                "kube-system",
                name,
                &format!("{MANAGER}/system:serviceaccount:kube-system:{name}"),
                "10.0.0.2",
            )
        };
        let nodes = (0..NODES)
            .map(|n| {
                let name = format!("node-{n:03}.eu-1.example.com");
                let kubelet = Actor::new(
                    &format!("system:node:{name}"),
                    &["system:nodes", authenticated],
                    "kubelet/v1.34.4 (linux/amd64) kubernetes/5a1b2c3",
                    &format!("10.0.3.{n}"),
                    "",
                );
                Node { name, uid: rng.uuid(), kubelet }
            })
            .collect();
        let service = |rng: &Rng, namespace: &str, names: [&str; 3], agent: &str| -> Vec<Actor> {
            names
                .iter()
                .zip(20..)
                .map(|(name, n)| Actor::service_account(rng, namespace, name, agent, &format!("10.1.4.{n}")))
                .collect()
        };
        Cluster {
            nodes,
            namespaces: (0..24)
                .map(|n| format!("team-{}-{}", (b'a' + n % 8) as char, ["dev", "stage", "prod"][usize::from(n / 8)]))
                .collect(),
            apps: APPS.to_vec(),
            people: people.iter().zip(0..).map(|(name, n)| person(name, KUBECTL, n)).collect(),
            helm: people.iter().zip(0..).map(|(name, n)| person(name, "Helm/3.19.0", n)).collect(),
            deployers: service(
                rng,
                "ci",
                ["deployer", "release-bot", "preview-bot"],
                "argocd-application-controller/v3.1.0",
            ),
            operators: service(
                rng,
                "operators",
                ["db-operator", "cert-manager", "prometheus-operator"],
                "operator/v1.9.2 (linux/amd64) controller-runtime/v0.21.0",
            ),
            deployment_controller: controller(rng, "deployment-controller"),
            replica_set_controller: controller(rng, "replicaset-controller"),
            job_controller: controller(rng, "job-controller"),
            endpoint_slice_controller: controller(rng, "endpointslice-controller"),
            garbage_collector: controller(rng, "generic-garbage-collector"),
            scheduler: Actor::new(
                "system:kube-scheduler",
                &[authenticated],
                "kube-scheduler/v1.34.4 (linux/amd64) kubernetes/5a1b2c3/scheduler",
                "10.0.0.3",
                BOOTSTRAP,
            ),
            controller_manager: Actor::new(
                "system:kube-controller-manager",
                &[authenticated],
                &format!("{MANAGER}/leader-election"),
                "10.0.0.2",
                BOOTSTRAP,
            ),
            version: Cell::new(48_000_000),
        }
    }

    /// The resource version of a further write.
    pub fn version(&self) -> u64 {
        self.version.set(self.version.get() + 1);
        self.version.get()
    }
}
