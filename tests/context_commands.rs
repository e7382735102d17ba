//! Requests of kubectl's commands as the program sends them, each command one after the other within one client: every
//! command is one context, and the next one another. Sequences are those of kubectl 1.30 to 1.34.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use causeway::audit::decode::{Reading, Want, decode};
use causeway::context::engine::Engine;
use causeway::context::facts::{Extractor, Place};
use causeway::context::keys::KeySpace;
use causeway::context::model::{Attribution, FactBatch};
use causeway::context::tables::Tables;
use std::sync::Arc;

const START_US: i64 = 1_700_000_000_000_000;

/// A client's requests so far.
struct Client {
    agent: &'static str,
    lines: Vec<String>,
    now_us: i64,
}

impl Client {
    fn new(agent: &'static str) -> Client {
        Client { agent, lines: Vec::new(), now_us: START_US }
    }

    /// One request: `VERB RESOURCE[/SUB] [NAME] [?QUERY] [=CODE] [@PAUSE_MS]`, or `VERB /PATH`. It takes 2 ms.
    fn ask(&mut self, text: &str) {
        let mut words = text.split(' ');
        let (verb, what) = (words.next().unwrap(), words.next().unwrap());
        let (mut name, mut query, mut code, mut pause_ms) = ("", "", 200, 3);
        for word in words {
            match word.split_at(1) {
                ("?", rest) => query = rest,
                ("=", rest) => code = rest.parse().unwrap(),
                ("@", rest) => pause_ms = rest.parse().unwrap(),
                _ => name = word,
            }
        }
        self.now_us += pause_ms * 1000;
        let received = stamp(self.now_us);
        self.now_us += 2000;
        let object = if what.starts_with('/') { String::new() } else { reference(what, name) };
        let uri = if what.starts_with('/') { format!("{what}?{query}") } else { uri(what, name, query) };
        self.lines.push(format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{:032x}","stage":"ResponseComplete","requestURI":"{uri}","verb":"{verb}","user":{{"username":"alice"}},"sourceIPs":["10.0.0.1"],"userAgent":"{}","responseStatus":{{"code":{code}}},{object}"requestReceivedTimestamp":"{received}","stageTimestamp":"{}"}}"#,
            self.lines.len(),
            self.agent,
            stamp(self.now_us),
        ));
    }

    /// What the engine says of all requests.
    fn said(&self) -> Vec<Attribution> {
        let tables = Arc::new(Tables::built_in().unwrap());
        let (mut extractor, mut batch) = (Extractor::new(Arc::clone(&tables)), FactBatch::default());
        for line in &self.lines {
            decode(line.as_bytes(), Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
                let event = event.unwrap();
                let at = event.received_at;
                extractor.push(event, Place { stream: KeySpace(1), offset: 0, item: 0, row: 0, at }, &mut batch);
            });
        }
        let mut engine = Engine::new(tables);
        let apply = |head| engine.apply(head, batch.facts_of(head), batch.client_of(head));
        batch.heads.iter().map(apply).collect()
    }
}

fn stamp(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).unwrap().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn group(resource: &str) -> (&'static str, &'static str) {
    match resource {
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" | "controllerrevisions" => ("apps", "v1"),
        "jobs" | "cronjobs" => ("batch", "v1"),
        "horizontalpodautoscalers" => ("autoscaling", "v2"),
        "certificatesigningrequests" => ("certificates.k8s.io", "v1"),
        "podmetrics" | "nodemetrics" => ("metrics.k8s.io", "v1beta1"),
        _ => ("", "v1"),
    }
}

fn namespace(resource: &str) -> &'static str {
    let cluster = ["nodes", "namespaces", "certificatesigningrequests", "persistentvolumes", "nodemetrics"];
    if cluster.contains(&resource) { "" } else { "shop" }
}

fn reference(what: &str, name: &str) -> String {
    let (resource, sub) = what.split_once('/').unwrap_or((what, ""));
    let plain = resource.replace("podmetrics", "pods").replace("nodemetrics", "nodes");
    let (group, version) = group(resource);
    let place = namespace(resource);
    format!(
        r#""objectRef":{{"resource":"{plain}","namespace":"{place}","name":"{name}","apiGroup":"{group}","apiVersion":"{version}","subresource":"{sub}"}},"#
    )
}

