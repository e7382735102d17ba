use super::*;
use crate::audit::decode::{Reading, Want, decode};
use crate::context::detail::Detail;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

#[test]
fn ids_that_are_no_uuids_are_kept_as_text() {
    let mut batch = FactBatch::default();
    let id = noted_audit_id("my-id", &mut batch);
    assert_eq!(batch.odd_ids, vec![(id, "my-id".to_owned())]);
}

/// All that the engine and the summaries are told of an event that is read that far.
fn told(event: &str, evidence: Reading) -> (FactBatch, Vec<Option<Detail>>) {
    let mut extractor = Extractor::new(Arc::new(Tables::built_in().unwrap()));
    let place = Place { stream: KeySpace(7), offset: 0, item: 0, row: 0, at: Micros(5) };
    let (mut batch, mut details) = (FactBatch::default(), Vec::new());
    decode(event.as_bytes(), Want { evidence, raw_bodies: false }, &mut |_, event| {
        let event = event.unwrap();
        extractor.push(event, place, &mut batch);
        details.push(Detail::of(event));
    });
    (batch, details)
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0i64..9).prop_map(Value::from),
        select(vec!["", "web", "web-1", "shop", "Pod", "PodList", "Status", "pods", "8", "u-1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from), members(inner)]
    })
}

/// An object of what bodies are made of.
fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = select(vec![
        "kind",
        "apiVersion",
        "metadata",
        "spec",
        "involvedObject",
        "regarding",
        "reason",
        "message",
        "details",
        "uid",
        "preconditions",
        "count",
        "target",
        "items",
        "endpoints",
        "subsets",
        "addresses",
        "targetRef",
        "name",
        "namespace",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "ownerReferences",
        "labels",
        "annotations",
        "managedFields",
        "control-plane.alpha.kubernetes.io/leader",
        "kubernetes.io/service-name",
        "app",
        "claimRef",
        "volumeName",
        "clusterIP",
        "scaleTargetRef",
        "boundObjectRef",
        "parentRef",
        "group",
        "selector",
        "matchLabels",
        "replicas",
        "nodeName",
        "unschedulable",
        "containers",
        "image",
        "template",
        "resource",
        "controller",
    ]);
    prop::collection::btree_map(name, value, 0..6).prop_map(|map| json!(map))
}

/// A body as bodies are, with anything in any place.
fn body() -> impl Strategy<Value = Value> {
    let (kind, name) = (select(vec!["", "Pod", "Status", "PodList"]), select(vec!["", "web-1", "shop"]));
    let parts = (members(any_value()), members(any_value()), members(any_value()), members(any_value()));
    (kind, name, parts).prop_map(|(kind, name, (whole, metadata, spec, reference))| {
        let mut body = json!({
            "kind": kind, "apiVersion": "v1", "message": "being terminated", "items": [{"metadata": reference}],
            "metadata": {
                "name": name, "uid": name, "resourceVersion": "8", "labels": {"app": "web"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "uid": "u-2"}, reference],
            },
            "spec": {
                "claimRef": reference, "volumeName": name, "clusterIP": "10.0.0.1", "scaleTargetRef": reference,
                "boundObjectRef": reference, "parentRef": reference, "group": "g.example", "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}}, "unschedulable": true, "nodeName": "n",
                "template": {"spec": {"containers": [{"image": "a"}, reference]}},
            },
            "endpoints": [{"targetRef": reference}], "involvedObject": reference, "target": {"name": name},
        });
        for (place, odd) in [("metadata", metadata), ("spec", spec), ("", whole)] {
            let inner = if place.is_empty() { &mut body } else { &mut body[place] };
            for (key, value) in odd.as_object().unwrap() {
                inner[key] = value.clone();
            }
        }
        body
    })
}

proptest! {
    /// Of bodies no more need be read than is, whoever asks for whatever: nothing that is told depends on the rest.
    #[test]
    fn causes_are_found_by_the_part_that_is_read(
        verb in select(vec!["get", "list", "create", "update", "patch", "delete", "deletecollection", "watch"]),
        resource in select(vec![
            "pods", "events", "deployments", "services", "endpoints", "endpointslices", "persistentvolumes", "nodes", "leases",
            "persistentvolumeclaims", "horizontalpodautoscalers", "customresourcedefinitions", "poddisruptionbudgets",
            "ipaddresses", "serviceaccounts", "configmaps", "replicasets", "databases", "resourcequotas", "namespaces",
        ]),
        subresource in select(vec!["", "status", "scale", "binding", "eviction", "token"]),
        name in select(vec!["", "web", "web-1-x7k2p", "shop"]),
        user in select(vec![
            "alice", "system:node:n1", "system:apiserver", "system:kube-scheduler", "system:kube-controller-manager",
            "system:serviceaccount:kube-system:replicaset-controller", "system:serviceaccount:ops:operator",
            "system:serviceaccount:kube-system:endpointslice-controller",
            "system:serviceaccount:kube-system:persistent-volume-binder",
            "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
            "system:serviceaccount:kube-system:disruption-controller",
        ]),
        code in select(vec![200, 201, 403, 404]),
        bodies in (prop::option::of(body()), prop::option::of(body())),
        bodies_first in any::<bool>(),
    ) {
        let head = json!({
            "auditID": "841d3e6d-90d2-43df-8da4-684738bee3d5", "stage": "ResponseComplete", "verb": verb,
            "requestURI": "/api/v1/x", "user": {"username": user}, "userAgent": "agent/1",
            "requestReceivedTimestamp": "2026-01-15T08:00:00.001218Z", "stageTimestamp": "2026-01-15T08:00:00.005338Z",
            "objectRef": {"resource": resource, "subresource": subresource, "namespace": "shop", "name": name},
            "responseStatus": {"code": code},
        });
        let bodies = json!({"requestObject": bodies.0, "responseObject": bodies.1});
        let parts = if bodies_first { [bodies, head] } else { [head, bodies] };
        let parts = parts.map(|part| part.to_string().strip_prefix('{').unwrap().strip_suffix('}').unwrap().to_owned());
        let event = format!("{{{}}}", parts.join(","));
        let (causes, whole) = (told(&event, Reading::Causes), told(&event, Reading::Whole));
        prop_assert_eq!(causes.0.heads.len(), 1);
        prop_assert_eq!(format!("{:?}", causes), format!("{:?}", whole), "{}", event);
    }
}
