//! The code's test vectors, the proposer on real events, the control plane's rules.

use super::*;
use crate::audit::decode::tests::real_lines;
use crate::audit::decode::{Reading, Want, decode};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The label that `labeller` gives to an event with these fields.
fn label_of(labeller: fn(&crate::audit::event::Event<'_>) -> Label, fields: &Value) -> Label {
    let mut event = json!({"auditID": "a", "stage": "ResponseComplete", "stageTimestamp": "2026-01-01T00:00:00Z", "requestURI": "/api/v1/namespaces/x"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut label = None;
    let want = Want { evidence: Reading::Whole, raw_bodies: false };
    decode(event.to_string().as_bytes(), want, &mut |_, event| label = Some(labeller(event.unwrap())));
    label.unwrap()
}

#[test]
fn known_codes() {
    use Verb::*;
    for (id, sub, namespaced, single, verb, code, text) in [
        (1, 0, true, true, Create, 4_496, "create core/v1/pods (ns) (single)"),
        (1, 4, true, true, Create, 6_544, "create core/v1/pods/exec (ns) (single)"),
        (1, 9, true, true, Create, 5_009, "create core/v1/pods/eviction (ns) (single)"),
        (4, 2, true, true, Create, 17_808, "create core/v1/serviceaccounts/token (ns) (single)"),
        (10, 0, false, true, Create, 41_104, "create core/v1/namespaces (single)"),
        (10, 0, true, true, Delete, 41_376, "delete core/v1/namespaces (ns) (single)"),
        (15, 0, false, true, Get, 61_616, "get core/v1/nodes (single)"),
        (15, 0, false, true, Patch, 61_632, "patch core/v1/nodes (single)"),
        (26, 8, true, true, Get, 106_929, "get core/v1/services/proxy (ns) (single)"),
        (29, 0, true, true, Patch, 119_232, "patch coordination.k8s.io/v1/leases (ns) (single)"),
        (666, 0, false, false, Get, 2_727_984, "get unknown.1company-name.com/noversion/externalcrd (list)"),
    ] {
        let parts = Parts { id, sub, namespaced, single, verb };
        assert_eq!(Label::encode(parts), Label(code));
        assert_eq!((Label(code).parts(), Label(code).to_string()), (Some(parts), text.to_owned()));
    }
    assert_eq!([Label(-1).to_string(), Label(-2).to_string()], ["unknown", "ignored"]);
    for code in [-3, 0, 1 << 22, 4_496 & !0x70, 4_496 | 0x70, i32::MIN, i32::MAX, 4_490 + (1 << 21)] {
        assert_eq!(Label(code).to_string(), "cannot be decoded", "{code}");
    }
}

#[test]
fn proposals() {
    let pods = |object: Value| json!({"verb": "create", "objectRef": object});
    for (fields, code) in [
        (pods(json!({"resource": "pods", "apiVersion": "v1", "namespace": "a", "name": "b"})), 4_496),
        (
            pods(json!({"resource": "pods", "subresource": "exec", "apiVersion": "v1", "namespace": "a", "name": "b"})),
            6_544,
        ),
        (pods(json!({"resource": "pods", "subresource": "nothing", "apiVersion": "v1"})), -1),
        (pods(json!({"resource": "pods", "apiVersion": "v2"})), -1),
        (pods(json!({"resource": "pods", "apiVersion": "v1", "namespace": "falco"})), -2),
        (
            json!({"verb": "list", "objectRef": {"resource": "widgets", "apiGroup": "example.com", "apiVersion": "v9"}}),
            2_727_984,
        ),
        (json!({"verb": "connect", "objectRef": {"resource": "pods", "apiVersion": "v1"}}), -1),
        (json!({"verb": "delete", "objectRef": {"resource": "componentstatuses", "apiVersion": "v1"}}), -1),
        (json!({"verb": "get"}), -1),
        (json!({"verb": "get", "requestURI": "/apis/apps?timeout=32s"}), -2),
        (json!({"verb": "get", "requestURI": "/openapi/v2/x"}), -2),
        (json!({"verb": "get", "requestURI": null}), -2),
    ] {
        assert_eq!(label_of(propose, &fields), Label(code), "{fields}");
    }
}

#[test]
fn proposals_for_real_events() {
    // labelled, unknown, ignored, different ones
    for (file, expected) in
        [("audit/falco_fixtures.jsonl", [51, 0, 0, 21]), ("audit/audit2rbac_demo.jsonl", [14, 20, 3, 7])]
    {
        let lines = real_lines(file);
        let mut labels = Vec::new();
        for line in &lines {
            decode(line.as_bytes(), Want::default(), &mut |_, event| labels.push(propose(event.unwrap())));
        }
        let count = |wanted: fn(&Label) -> bool| labels.iter().filter(|label| wanted(label)).count();
        let (unknown, ignored) = (count(|l| *l == Label::UNKNOWN), count(|l| *l == Label::IGNORED));
        let different = labels.iter().collect::<std::collections::BTreeSet<_>>().len();
        if !lines.is_empty() {
            assert_eq!([count(|label| label.0 >= 0), unknown, ignored, different], expected, "{file}");
        }
    }
}

#[test]
fn routine_of_the_control_plane() {
    let by = |user: &str, groups: &[&str], verb: &str, object: Value| json!({"user": {"username": user, "groups": groups}, "verb": verb, "objectRef": object});
    let (nodes, accounts) = (&["system:nodes"][..], &["system:serviceaccounts"][..]);
    let lease = |ns: &str| json!({"resource": "leases", "apiGroup": "coordination.k8s.io", "apiVersion": "v1", "namespace": ns, "name": "l"});
    let core = |resource: &str, ns: &str, name: &str| json!({"resource": resource, "apiVersion": "v1", "namespace": ns, "name": name});
    let own = i32::MIN;
    for (fields, code) in [
        (by("sa", accounts, "watch", lease("kube-system")), 119_232),
        (by("system:kube-scheduler", &[], "get", lease("kube-system")), 119_232),
        (by("system:kube-controller-manager", &[], "update", lease("kube-system")), 119_232),
        (by("system:kube-controller-manager", &[], "watch", lease("kube-system")), -1),
        (by("system:kube-scheduler", &[], "watch", core("pods", "", "")), own),
        (by("system:kube-scheduler", &[], "watch", core("pods", "kube-system", "")), -1),
        (by("system:apiserver", &[], "watch", core("pods", "", "")), own),
        (by("system:apiserver", &[], "get", core("endpoints", "default", "kubernetes")), own),
        (by("system:apiserver", &[], "patch", core("secrets", "a", "b")), -1),
        (by("system:node:n", nodes, "patch", core("nodes", "", "n")), 61_632),
        (by("system:node:n", nodes, "update", lease("kube-node-lease")), own),
        (by("system:node:n", nodes, "get", core("configmaps", "a", "kube-root-ca.crt")), own),
        (by("system:serviceaccount:kube-system:coredns", &[], "watch", core("services", "", "")), own),
        (by("anyone", &[], "get", core("serviceaccounts", "kube-system", "x")), 17_808),
        (by("sa", accounts, "list", core("pods", "", "")), own),
        (by("alice", &[], "create", core("pods", "a", "b")), -1),
        (
            by("alice", &[], "list", json!({"resource": "widgets", "apiGroup": "example.com", "apiVersion": "v1"})),
            2_727_984,
        ),
        (json!({"user": {"username": "alice"}, "verb": "get"}), -1),
    ] {
        let expected = if code == own { label_of(propose, &fields) } else { Label(code) };
        assert!(code != own || expected.0 > 0, "a rule that gives the own label needs one: {fields}");
        assert_eq!(label_of(control_plane, &fields), expected, "{fields}");
    }
    let mut noted = by("system:apiserver", &[], "patch", core("secrets", "a", "b"));
    noted["requestObject"] = json!({"metadata": {"labels": {"kubernetes.io/legacy-token-last-used": "2026-01-01"}}});
    assert_eq!(label_of(control_plane, &noted), label_of(propose, &noted));
}

proptest! {
    #[test]
    fn codes_read_back(id in 0_u16..1_024, sub in 0_u8..128, namespaced: bool, single: bool, verb in 0_usize..5) {
        let parts = Parts { id, sub, namespaced, single, verb: Verb::ALL[verb] };
        prop_assert_eq!(Label::encode(parts).parts(), Some(parts));
    }

    #[test]
    fn any_code_has_a_text(code: i32) {
        prop_assert!(!Label(code).to_string().is_empty());
        if let Some(parts) = Label(code).parts() {
            prop_assert_eq!(Label::encode(parts), Label(code));
        }
    }
}
