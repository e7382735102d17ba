//! A context as JSON: the context's row as it was found, and its events in the order of the tree.

use super::super::args::rfc3339;
use super::tree::{Part, Tree};
use super::words::because;
use serde_json::{Value, json};

/// The events of the part, each with its depth, its parent's place in the list of this context and the reason in words.
pub fn events(tree: &Tree, part: Part) -> Value {
    let start = tree.event(0).map(|event| event.at).unwrap_or_default();
    let lines = tree.lines(part);
    let value = |line: &super::tree::Line| {
        let event = tree.event(line.event)?;
        let parent = tree.parent(line.event).and_then(|parent| tree.event(parent));
        Some(json!({
            "depth": line.more_above.len(),
            "audit_id": event.audit_id,
            "stage": event.stage,
            "at": rfc3339(event.at),
            "offset_us": event.told_at().since(start),
            "user": event.user,
            "impersonated_user": event.impersonated_user,
            "verb": event.verb,
            "api_group": event.api_group,
            "resource": event.resource,
            "subresource": event.subresource,
            "namespace": event.namespace,
            "name": event.name,
            "request_uri": event.request_uri,
            "status_code": event.status_code,
            "role": event.role,
            "late": event.late,
            "parent_audit_id": parent.map(|parent| parent.audit_id.as_str()),
            "cause_audit_id": event.cause_audit_id,
            "cause_reason": event.cause_reason,
            "cause_weight": event.cause_weight,
            "cause_margin": event.cause_margin,
            "because": because(event, tree.cause(line.event)),
        }))
    };
    Value::Array(lines.iter().filter_map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn each_event_stands_below_its_parent() {
        let events = events(&fixture::scaling(), Part::Whole);
        let list = events.as_array().expect("a list");
        assert_eq!(list.len(), fixture::scaling().events().len());
        assert_eq!((&list[1]["depth"], &list[1]["parent_audit_id"]), (&json!(1), &list[0]["audit_id"]));
        assert_eq!(list[1]["offset_us"], json!(12_000));
    }
}
