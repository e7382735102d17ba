//! The reason of a link in words: from the short name of the evidence, the event and its cause to a sentence.

use super::super::event::EventView;

/// Evidence of less weight makes a link but probable.
const PROBABLE_BELOW: i64 = 60;

/// Why `event` is held to follow from `cause`; `None` when the cause has no row in this context.
pub fn because(event: &EventView, cause: Option<&EventView>) -> String {
    let Some(cause) = cause else { return without_cause(event) };
    let mut told = of_collection(event, cause).unwrap_or_else(|| of_one(event, cause));
    if event.cause_weight.is_some_and(|weight| weight < PROBABLE_BELOW) {
        told.insert_str(0, "probably: ");
    }
    let later_us = cause.at.since(event.at);
    if later_us > 0 {
        told.push_str(&format!(", though the log has that {:.1} ms later", later_us as f64 / 1e3));
    }
    told
}

fn without_cause(event: &EventView) -> String {
    match (event.cause_reason.as_str(), event.role.as_str()) {
        ("", _) => String::new(),
        (_, "root") => format!("request {}, of another context, set it off", event.cause_audit_id),
        (reason, _) => {
            format!("{} (the request that it follows from, {}, has no row)", plainly(reason), event.cause_audit_id)
        }
    }
}

/// What follows from the deletion of all objects of a kind.
fn of_collection(event: &EventView, cause: &EventView) -> Option<String> {
    if cause.verb != "deletecollection" {
        return None;
    }
    let it = event.object();
    let tail = match event.cause_reason.as_str() {
        _ if event.resource == "events" => return Some(format!("it reports about {}: {}", event.about(), deed(cause))),
        "made-for-owner" | "owner-written" | "noted-owner-written" => format!(", the owner of {it} among them"),
        "owned-changed" | "owned-gone" => format!(", some of which belonged to {it}"),
        "object-written" => format!(", {it} among them"),
        "endpoint-pod-changed" | "labelled-pod-changed" | "named-pod-changed" => format!(", which {it} had listed"),
        _ => return None,
    };
    Some(format!("{}{tail}", deed(cause)))
}

/// `alice had scaled Deployment web`.
fn deed(cause: &EventView) -> String {
    format!("{} had {} {}", cause.actor(), cause.done(), cause.object())
}

