//! What somebody does, and everything it sets off.

use crate::cluster::Cluster;
use crate::event::{Actor, Kind, Request};
use crate::log::Log;
use crate::objects::*;
use crate::time::{MS, SECOND};
use std::io::Write;

/// One thing that somebody does at `at_us`, with its consequences.
pub fn tell<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    match log.rng.range(0, 99) {
        0..8 => deploy(log, cluster, at_us, Client::Kubectl),
        8..13 => deploy(log, cluster, at_us, Client::Helm),
        13..22 => deploy(log, cluster, at_us, Client::Pipeline),
        22..30 => run_job(log, cluster, at_us),
        30..42 => scale_down(log, cluster, at_us),
        42..50 => exec(log, cluster, at_us),
        _ => look_around(log, cluster, at_us),
    }
}

enum Client {
    Kubectl,
    Helm,
    Pipeline,
}

/// Apply a deployment: the objects, then replica set, pods, bindings, kubelets, endpoints.
fn deploy<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64, client: Client) {
    let version = cluster.version();
    let (actor, manager) = match client {
        Client::Kubectl => (log.rng.pick(&cluster.people), "kubectl-client-side-apply"),
        Client::Helm => (log.rng.pick(&cluster.helm), "Helm"),
        Client::Pipeline => (log.rng.pick(&cluster.deployers), "argocd-controller"),
    };
    let namespace = log.rng.pick(&cluster.namespaces).as_str();
    let app = *log.rng.pick(&cluster.apps);
    let (name, image) =
        (format!("{app}-{}", log.rng.suffix(4)), format!("1.{}.{}", log.rng.range(0, 40), log.rng.range(0, 9)));
    let replicas = log.rng.range(1, 6);
    let mut now = at_us;
    if matches!(client, Client::Helm) {
        let release = format!("sh.helm.release.v1.{name}.v1");
        now = log
            .request(now, &Request::new(actor, "list", SECRET, namespace, "").query("?labelSelector=owner%3Dhelm"))
            + 20 * MS;
        now = log.request(now, &Request::new(actor, "create", SECRET, namespace, &release).code(201)) + 20 * MS;
        for kind in [SERVICE_ACCOUNT, CONFIG_MAP, SERVICE] {
            let object = Object::new(&log.rng, kind, namespace, &name, app, now);
            now = create(
                log,
                actor,
                manager,
                &object,
                version,
                ",\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":8080}]}",
                now,
            ) + 15 * MS;
        }
    }
    now = log.request(now, &Request::new(actor, "get", DEPLOYMENT, namespace, &name).code(404)) + 30 * MS;
    let deployment = Object::new(&log.rng, DEPLOYMENT, namespace, &name, app, now);
    let spec = template_spec(app, &image, replicas);
    now = create(log, actor, manager, &deployment, version, &spec, now);

    let set = Object::new(&log.rng, REPLICA_SET, namespace, &format!("{name}-{}", log.rng.hex(9)), app, now)
        .owned_by(&deployment);
    let controllers = (&cluster.deployment_controller, &cluster.replica_set_controller);
    now = create(log, controllers.0, "kube-controller-manager", &set, version + 1, &spec, now + 8 * MS);
    update_status(log, controllers.0, &deployment, version + 2, &spec, now + 12 * MS);
    for n in 0..replicas {
        run_pod(log, cluster, controllers.1, &set, &image, version + 3 + n, now + 10 * MS * (n + 1));
    }
    update_status(log, controllers.1, &set, version + 9, &spec, now + 90 * MS);
    let slice = Object::new(&log.rng, ENDPOINT_SLICE, namespace, &format!("{name}-{}", log.rng.suffix(5)), app, now);
    let endpoints = ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.2.8.31\"],\"conditions\":{\"ready\":true}}],\"ports\":[{\"port\":8080,\"protocol\":\"TCP\"}]";
    for n in 1..=replicas.min(3) {
        let stored = slice.stored(version + 10 + n, "kube-controller-manager", endpoints);
        let request =
            Request::new(&cluster.endpoint_slice_controller, "update", ENDPOINT_SLICE, namespace, &slice.name);
        log.request(now + n * SECOND, &request.bodies(&slice.sent(endpoints), &stored));
    }
    update_status(log, controllers.1, &set, version + 20, &spec, now + 4 * SECOND);
    update_status(log, controllers.0, &deployment, version + 21, &spec, now + 4 * SECOND + 30 * MS);
    for _ in 0..16 {
        cluster.version();
    }
}

