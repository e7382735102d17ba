//! Audit events made for a test.

use serde_json::{Value, json};

/// Event number `n` of a log, a second after the one before: alice's `verb` of an object of `resource` in namespace `shop`.
pub fn event(n: usize, verb: &str, resource: &str, name: &str) -> Value {
    let at = |millis: usize| {
        let secs = n % 60;
        format!("2026-03-01T{:02}:{:02}:{secs:02}.{millis:03}000Z", n / 3600, n / 60 % 60)
    };
    json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": format!("00000000-0000-4000-8000-{n:012}"),
        "stage": "ResponseComplete",
        "requestURI": format!("/api/v1/namespaces/shop/{resource}/{name}"),
        "verb": verb,
        "user": {"username": "alice", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.7"],
        "userAgent": "kubectl/v1.34.0",
        "objectRef": {"resource": resource, "namespace": "shop", "name": name, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": at(0),
        "stageTimestamp": at(5),
        "annotations": {"authorization.k8s.io/decision": "allow"}
    })
}

/// A line for each value.
pub fn lines<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<u8> {
    values.into_iter().flat_map(|value| format!("{value}\n").into_bytes()).collect()
}
