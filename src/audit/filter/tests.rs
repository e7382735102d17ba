//! The rules against real events, and strict against wide.

use super::*;
use crate::audit::decode::tests::real_lines;
use crate::audit::decode::{Want, decode};
use proptest::prelude::*;
use serde_json::json;

/// The decision on an event with these fields.
fn decision(rules: Rules, switches: &Switches, fields: &serde_json::Value) -> Decision {
    let mut event = json!({"auditID": "a", "stage": "ResponseComplete", "stageTimestamp": "2026-01-01T00:00:00Z", "requestURI": "/api/v1/x"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut decision = None;
    decode(event.to_string().as_bytes(), Want::default(), &mut |_, event| {
        decision = Some(decide(event.unwrap(), rules, switches));
    });
    decision.unwrap()
}

fn both(fields: serde_json::Value) -> (Decision, Decision) {
    let on = Switches::default();
    (decision(Rules::Strict, &on, &fields), decision(Rules::K8ntext, &on, &fields))
}

fn by_node(verb: &str, object: serde_json::Value) -> serde_json::Value {
    json!({"verb": verb, "objectRef": object, "user": {"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]}})
}

fn by(user: &str, verb: &str, object: serde_json::Value) -> serde_json::Value {
    json!({"verb": verb, "objectRef": object, "user": {"username": user, "groups": ["system:authenticated"]}})
}

/// White, black and removed events of a file.
fn counts(path: &str, rules: Rules) -> Option<[usize; 3]> {
    let lines = real_lines(path);
    let mut counts = [0; 3];
    for line in &lines {
        decode(line.as_bytes(), Want::default(), &mut |_, event| match decide(
            event.unwrap(),
            rules,
            &Switches::default(),
        ) {
            Decision::White => counts[0] += 1,
            Decision::Black(_) => counts[1] += 1,
            Decision::Removed(_) => counts[2] += 1,
        });
    }
    (!lines.is_empty()).then_some(counts)
}

#[test]
fn real_events_as_the_original_decides() {
    if let Some(counts) = counts("audit/falco_fixtures.jsonl", Rules::K8ntext) {
        assert_eq!(counts, [51, 0, 0]);
    }
    if let Some(counts) = counts("audit/audit2rbac_demo.jsonl", Rules::K8ntext) {
        assert_eq!(counts, [14, 0, 23]);
    }
}

#[test]
fn every_rule_in_both_forms() {
    use Decision::{Black, Removed, White};
    use Rule::*;
    let (kcm, scheduler, api) = ("system:kube-controller-manager", "system:kube-scheduler", "system:apiserver");
    let flannel = "system:serviceaccount:kube-flannel:flannel";
    let kube_system =
        |resource: &str, name: &str| json!({"resource": resource, "namespace": "kube-system", "name": name});
    for (fields, strict, k8ntext) in [
        (json!({"verb": "get", "requestURI": "/readyz"}), Removed(NonResource), Removed(NonResource)),
        (json!({"verb": "get", "requestURI": "/metrics"}), Removed(NonResource), Removed(NonResource)),
        (json!({"verb": "get", "requestURI": "/apis?timeout=32s"}), Removed(NonResource), Removed(NonResource)),
        (json!({"verb": "get", "requestURI": "/api/v1"}), Removed(NonResource), Removed(NonResource)),
        (json!({"verb": "get", "requestURI": "/apis/apps/v1"}), White, Removed(NonResource)),
        (json!({"verb": "get", "requestURI": null}), White, Removed(NonResource)),
        (by("a", "list", json!({"resource": "pods"})), White, White),
        (
            json!({"verb": "watch", "stage": "ResponseStarted", "objectRef": {"resource": "pods"}}),
            Removed(ResponseStartedWatch),
            Removed(ResponseStartedWatch),
        ),
        (
            by("a", "get", json!({"resource": "pods", "namespace": "falco"})),
            Removed(CniAndExternalNamespaces),
            Removed(CniAndExternalNamespaces),
        ),
        (
            by(flannel, "get", json!({"resource": "pods"})),
            Removed(CniAndExternalNamespaces),
            Removed(CniAndExternalNamespaces),
        ),
        (
            by(api, "watch", json!({"resource": "secrets"})),
            Black(ApiServerWatchingObjects),
            Black(ApiServerWatchingObjects),
        ),
        (by(api, "watch", json!({"resource": "secrets", "namespace": "shop"})), White, Black(ApiServerWatchingObjects)),
        (
            by(api, "watch", kube_system("configmaps", "kube-apiserver-legacy-service-account-token-tracking")),
            Black(ApiServerWatchingObjects),
            Black(ApiServerWatchingObjects),
        ),
        (by(api, "watch", json!({"resource": "leases"})), White, White),
        (
            by(kcm, "watch", json!({"resource": "certificatesigningrequests"})),
            Black(KubeControllerWatchingObjects),
            Black(KubeControllerWatchingObjects),
        ),
        (by(kcm, "watch", json!({"resource": "pods", "namespace": "x"})), White, Black(KubeControllerWatchingObjects)),
        (
            by(scheduler, "watch", json!({"resource": "nodes"})),
            Black(KubeSchedulerWatchingObjects),
            Black(KubeSchedulerWatchingObjects),
        ),
        (
            by(scheduler, "watch", kube_system("configmaps", "extension-apiserver-authentication")),
            Black(ExtensionApiserverAuthentication),
            Black(ExtensionApiserverAuthentication),
        ),
        (
            by_node("watch", json!({"resource": "pods"})),
            Black(NodesWatchingPodsAndNodes),
            Black(NodesWatchingPodsAndNodes),
        ),
        (
            by_node("watch", json!({"resource": "nodes", "name": "n1"})),
            Black(NodesWatchingPodsAndNodes),
            Black(NodesWatchingPodsAndNodes),
        ),
        (by_node("watch", json!({"resource": "nodes", "name": "n2"})), White, Black(NodesWatchingPodsAndNodes)),
        (by("system:node:n1", "watch", json!({"resource": "pods"})), White, Black(NodesWatchingPodsAndNodes)),
        (by("x-system:node:n1", "watch", json!({"resource": "pods"})), White, Black(NodesWatchingPodsAndNodes)),
        (
            by_node("watch", kube_system("configmaps", "coredns")),
            Black(NodesWatchingConfigmaps),
            Black(NodesWatchingConfigmaps),
        ),
        (
            by_node(
                "create",
                json!({"resource": "serviceaccounts", "subresource": "token", "namespace": "kube-system"}),
            ),
            Black(NodesCreatingSasToken),
            Black(NodesCreatingSasToken),
        ),
        (
            by_node("create", json!({"resource": "serviceaccounts", "subresource": "token", "namespace": "shop"})),
            White,
            Black(NodesCreatingSasToken),
        ),
        (
            by("system:serviceaccount:kube-system:coredns", "watch", json!({"resource": "namespaces"})),
            Black(CorednsWatchingNamespaces),
            Black(CorednsWatchingNamespaces),
        ),
        (
            by("system:serviceaccount:kube-system:kube-proxy", "watch", json!({"resource": "nodes"})),
            Black(KubeProxyWatchingNodes),
            Black(KubeProxyWatchingNodes),
        ),
        (
            by_node("get", json!({"resource": "nodes", "name": "n1"})),
            Black(NodesGettingTheirOwnStatus),
            Black(NodesGettingTheirOwnStatus),
        ),
        (by_node("get", json!({"resource": "nodes", "name": "n2"})), White, Black(NodesGettingTheirOwnStatus)),
        (
            by_node("patch", json!({"resource": "nodes", "name": "n1", "subresource": "status"})),
            Black(NodesPatchingTheirOwnStatus),
            Black(NodesPatchingTheirOwnStatus),
        ),
        (by_node("patch", json!({"resource": "nodes", "name": "n1"})), White, Black(NodesPatchingTheirOwnStatus)),
        (
            by(
                kcm,
                "create",
                json!({"resource": "serviceaccounts", "name": "generic-garbage-collector", "subresource": "token"}),
            ),
            Black(KubeControllerGcAndRqToken),
            Black(KubeControllerGcAndRqToken),
        ),
        (
            by(kcm, "create", json!({"resource": "serviceaccounts", "name": "resourcequota-controller"})),
            White,
            Black(KubeControllerGcAndRqToken),
        ),
        (by(kcm, "delete", json!({"resource": "serviceaccounts", "name": "resourcequota-controller"})), White, White),
    ] {
        assert_eq!(both(fields.clone()), (strict, k8ntext), "{fields}");
    }
}

#[test]
fn a_switch_turns_its_rule_off() {
    let fields = by("system:apiserver", "watch", json!({"resource": "secrets"}));
    let switches: Switches = serde_json::from_value(json!({"api_server_watching_objects": false})).unwrap();
    assert_eq!(decision(Rules::K8ntext, &switches, &fields), Decision::White);
    assert!(serde_json::from_value::<Switches>(json!({"unknown": false})).is_err());
    for rule in Rule::ALL.into_iter().skip(1) {
        let off: Switches = serde_json::from_value(json!({ rule.as_str(): false })).unwrap();
        assert!(Rule::ALL.into_iter().all(|other| off.is_on(other) == (other != rule)));
    }
}

#[test]
fn one_row_a_request() {
    let row = |fields: serde_json::Value| {
        let mut event = json!({"auditID": "a", "stageTimestamp": "2026-01-01T00:00:00Z", "verb": "get"});
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut row = None;
        decode(event.to_string().as_bytes(), Want::default(), &mut |_, event| row = Some(is_row(event.unwrap())));
        row.unwrap()
    };
    assert!(!row(json!({"stage": "RequestReceived", "verb": "watch"})));
    assert!(row(json!({"stage": "ResponseStarted", "verb": "watch"})));
    assert!(row(json!({"stage": "ResponseComplete", "verb": "watch"})));
    assert!(row(json!({"stage": "Panic"})));
    assert!(!row(json!({"stage": "ResponseStarted"})));
    assert!(row(json!({"stage": "ResponseStarted", "objectRef": {"resource": "pods", "subresource": "exec"}})));
    let log = |uri: &str| {
        row(
            json!({"stage": "ResponseStarted", "requestURI": uri, "objectRef": {"resource": "pods", "subresource": "log"}}),
        )
    };
    assert!(log("/api/v1/namespaces/a/pods/b/log?container=c&follow=true"));
    assert!(!log("/api/v1/namespaces/a/pods/b/log?container=c&follow=false"));
    assert!(!log("/api/v1/namespaces/a/pods/b/log"));
}

proptest! {
    /// The original's regular expression, spelt out by hand in the program.
    #[test]
    fn root_with_timeout(uri in "(/api|s|\\?timeout|/|x){0,8}") {
        let original = regex::Regex::new(r"/api(s)*\?timeout").unwrap();
        let fields = json!({"verb": "get", "requestURI": uri, "objectRef": {"resource": "pods"}});
        let removed = decision(Rules::K8ntext, &Switches::default(), &fields) == Decision::Removed(Rule::NonResource);
        prop_assert_eq!(removed, original.is_match(&uri) || matches!(&*uri, "/api" | "/apis"));
    }
}
