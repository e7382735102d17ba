//! One core, events of 2.4 KB as the API server writes them: decoding with and without evidence, filtering, labelling.
//! `cargo bench --bench decode`; divan prints bytes/s and items/s.

#![allow(missing_docs, clippy::unwrap_used)]

use causeway::audit::decode::{Reading, Want, decode};
use causeway::audit::filter::{Decision, Rules, Switches, decide};
use causeway::audit::label::propose;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::fmt::Write;

fn main() {
    divan::main();
}

/// Few, so that a sample is shorter than a slice of the scheduler and the fastest one is the machine's own.
const EVENTS: usize = 50;

/// Lines of about 2.4 KB: a request of a controller, of a kubelet and of a person in turn, each with a pod as its response.
fn lines() -> Vec<String> {
    (0..EVENTS).map(line).collect()
}

fn line(index: usize) -> String {
    let (user, agent, verb) = match index % 3 {
        0 => ("system:serviceaccount:kube-system:replicaset-controller", "kube-controller-manager/v1.34.4", "create"),
        1 => ("system:node:worker-1", "kubelet/v1.34.4 (linux/amd64) kubernetes/0000000", "patch"),
        _ => ("alice", "kubectl/v1.34.4 (linux/amd64) kubernetes/0000000", "get"),
    };
    let name = format!("web-66d4c8b7f9-{index:05}");
    let mut fields = String::new();
    for field in 0..14 {
        write!(fields, r#""f:field{field}":{{".":{{}},"f:type":{{}},"f:status":{{}}}},"#).unwrap();
    }
    let pod = format!(
        concat!(
            r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}","generateName":"web-66d4c8b7f9-","namespace":"shop","#,
            r#""uid":"5bb8ae1c-7cf0-4f64-9d2c-{index:012}","resourceVersion":"{index}","creationTimestamp":"2026-11-21T07:10:15Z","#,
            r#""labels":{{"app":"web","pod-template-hash":"66d4c8b7f9"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","#,
            r#""name":"web-66d4c8b7f9","uid":"0e0d31a2-84b3-4a58-a2dd-b4a5b1e5d1b2","controller":true,"blockOwnerDeletion":true}}],"#,
            r#""managedFields":[{{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-11-21T07:10:15Z","#,
            r#""fieldsType":"FieldsV1","fieldsV1":{{{fields}"f:end":{{}}}}}}]}},"spec":{{"containers":[{{"name":"web","#,
            r#""image":"registry.example.com/shop/web:1.27","resources":{{}},"imagePullPolicy":"IfNotPresent"}}],"nodeName":"worker-1"}},"#,
            r#""status":{{"phase":"Pending","qosClass":"BestEffort"}}}}"#
        ),
        name = name,
        index = index,
        fields = fields
    );
    format!(
        concat!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"106d247c-567b-4505-acb3-{index:012}","#,
            r#""stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/{name}?timeout=10s","verb":"{verb}","#,
            r#""user":{{"username":"{user}","uid":"87980aec-6ee7-4531-be31-a19aba942dfd","groups":["system:authenticated","system:nodes"]}},"#,
            r#""sourceIPs":["10.0.0.7"],"userAgent":"{agent}","objectRef":{{"resource":"pods","namespace":"shop","name":"{name}","#,
            r#""apiVersion":"v1","subresource":"status"}},"responseStatus":{{"metadata":{{}},"code":200}},"responseObject":{pod},"#,
            r#""requestReceivedTimestamp":"2026-11-21T07:10:15.863533Z","stageTimestamp":"2026-11-21T07:10:15.868397Z","#,
            r#""annotations":{{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}}}"#
        ),
        index = index,
        name = name,
        verb = verb,
        user = user,
        agent = agent,
        pod = pod
    )
}

#[divan::bench(args = [
    ("nothing", Reading::Nothing, false),
    ("causes", Reading::Causes, false),
    ("evidence", Reading::Whole, false),
    ("bodies", Reading::Whole, true),
])]
fn decoding(bencher: Bencher<'_, '_>, (_, evidence, raw_bodies): (&str, Reading, bool)) {
    let lines = lines();
    let bytes: usize = lines.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for line in &lines {
            decode(line.as_bytes(), Want { evidence, raw_bodies }, &mut |_, event| {
                black_box(&event.unwrap());
            });
        }
    });
}

#[divan::bench]
fn wrapped(bencher: Bencher<'_, '_>) {
    let lines: Vec<String> =
        lines().iter().map(|line| serde_json::json!({ "log": line, "stream": "stdout" }).to_string()).collect();
    let bytes: usize = lines.iter().map(String::len).sum();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for line in &lines {
            decode(line.as_bytes(), Want::default(), &mut |_, event| {
                black_box(&event.unwrap());
            });
        }
    });
}

#[divan::bench]
fn poison(bencher: Bencher<'_, '_>) {
    let lines = lines();
    let bytes: usize = lines.iter().map(|line| line.len() - 100).sum();
    bencher.counter(BytesCount::new(bytes)).counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for line in &lines {
            decode(&line.as_bytes()[..line.len() - 100], Want::default(), &mut |_, event| {
                black_box(&event.unwrap_err());
            });
        }
    });
}

/// Repeats `work` on one decoded event of each kind.
fn on_events(bencher: Bencher<'_, '_>, work: impl Fn(&causeway::audit::event::Event<'_>)) {
    let lines = lines();
    bencher.counter(ItemsCount::new(3 * EVENTS)).bench_local(|| {
        for line in &lines[..3] {
            decode(line.as_bytes(), Want::default(), &mut |_, event| {
                let event = event.unwrap();
                for _ in 0..EVENTS {
                    work(black_box(event));
                }
            });
        }
    });
}

#[divan::bench(args = [Rules::Strict, Rules::K8ntext])]
fn filtering(bencher: Bencher<'_, '_>, rules: Rules) {
    let switches = Switches::default();
    on_events(bencher, |event| assert!(matches!(black_box(decide(event, rules, &switches)), Decision::White)));
}

#[divan::bench]
fn labelling(bencher: Bencher<'_, '_>) {
    on_events(bencher, |event| {
        black_box(propose(event));
    });
}

#[divan::bench]
fn action(bencher: Bencher<'_, '_>) {
    on_events(bencher, |event| {
        black_box(event.action().to_string());
    });
}