fn of_one(event: &EventView, cause: &EventView) -> String {
    let reason = event.cause_reason.as_str();
    let it = event.object();
    let actor = event.actor();
    let other = cause.object();
    let by = cause.actor();
    let deed = deed(cause);
    match reason {
        "object-written" | "status-written" if event.resource == "events" => {
            format!("it tells about {other}, which {by} had {}", cause.done())
        }
        "owned-changed" | "owned-gone" | "owner-written" | "made-for-owner" | "family-changed" | "any-pod-changed"
            if event.resource == "events" =>
        {
            format!("it reports about {}: {other} was {} by {by}", event.about(), cause.done())
        }
        "object-written" if event.resource == "ipaddresses" => {
            format!("the address is for {other}, which {by} had {}", cause.done())
        }
        "object-written" | "read-object-written" => format!("{deed}, which {actor} watches"),
        "status-written" => format!("{by} had reported a new status of {other}"),
        "made-for-owner" => format!("{it} belongs to {other}, which {by} had {}", cause.done()),
        "owner-written" => format!("{it} is owned by {other}, which {by} had {}", cause.done()),
        "owned-changed" => format!("{other}, which belongs to {it}, was {} by {by}", cause.done()),
        "owned-gone" => format!("{other}, which belonged to it, was {} by {by}", cause.done()),
        "sibling-changed" => format!("{other}, which has the same owner, was {} by {by}", cause.done()),
        "collection-deleted" => format!("{by} had deleted all objects of its kind in {}", namespace(event)),
        "namespace-emptied" => format!("{by} is emptying the namespace {}", namespace(event)),
        "namespace-terminating" => format!("the namespace {} is being terminated: {deed}", namespace(event)),
        "namespace-written" if event.name.is_empty() => format!("{by} had {} {other}", cause.done()),
        "namespace-written" => {
            format!("{it} lives in the namespace {}, which {by} had {}", namespace(event), cause.done())
        }
        "namespace-changed" => format!("{deed} in the same namespace a moment ago"),
        "main-kind-written" | "watched-kind-written" | "other-kind-written" => {
            format!("{actor} watches objects such as {other}, which {by} had {}", cause.done())
        }
        "driver-written" | "node-written" => format!("{actor} acts on {other}, which {by} had {}", cause.done()),
        "autoscaler-written" => format!("{other} scales {it}, and {by} had {} it", cause.done()),
        "just-read" => format!("{actor} had just read {other}"),
        "bound-object" => format!("it is for {other}, which {by} had {}", cause.done()),
        "endpoint-pod-changed" => format!("{it} lists {other}, which {by} had {}", cause.done()),
        "labelled-pod-changed" => format!("{it} selects {other} by its labels, and {by} had {} it", cause.done()),
        "named-pod-changed" => format!("{other} is named after it, and {by} had {} it", cause.done()),
        "any-pod-changed" => format!("{deed} in the same namespace"),
        "inside-request" => {
            let does = if event.done() == "listed" || event.done() == "read" { "checks" } else { "does" };
            format!("the API server {does} this while it serves {by}'s request on {other}")
        }
        "custom-group" => format!("its API group comes from {other}, which {by} had {}", cause.done()),
        "node-reported" => format!("it tells about {other}, which {by} had {}", cause.done()),
        "pod-bound-here" | "pod-bound" | "pod-bound-to-node" => format!("{by} had placed {other} on a node"),
        "kubelet-syncing-here" | "kubelet-syncing" => format!("{actor} was busy with {other}"),
        "same-controller" | "same-controller-weak" => {
            format!("{actor} did it right after it had {} {other}", cause.done())
        }
        "same-run" | "same-run-here" | "same-reaction" => {
            format!("{actor} was at it already: it had {} {other}", cause.done())
        }
        "kept-written" => format!("{actor} looks after {other}, which {by} had {}", cause.done()),
        "noted-owner-written" => format!("{it} belonged to {other}, which {by} had {}", cause.done()),
        "pod-starting" | "pod-arrived" => format!("{actor} is making {other} ready, which had just been placed there"),
        "written-again" => format!("{actor} had {} {other} a moment ago", cause.done()),
        "family-changed" => {
            format!("{deed}; both belong to one family of objects, and the link between them is not in the log")
        }
        "same-client" => format!("the same client had {} {other} a moment ago", cause.done()),
        "same-request" => "the same long-running request has ended".to_owned(),
        "drain-evicts" => format!("{actor} drains a node and evicts its pods"),
        "drain-waits" => format!("{actor} drains a node and waits until {it} is gone"),
        "drain-looks" => format!("{actor} drains a node and looks at what runs its pods"),
        "validation" => "the same command reads the schema, to check what it sends".to_owned(),
        "next-document" => "the same command reads the next document of the schema".to_owned(),
        "discovery" | "group-discovery" => "the same command asks what the API server offers".to_owned(),
        "after-discovery" => "the same command had asked what the API server offers".to_owned(),
        "node-lease" => format!("the same command asks for the lease of Node {}", event.name),
        "node-pods" => "the same command asks for the pods of the node".to_owned(),
        "refused-burst" => format!("one of several refused requests of {actor} in a row"),
        "anonymous-burst" => "one of several anonymous requests in a row".to_owned(),
        "waits-until-gone" => format!("{actor} had deleted {other} and waits until it is gone"),
        "same-object" => format!("the same command had {} {other} before", cause.done()),
        "asks-namespace" => format!("{other} was not found, so the command asks for its namespace"),
        "creates-missing" => format!("{other} was not there, so the command creates it"),
        "object-events" => {
            format!("the same command asks for the events of {}", event.asked_about().unwrap_or("the object"))
        }
        "next-of-file" | "next-named" => format!("the next object of the same command, after {other}"),
        "deletes-listed" | "writes-listed" | "reads-listed" => {
            format!("the same command had listed it: {}", cause.action())
        }
        "next-deletion" => format!("the same command had deleted {other} before"),
        "next-listing" => format!("the same command had listed {} before", cause.resource),
        "related-objects" => format!("the same command describes {other}"),
        "made-from-read" => format!("the same command had read {other} to make it"),
        "watches-listed" | "keeps-watching" => format!("the same command keeps an eye on {other}"),
        "polls" => format!("the same command asks again and again for {other}"),
        "" => format!("{deed} before"),
        _ => format!("{}: {deed}", plainly(reason)),
    }
}

