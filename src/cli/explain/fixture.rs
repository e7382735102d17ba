//! A small context for the tests of the drawings: alice scales a deployment; one pod's name holds an escape sequence.

use super::super::event::EventView;
use super::tree::Tree;
use crate::audit::time::Micros;

/// Five events: the scaling, the ReplicaSet, two pods, one binding.
pub fn scaling() -> Tree {
    let controller = |name: &str| format!("system:serviceaccount:kube-system:{name}");
    let event =
        |id: &str, millis: i64, user: String, verb: &str, object: (&str, &str, &str), cause: (&str, &str)| EventView {
            audit_id: id.into(),
            at: Micros(1_772_323_200_000_000 + millis * 1_000),
            user,
            verb: verb.into(),
            resource: object.0.into(),
            subresource: object.1.into(),
            namespace: "shop".into(),
            name: object.2.into(),
            status_code: if verb == "create" { 201 } else { 200 },
            role: if cause.0.is_empty() { "root" } else { "effect" }.into(),
            cause_audit_id: cause.0.into(),
            cause_reason: cause.1.into(),
            ..EventView::default()
        };
    let replicaset = controller("replicaset-controller");
    Tree::new(vec![
        event(
            "b",
            12,
            controller("deployment-controller"),
            "update",
            ("replicasets", "", "web-5d4"),
            ("a", "owner-written"),
        ),
        event("a", 0, "alice".into(), "patch", ("deployments", "scale", "web"), ("", "")),
        event("c", 20, replicaset.clone(), "create", ("pods", "", "web-5d4-x7k2p"), ("b", "made-for-owner")),
        event("d", 21, replicaset, "create", ("pods", "", "web\u{1b}[2J"), ("b", "made-for-owner")),
        event(
            "e",
            35,
            "system:kube-scheduler".into(),
            "create",
            ("pods", "binding", "web-5d4-x7k2p"),
            ("c", "object-written"),
        ),
    ])
}
