//! What goes on in a cluster when nobody does anything.

use crate::cluster::{Cluster, NODES};
use crate::event::Request;
use crate::log::Log;
use crate::objects::*;
use crate::time::{SECOND, micro_time};
use std::io::Write;

/// One thing of the background, at `at_us`.
pub fn tick<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    match log.rng.range(0, 99) {
        0..24 => node_lease(log, cluster, at_us),
        24..36 => leader_election(log, cluster, at_us),
        36..54 => node_status(log, cluster, at_us),
        54..64 => kubelet_reads(log, cluster, at_us),
        64..68 => watch(log, cluster, at_us),
        68..96 => operator_status(log, cluster, at_us),
        _ => operator_list(log, cluster, at_us),
    }
}

fn node_lease<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let node = log.rng.pick(&cluster.nodes);
    log.request(
        at_us,
        &Request::new(&node.kubelet, "update", LEASE, "kube-node-lease", &node.name).query("?timeout=10s"),
    );
}

fn leader_election<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let (actor, name) = *log
        .rng
        .pick(&[(&cluster.controller_manager, "kube-controller-manager"), (&cluster.scheduler, "kube-scheduler")]);
    let end_us = log.request(at_us, &Request::new(actor, "get", LEASE, "kube-system", name).query("?timeout=5s"));
    log.request(end_us + 500, &Request::new(actor, "update", LEASE, "kube-system", name).query("?timeout=5s"));
}

fn node_status<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let version = cluster.version();
    let node = log.rng.pick(&cluster.nodes);
    let mut object = Object::new(&log.rng, NODE, "", &node.name, "node", at_us - 3600 * SECOND);
    object.uid.clone_from(&node.uid);
    let heartbeat = micro_time(at_us);
    let sent = format!(
        "{{\"status\":{{\"$setElementOrder/conditions\":[{{\"type\":\"MemoryPressure\"}},{{\"type\":\"DiskPressure\"}},{{\"type\":\"PIDPressure\"}},{{\"type\":\"Ready\"}}],\"conditions\":[{{\"lastHeartbeatTime\":\"{heartbeat}\",\"type\":\"MemoryPressure\"}},{{\"lastHeartbeatTime\":\"{heartbeat}\",\"type\":\"Ready\"}}]}}}}"
    );
    let images = log.rng.range(2, 16);
    let stored = object.stored(version, "kubelet", &crate::objects::node_status(at_us, images));
    let request = Request::new(&node.kubelet, "patch", NODE, "", &node.name).sub("status").query("?timeout=10s");
    log.request(at_us, &request.bodies(&sent, &stored));
}

fn kubelet_reads<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let node = log.rng.pick(&cluster.nodes);
    let (namespace, app) = (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps));
    let request = match log.rng.range(0, 2) {
        0 => Request::new(&node.kubelet, "get", CONFIG_MAP, namespace, "kube-root-ca.crt"),
        1 => Request::new(&node.kubelet, "get", SECRET, namespace, app),
        _ => Request::new(&node.kubelet, "create", SERVICE_ACCOUNT, namespace, app).sub("token").code(201),
    };
    log.request(at_us, &request);
}

fn watch<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let query = format!(
        "?allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}&watch=true",
        log.rng.range(40_000_000, 48_000_000),
        log.rng.range(300, 600)
    );
    let kubelet = &cluster.nodes[(log.rng.next() % NODES) as usize].kubelet;
    let (actor, kind) = *log.rng.pick(&[
        (kubelet, CONFIG_MAP),
        (kubelet, POD),
        (&cluster.scheduler, POD),
        (&cluster.deployment_controller, DEPLOYMENT),
        (&cluster.operators[0], CUSTOM),
    ]);
    let lasts_us = log.rng.range(5, 540) * SECOND;
    log.long_request(at_us, lasts_us, &Request::new(actor, "watch", kind, "", "").query(&query));
}

fn operator_status<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let version = cluster.version();
    let (namespace, app, actor) =
        (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps), log.rng.pick(&cluster.operators));
    let object = Object::new(&log.rng, CUSTOM, namespace, &format!("{app}-db"), app, at_us - 86_400 * SECOND);
    let members: Vec<String> = (0..log.rng.range(3, 9))
        .map(|n| format!("{{\"name\":\"{app}-db-{n}\",\"role\":\"replica\",\"lagBytes\":{},\"lastSeen\":\"{}\",\"message\":\"streaming\"}}", log.rng.range(0, 90_000), micro_time(at_us)))
        .collect();
    let rest = format!(
        ",\"spec\":{{\"version\":\"16.4\",\"replicas\":3,\"storage\":\"50Gi\"}},\"status\":{{\"phase\":\"Ready\",\"members\":[{}]}}",
        members.join(",")
    );
    let (sent, stored) = (object.stored(version, "operator", &rest), object.stored(version + 1, "operator", &rest));
    let request = Request::new(actor, "update", CUSTOM, namespace, &object.name).sub("status");
    log.request(at_us, &if log.rng.chance(3) { request.code(409) } else { request.bodies(&sent, &stored) });
}

/// Now and then a client lists objects, bodies and all: tens of kilobytes in a line.
fn operator_list<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    if !log.rng.chance(30) {
        return leader_election(log, cluster, at_us);
    }
    let version = cluster.version();
    let namespace = log.rng.pick(&cluster.namespaces).clone();
    let pods: Vec<String> = (0..log.rng.range(4, 18))
        .map(|_| {
            let app = *log.rng.pick(&cluster.apps);
            let pod = Object::new(
                &log.rng,
                POD,
                &namespace,
                &format!("{app}-{}", log.rng.suffix(5)),
                app,
                at_us - 7200 * SECOND,
            );
            pod.stored(
                version,
                "kubelet",
                &(pod_spec(app, "1.0.0", "node-001.eu-1.example.com") + &pod_status("Running", "10.2.1.9", at_us)),
            )
        })
        .collect();
    let list = format!(
        "{{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"{version}\"}},\"items\":[{}]}}",
        pods.join(",")
    );
    log.request(
        at_us,
        &Request::new(log.rng.pick(&cluster.operators), "list", POD, &namespace, "")
            .query("?limit=500")
            .bodies("", &list),
    );
}