fn namespace(event: &EventView) -> &str {
    if event.namespace.is_empty() { "of the cluster" } else { &event.namespace }
}

/// A short name as words: `after-discovery` is "after discovery".
fn plainly(reason: &str) -> String {
    reason.replace('-', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::time::Micros;
    use crate::context::kind::Kind;

    fn event(user: &str, verb: &str, resource: &str, name: &str, reason: &str) -> EventView {
        EventView {
            user: user.into(),
            verb: verb.into(),
            resource: resource.into(),
            name: name.into(),
            namespace: "shop".into(),
            cause_audit_id: "a".into(),
            cause_reason: reason.into(),
            ..EventView::default()
        }
    }

    #[test]
    fn an_owned_object_names_its_owner() {
        let cause = event("alice", "create", "deployments", "web", "");
        let controller = "system:serviceaccount:kube-system:deployment-controller";
        let effect = event(controller, "update", "replicasets", "web-5d4", "owner-written");
        assert_eq!(
            because(&effect, Some(&cause)),
            "ReplicaSet web-5d4 is owned by Deployment web, which alice had created"
        );
    }

    #[test]
    fn a_cause_without_a_row_is_said_to_be_one() {
        let effect = event("x", "create", "pods", "p", "made-for-owner");
        assert_eq!(because(&effect, None), "made for owner (the request that it follows from, a, has no row)");
        assert_eq!(because(&EventView::default(), None), "");
    }

    #[test]
    fn every_kind_of_evidence_has_a_sentence() {
        let cause = event("alice", "create", "deployments", "web", "");
        for kind in Kind::ALL {
            let told = because(&event("bob", "update", "replicasets", "web-5d4", kind.name()), Some(&cause));
            let fallback = format!("{}: ", plainly(kind.name()));
            assert!(!told.starts_with(&fallback), "{} has no sentence", kind.name());
        }
    }

    #[test]
    fn all_objects_of_a_kind_are_no_single_one() {
        let cause = event("admin", "deletecollection", "pods", "", "");
        let told = |resource, name, reason| because(&event("x", "update", resource, name, reason), Some(&cause));
        assert_eq!(told("pods", "p", "object-written"), "admin had deleted all Pods in shop, Pod p among them");
        assert_eq!(
            told("replicasets", "web", "owned-gone"),
            "admin had deleted all Pods in shop, some of which belonged to ReplicaSet web"
        );
        assert_eq!(told("events", "web.1", "owned-gone"), "it reports about web: admin had deleted all Pods in shop");
    }

    #[test]
    fn a_cause_that_the_log_has_later_is_said_to_be_one() {
        let cause = EventView { at: Micros(2_500), ..event("alice", "create", "deployments", "web", "") };
        let told = because(&event("x", "update", "replicasets", "web-1", "owner-written"), Some(&cause));
        assert!(told.ends_with("which alice had created, though the log has that 2.5 ms later"), "{told}");
    }

    #[test]
    fn weak_evidence_is_but_probable() {
        let cause = event("alice", "create", "deployments", "web", "");
        let told = |weight| {
            let effect = event("x", "update", "replicasets", "web-1", "owner-written");
            because(&EventView { cause_weight: Some(weight), ..effect }, Some(&cause))
        };
        assert!(told(59).starts_with("probably: ReplicaSet web-1") && told(60).starts_with("ReplicaSet web-1"));
    }

    #[test]
    fn the_events_of_an_object_are_named_after_it() {
        let uri = "/api/v1/events?fieldSelector=involvedObject.name%3Dworker-4%2CinvolvedObject.uid%3Dx&limit=500";
        let list = EventView { request_uri: uri.into(), ..event("alice", "list", "events", "", "object-events") };
        let cause = event("alice", "list", "pods", "", "");
        assert_eq!(because(&list, Some(&cause)), "the same command asks for the events of worker-4");
    }

    #[test]
    fn an_unknown_reason_is_told_as_it_stands() {
        let cause = event("alice", "get", "pods", "p", "");
        let told = because(&event("alice", "get", "pods", "q", "brand-new-rule"), Some(&cause));
        assert_eq!(told, "brand new rule: alice had read Pod p");
    }
}