fn uri(what: &str, name: &str, query: &str) -> String {
    let (resource, sub) = what.split_once('/').unwrap_or((what, ""));
    let (group, version) = group(resource);
    let base = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let place = namespace(resource);
    let place = if place.is_empty() { String::new() } else { format!("/namespaces/{place}") };
    let parts: Vec<&str> = [resource, name, sub].into_iter().filter(|part| !part.is_empty()).collect();
    format!("{base}{place}/{}?{query}", parts.join("/"))
}

/// Commands as sequences of requests.
const COMMANDS: &[(&str, &[&str])] = &[
    ("rollout history", &["get deployments web", "list replicasets ?labelSelector=app%3Dweb"]),
    (
        "rollout undo",
        &[
            "get deployments web",
            "list replicasets ?labelSelector=app%3Dweb",
            "patch deployments web ?fieldManager=kubectl-rollout",
        ],
    ),
    (
        "rollout restart of two",
        &[
            "get deployments web",
            "get deployments api",
            "patch deployments web ?fieldManager=kubectl-rollout",
            "patch deployments api ?fieldManager=kubectl-rollout",
        ],
    ),
    (
        "rollout restart of all",
        &[
            "list deployments ?limit=500",
            "patch deployments web ?fieldManager=kubectl-rollout",
            "patch deployments api ?fieldManager=kubectl-rollout",
            "patch deployments job ?fieldManager=kubectl-rollout",
        ],
    ),
    (
        "rollout status",
        &[
            "get deployments web",
            "list deployments ?fieldSelector=metadata.name%3Dweb",
            "watch deployments ?fieldSelector=metadata.name%3Dweb&watch=true",
        ],
    ),
    ("scale", &["get deployments web", "patch deployments/scale web"]),
    (
        "label all pods",
        &[
            "list pods ?limit=500",
            "patch pods web-1 ?fieldManager=kubectl-label",
            "patch pods web-2 ?fieldManager=kubectl-label",
            "patch pods web-3 ?fieldManager=kubectl-label",
        ],
    ),
    (
        "taint two nodes",
        &[
            "get nodes a",
            "get nodes b",
            "patch nodes a ?fieldManager=kubectl-taint",
            "patch nodes b ?fieldManager=kubectl-taint",
        ],
    ),
    ("top nodes", &["get /api", "get /apis", "list nodemetrics", "list nodes"]),
    ("top pods", &["get /api", "get /apis", "list podmetrics"]),
    (
        "logs by label",
        &["list pods ?labelSelector=app%3Dweb", "get pods/log web-1", "get pods/log web-2", "get pods/log web-3"],
    ),
    (
        "logs of a deployment",
        &["get deployments web", "list pods ?labelSelector=app%3Dweb", "get pods web-1", "get pods/log web-1"],
    ),
    (
        "port-forward to a service",
        &[
            "get services web",
            "list pods ?labelSelector=app%3Dweb",
            "get pods web-1",
            "create pods/portforward web-1 =101",
        ],
    ),
    ("cp", &["get pods web-1", "create pods/exec web-1 ?command=tar =101"]),
    (
        "wait by label",
        &[
            "list pods ?labelSelector=app%3Dweb&limit=500",
            "list pods ?fieldSelector=metadata.name%3Dweb-1",
            "watch pods ?fieldSelector=metadata.name%3Dweb-1&watch=true",
            "list pods ?fieldSelector=metadata.name%3Dweb-2",
            "watch pods ?fieldSelector=metadata.name%3Dweb-2&watch=true",
        ],
    ),
    (
        "delete by label",
        &[
            "list pods ?labelSelector=app%3Dweb&limit=500",
            "delete pods web-1",
            "delete pods web-2",
            "get pods web-1",
            "get pods web-2 =404",
        ],
    ),
    (
        "delete all",
        &[
            "list pods ?limit=500",
            "delete pods web-1",
            "list services ?limit=500",
            "delete services web",
            "list deployments ?limit=500",
            "delete deployments web",
        ],
    ),
    (
        "debug a node",
        &[
            "get nodes a",
            "create pods node-debugger-a-x7k2p",
            "list pods ?fieldSelector=metadata.name%3Dnode-debugger-a-x7k2p",
            "watch pods ?fieldSelector=metadata.name%3Dnode-debugger-a-x7k2p&watch=true",
        ],
    ),
    ("debug a copy of a pod", &["get pods web-1", "create pods web-1-copy"]),
    (
        "run and attach",
        &[
            "create pods sh ?fieldManager=kubectl-run =201",
            "list pods ?fieldSelector=metadata.name%3Dsh",
            "watch pods ?fieldSelector=metadata.name%3Dsh&watch=true",
            "get pods sh",
            "create pods/attach sh =101",
            "delete pods sh",
        ],
    ),
    (
        "certificate approve",
        &["get certificatesigningrequests alice", "update certificatesigningrequests/approval alice"],
    ),
    ("expose", &["get deployments web", "create services web ?fieldManager=kubectl-expose =201"]),
    (
        "autoscale a replica set",
        &["get replicasets web", "create horizontalpodautoscalers web ?fieldManager=kubectl-autoscale =201"],
    ),
    ("create a job from a cron job", &["get cronjobs nightly", "create jobs now ?fieldManager=kubectl-create =201"]),
    ("set image", &["get deployments web", "patch deployments web ?fieldManager=kubectl-set"]),
    ("patch a status", &["get deployments web", "patch deployments/status web ?fieldManager=kubectl-patch"]),
    (
        "edit by a script",
        &[
            "get deployments web",
            "get /openapi/v3",
            "get /openapi/v3/apis/apps/v1",
            "patch deployments web ?fieldManager=kubectl-edit",
        ],
    ),
    ("explain", &["get /api", "get /apis", "get /openapi/v3", "get /openapi/v3/apis/apps/v1"]),
    (
        "server-side apply",
        &[
            "get /openapi/v3",
            "get /openapi/v3/apis/apps/v1 @6",
            "patch deployments web ?fieldManager=kubectl @6",
            "patch deployments api ?fieldManager=kubectl",
        ],
    ),
    (
        "apply of three",
        &[
            "get /openapi/v3",
            "get /openapi/v3/apis/apps/v1 @6",
            "get deployments web @30",
            "patch deployments web ?fieldManager=kubectl-client-side-apply @9",
            "get services web @20",
            "patch services web ?fieldManager=kubectl-client-side-apply",
            "get configmaps web @20",
            "patch configmaps web ?fieldManager=kubectl-client-side-apply",
        ],
    ),
    (
        "replace by force",
        &[
            "delete pods web",
            "get pods web",
            "get pods web =404 @300",
            "get namespaces shop",
            "get /openapi/v3 @30",
            "get /openapi/v3/api/v1",
            "create pods web ?fieldManager=kubectl-replace =201 @40",
        ],
    ),
    ("cordon", &["get nodes a", "patch nodes a"]),
    ("auth can-i", &["create selfsubjectaccessreviews =201"]),
    (
        "describe",
        &[
            "get deployments web",
            "list replicasets ?labelSelector=app%3Dweb",
            "list events ?fieldSelector=involvedObject.name%3Dweb",
        ],
    ),
    ("get and watch", &["list pods ?limit=500", "watch pods ?resourceVersion=5&watch=true"]),
    ("get several kinds", &["list pods ?limit=500", "list services ?limit=500", "list deployments ?limit=500"]),
];