/// A pod from its creation until it runs.
fn run_pod<W: Write>(
    log: &mut Log<W>,
    cluster: &Cluster,
    actor: &Actor,
    owner: &Object,
    image: &str,
    version: u64,
    at_us: u64,
) {
    let node = log.rng.pick(&cluster.nodes);
    let (namespace, app) = (owner.namespace.as_str(), owner.app.as_str());
    let pod = Object::new(&log.rng, POD, namespace, &format!("{}-{}", owner.name, log.rng.suffix(5)), app, at_us)
        .owned_by(owner);
    let mut now = create(log, actor, "kube-controller-manager", &pod, version, &pod_spec(app, image, ""), at_us);
    note(log, actor, namespace, now + 2 * MS);
    let binding = format!(
        "{{\"kind\":\"Binding\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"{}\",\"uid\":\"{}\"}},\"target\":{{\"kind\":\"Node\",\"name\":\"{}\"}}}}",
        pod.name, pod.uid, node.name
    );
    let success = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"code\":201}";
    let bind = Request::new(&cluster.scheduler, "create", POD, namespace, &pod.name).sub("binding").code(201);
    now = log.request(now + 5 * MS, &bind.bodies(&binding, success));
    note(log, &cluster.scheduler, namespace, now + 2 * MS);
    log.request(now + 30 * MS, &Request::new(&node.kubelet, "get", POD, namespace, &pod.name));
    log.request(
        now + 45 * MS,
        &Request::new(&node.kubelet, "create", SERVICE_ACCOUNT, namespace, app).sub("token").code(201),
    );
    for (phase, after) in [("Pending", 60 * MS), ("Running", 2 * SECOND), ("Running", 3 * SECOND)] {
        let at_us = now + after + log.rng.range(0, 40) * MS;
        let status = pod_status(phase, "10.2.8.31", at_us);
        let sent = format!("{{\"metadata\":{{\"uid\":\"{}\"}}{status}}}", pod.uid);
        let stored = pod.stored(version + 1, "kubelet", &(pod_spec(app, image, &node.name) + &status));
        log.request(
            at_us,
            &Request::new(&node.kubelet, "patch", POD, namespace, &pod.name).sub("status").bodies(&sent, &stored),
        );
        note(log, &node.kubelet, namespace, at_us + 9 * MS);
    }
}

fn run_job<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let version = cluster.version();
    let (namespace, app, actor) =
        (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps), log.rng.pick(&cluster.deployers));
    let job = Object::new(&log.rng, JOB, namespace, &format!("{app}-migrate-{}", log.rng.suffix(5)), app, at_us);
    let now = create(log, actor, "argocd-controller", &job, version, &template_spec(app, "1.0.0", 1), at_us);
    run_pod(log, cluster, &cluster.job_controller, &job, "1.0.0", version + 1, now + 15 * MS);
    update_status(
        log,
        &cluster.job_controller,
        &job,
        version + 4,
        ",\"status\":{\"active\":0,\"succeeded\":1}",
        now + 6 * SECOND,
    );
}