#[test]
fn each_command_is_one_context() {
    let mut wrong = Vec::new();
    for agent in
        ["kubectl/v1.34.4 (linux/amd64) kubernetes/0000000", "kubectl.exe/v1.33.0 (windows/amd64) kubernetes/0"]
    {
        for (name, requests) in COMMANDS {
            let mut client = Client::new(agent);
            requests.iter().for_each(|request| client.ask(request));
            let said = client.said();
            let at = said.iter().position(|one| one.context != said[0].context);
            wrong.extend(at.map(|at| format!("{name}: {}", requests[at])));
        }
    }
    assert!(wrong.is_empty(), "these begin a context of their own:\n{}", wrong.join("\n"));
}

#[test]
fn the_next_command_is_another_context() {
    let mut wrong = Vec::new();
    for (first, requests) in COMMANDS {
        for (second, more) in COMMANDS {
            let mut client = Client::new("kubectl/v1.34.4 (linux/amd64) kubernetes/0000000");
            requests.iter().for_each(|request| client.ask(request));
            client.now_us += 1_500_000;
            more.iter().for_each(|request| client.ask(request));
            let said = client.said();
            if said[requests.len()].context == said[0].context {
                wrong.push(format!("{second} after {first}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are taken for one:\n{}", wrong.len(), wrong.join("\n"));
}