fn scale_down<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let version = cluster.version();
    let (namespace, app, actor) =
        (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps), log.rng.pick(&cluster.people));
    let deployment = Object::new(&log.rng, DEPLOYMENT, namespace, app, app, at_us - 3600 * SECOND);
    let set = Object::new(&log.rng, REPLICA_SET, namespace, &format!("{app}-{}", log.rng.hex(9)), app, at_us)
        .owned_by(&deployment);
    let spec = template_spec(app, "1.0.0", 1);
    let scale = Request::new(actor, "patch", DEPLOYMENT, namespace, app).sub("scale");
    let now = log.request(
        at_us,
        &scale.bodies(
            "{\"spec\":{\"replicas\":1}}",
            &deployment.stored(version, "kubectl", ",\"spec\":{\"replicas\":1}"),
        ),
    );
    update_status(log, &cluster.deployment_controller, &set, version + 1, &spec, now + 10 * MS);
    for n in 0..log.rng.range(1, 3) {
        let node = log.rng.pick(&cluster.nodes);
        let pod = Object::new(
            &log.rng,
            POD,
            namespace,
            &format!("{}-{}", set.name, log.rng.suffix(5)),
            app,
            at_us - 1800 * SECOND,
        )
        .owned_by(&set);
        let stored = pod.stored(
            version + 2,
            "kubelet",
            &(pod_spec(app, "1.0.0", &node.name) + &pod_status("Running", "10.2.8.31", at_us)),
        );
        let options = "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{}}";
        let gone = |actor| Request::new(actor, "delete", POD, namespace, &pod.name).bodies(options, &stored);
        log.request(now + (20 + 5 * n) * MS, &gone(&cluster.replica_set_controller));
        log.request(now + 3 * SECOND, &gone(&node.kubelet));
    }
    log.request(now + 5 * SECOND, &Request::new(&cluster.garbage_collector, "get", REPLICA_SET, namespace, &set.name));
}

fn exec<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let (namespace, app, actor) =
        (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps), log.rng.pick(&cluster.people));
    let pod = format!("{app}-{}-{}", log.rng.hex(9), log.rng.suffix(5));
    let now = log.request(at_us, &Request::new(actor, "get", POD, namespace, &pod));
    let exec = Request::new(actor, "get", POD, namespace, &pod)
        .sub("exec")
        .query("?command=sh&container=main&stdin=true&stdout=true&tty=true");
    log.long_request(now + 20 * MS, session_us(app), &exec.code(101));
}

/// Longer for some applications than for others.
fn session_us(app: &str) -> u64 {
    app.len() as u64 * 3 * SECOND
}

/// Reads, some of them forbidden or of what is not there.
fn look_around<W: Write>(log: &mut Log<W>, cluster: &Cluster, at_us: u64) {
    let (namespace, app, actor) =
        (log.rng.pick(&cluster.namespaces), *log.rng.pick(&cluster.apps), log.rng.pick(&cluster.people));
    let kinds: [Kind; 5] = [POD, DEPLOYMENT, SERVICE, CONFIG_MAP, SECRET];
    for n in 0..log.rng.range(1, 4) {
        let code = *log.rng.pick(&[200, 200, 200, 200, 404, 403]);
        let request =
            Request::new(actor, if log.rng.chance(50) { "list" } else { "get" }, *log.rng.pick(&kinds), namespace, "");
        let request =
            if request.verb == "get" { Request { name: app, ..request } } else { request.query("?limit=500") };
        log.request(at_us + n * 300 * MS, &request.code(code));
    }
}

fn create<W: Write>(
    log: &mut Log<W>,
    actor: &Actor,
    manager: &str,
    object: &Object,
    version: u64,
    rest: &str,
    at_us: u64,
) -> u64 {
    let (sent, stored) = (object.sent(rest), object.stored(version, manager, rest));
    log.request(
        at_us,
        &Request::new(actor, "create", object.kind, &object.namespace, &object.name).code(201).bodies(&sent, &stored),
    )
}

fn update_status<W: Write>(log: &mut Log<W>, actor: &Actor, object: &Object, version: u64, rest: &str, at_us: u64) {
    let rest = format!("{rest},\"status\":{{\"observedGeneration\":1,\"replicas\":1,\"readyReplicas\":1}}");
    let (sent, stored) = (object.sent(&rest), object.stored(version, "kube-controller-manager", &rest));
    log.request(
        at_us,
        &Request::new(actor, "update", object.kind, &object.namespace, &object.name)
            .sub("status")
            .bodies(&sent, &stored),
    );
}

/// The event object that a component writes of what it did.
fn note<W: Write>(log: &mut Log<W>, actor: &Actor, namespace: &str, at_us: u64) {
    log.request(at_us, &Request::new(actor, "create", EVENT, namespace, "").code(201));
}
