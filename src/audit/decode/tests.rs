//! Real events, wrappings, and bad input of every kind.

use super::*;
use crate::audit::event::{Level, Stage};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: Want = Want { evidence: Reading::Whole, raw_bodies: true };
const EVIDENCE: Want = Want { evidence: Reading::Whole, raw_bodies: false };

/// What became of a record: `Ok(auditID)` or `Err("code path")`, in order.
fn outcomes(record: &[u8]) -> Vec<Result<String, String>> {
    let mut wants = Vec::new();
    for want in [ALL, Want { evidence: Reading::Nothing, raw_bodies: true }, EVIDENCE, Want::default()] {
        let mut seen = Vec::new();
        let count = decode(record, want, &mut |index, result| {
            assert_eq!(index as usize, seen.len());
            seen.push(match result {
                Ok(event) => Ok(event.audit_id.to_string()),
                Err(reject) => Err(format!("{} {}", reject.reason.code(), reject.path).trim().to_owned()),
            });
        });
        assert_eq!(count as usize, seen.len());
        assert!(count > 0);
        wants.push(seen);
    }
    // Damage within what is not read is not found; else what is wanted does not change what is accepted.
    let all = wants.remove(0);
    assert_eq!(wants.remove(0), all);
    for less in wants {
        assert!(less == all || (all.iter().any(Result::is_err) && matches!(&*less, [Ok(_)])), "{less:?} but {all:?}");
    }
    all
}

fn ok(ids: &[&str]) -> Vec<Result<String, String>> {
    ids.iter().map(|id| Ok((*id).to_owned())).collect()
}

fn err(text: &str) -> Vec<Result<String, String>> {
    vec![Err(text.to_owned())]
}

pub(crate) fn event(id: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": id,
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods?limit=5&watch=0", "verb": "create",
        "user": {"username": "alice", "groups": ["dev", "system:authenticated"]}, "sourceIPs": ["10.0.0.1", "10.0.0.2"],
        "userAgent": "kubectl/v1.34", "impersonatedUser": {"username": "bob"},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1", "subresource": "status"},
        "responseStatus": {"metadata": {}, "code": 201, "reason": "R", "message": "M"},
        "requestObject": {"kind": "Pod", "spec": {"containers": [{"image": "a"}, {"image": "b"}, {"name": "none"}]}},
        "responseObject": {
            "kind": "Pod", "apiVersion": "v1", "metadata": {
                "name": "web", "uid": "u1", "generation": 3, "deletionTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app": "web", "n": 1}, "annotations": {"control-plane.alpha.kubernetes.io/leader": "x"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "uid": "u2", "controller": true}],
                "managedFields": [{"manager": "new", "time": "2026-01-02T00:00:00Z"}, {"manager": "old", "time": "2026-01-01T00:00:00Z"}]
            },
            "spec": {"replicas": 4, "nodeName": "n1", "template": {"spec": {"containers": [{"image": "c"}]}}}
        },
        "requestReceivedTimestamp": "2026-11-21T07:10:15.863533Z", "stageTimestamp": "2026-11-21T07:10:15.868397Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "why", "other": 5}
    })
}

fn with(pointer: &str, value: Value) -> String {
    let mut event = event("a");
    *event.pointer_mut(pointer).unwrap() = value;
    event.to_string()
}

#[test]
fn every_field_is_read() {
    let line = event("a").to_string().replace("&watch", "\\u0026watch");
    decode(line.as_bytes(), ALL, &mut |_, result| {
        let event = result.unwrap();
        assert_eq!((event.stage, event.level), (Stage::ResponseComplete, Level::RequestResponse));
        assert_eq!(event.request_uri, "/api/v1/namespaces/shop/pods?limit=5&watch=0");
        assert_eq!((&*event.user, &*event.impersonated_user, &*event.source_ip), ("alice", "bob", "10.0.0.1"));
        assert_eq!(event.groups.as_slice(), ["dev", "system:authenticated"]);
        assert_eq!((event.status_code, &*event.status_reason, &*event.status_message), (201, "R", "M"));
        assert_eq!((&*event.decision, &*event.decision_reason), ("allow", "why"));
        assert_eq!(event.stage_at.since(event.received_at), 4_864);
        let object = event.object.as_ref().unwrap();
        assert_eq!((&*object.resource, &*object.subresource, &*object.name), ("pods", "status", "web"));
        assert_eq!(event.request.spec.images.as_slice(), ["a", "b"]);
        let body = &event.response;
        assert_eq!((&*body.kind, &*body.metadata.uid, body.metadata.generation), ("Pod", "u1", 3));
        assert!(body.metadata.deleting && body.metadata.leader_election && body.metadata.owners[0].controller);
        assert_eq!((&*body.metadata.manager, &*body.metadata.owners[0].name), ("new", "web-1"));
        assert_eq!(body.metadata.labels, [("app".into(), "web".into())]);
        assert_eq!((body.spec.replicas, &*body.spec.node_name), (Some(4), "n1"));
        assert_eq!(body.spec.images.as_slice(), ["c"]);
        assert!(event.request_raw.unwrap().get().starts_with(r#"{"kind":"Pod""#));
        assert!(matches!(event.user, std::borrow::Cow::Borrowed(_)));
        assert!(event.groups.iter().all(|group| matches!(group, std::borrow::Cow::Borrowed(_))));
        assert!(matches!(body.metadata.labels[0].0, std::borrow::Cow::Borrowed(_)));
    });
}

#[test]
fn evidence_of_lists_and_endpoints_is_bounded() {
    let items: Vec<Value> = (0..300).map(|i| json!({"metadata": {"name": format!("p{i}")}})).collect();
    let target = |name: &str| json!({"targetRef": {"kind": "Pod", "name": name}});
    let body = json!({"items": items, "endpoints": [target("a"), {"addresses": []}, 5],
        "subsets": [{"addresses": [target("b")], "notReadyAddresses": [target("c")]}]});
    decode(with("/responseObject", body).as_bytes(), EVIDENCE, &mut |_, result| {
        let body = &result.unwrap().response;
        assert_eq!((body.items.len(), &*body.items[199].name), (200, "p199"));
        assert_eq!(body.endpoints.iter().map(|target| &*target.name).collect::<Vec<_>>(), ["a", "b", "c"]);
    });
}

#[test]
fn wrong_types_in_the_envelope_are_named() {
    for (pointer, value, path) in [
        ("/user/groups", json!(["a", 5]), "user.groups[1]"),
        ("/user", json!("alice"), "user"),
        ("/auditID", json!(5), "auditID"),
        ("/stage", json!("Later"), "stage"),
        ("/responseStatus/code", json!(70_000), "responseStatus.code"),
        ("/responseStatus/code", json!("200"), "responseStatus.code"),
        ("/objectRef", json!([]), "objectRef"),
        ("/objectRef/name", json!({}), "objectRef.name"),
        ("/sourceIPs", json!([null, 1]), ""),
        ("/annotations/authorization.k8s.io~1decision", json!(true), "annotations.authorization.k8s.io/decision"),
        ("/stageTimestamp", json!(1.5), "stageTimestamp"),
    ] {
        let expected = if path.is_empty() { ok(&["a"]) } else { err(&format!("wrong_type {path}")) };
        assert_eq!(outcomes(with(pointer, value).as_bytes()), expected, "{pointer}");
    }
}

#[test]
fn messages_of_wrong_types_do_not_show_the_value() {
    decode(with("/user", json!("hunter2")).as_bytes(), EVIDENCE, &mut |_, result| {
        let reject = result.unwrap_err();
        assert!(!format!("{reject:?} {reject}").contains("hunter2"), "{reject:?}");
    });
}

#[test]
fn wrong_types_in_bodies_are_passed_over() {
    for body in [
        json!("text"),
        json!(5),
        json!([1, {"metadata": 5}]),
        json!(true),
        Value::Null,
        json!({"metadata": [], "spec": 7, "items": {"a": 1}, "details": "x", "kind": {}, "subsets": [[], {"addresses": 4}]}),
        json!({"metadata": {"ownerReferences": ["x"], "labels": [1], "managedFields": {"a": []}, "generation": "2"}}),
        json!({"spec": {"replicas": "three", "template": [], "containers": [[{}]], "claimRef": 1.5}}),
    ] {
        assert_eq!(outcomes(with("/responseObject", body.clone()).as_bytes()), ok(&["a"]), "{body}");
    }
}

#[test]
fn required_fields_and_times() {
    let null = Value::Null;
    assert_eq!(outcomes(with("/auditID", null.clone()).as_bytes()), err("missing_field auditID"));
    for absent in ["/stage", "/user", "/objectRef", "/requestReceivedTimestamp", "/stageTimestamp", "/level", "/verb"] {
        assert_eq!(outcomes(with(absent, null.clone()).as_bytes()), ok(&["a"]), "{absent}");
    }
    assert_eq!(outcomes(with("/stageTimestamp", json!("soon")).as_bytes()), err("bad_timestamp stageTimestamp"));
    let absurd = with("/requestReceivedTimestamp", json!("0001-01-01T00:00:00Z"));
    assert_eq!(outcomes(absurd.as_bytes()), err("bad_timestamp requestReceivedTimestamp"));
    assert_eq!(outcomes(br#"{"auditID":"a","verb":"get"}"#), err("missing_field requestReceivedTimestamp"));
}

#[test]
fn old_versions() {
    let old = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1alpha1","metadata":{"creationTimestamp":"2017-09-11T19:55:05Z"},
        "auditID":"a","verb":"list","objectRef":{"resource":"deployments","apiVersion":"extensions/v1beta1"}}"#;
    decode(old.as_bytes(), EVIDENCE, &mut |_, result| {
        let event = result.unwrap();
        assert_eq!(event.received_at.to_string(), "2017-09-11T19:55:05.000000Z");
        assert_eq!((event.stage, event.stage_at), (Stage::ResponseComplete, event.received_at));
        let object = event.object.as_ref().unwrap();
        assert_eq!((&*object.api_group, &*object.api_version), ("extensions", "v1beta1"));
    });
}

#[test]
fn wrappings() {
    let (a, b) = (event("a"), event("b"));
    let text = |value: &Value| Value::String(value.to_string());
    for (record, ids) in [
        (json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [a, b]}), &["a", "b"][..]),
        (json!({"log": format!("{a}\n"), "stream": "stdout", "time": "2026-01-01T00:00:00Z"}), &["a"]),
        (json!({"message": text(&a), "level": 3, "user": "root", "timestamp": 5}), &["a"]),
        (json!({"@timestamp": "x", "event": {"original": text(&a)}, "message": "started"}), &["a"]),
        (json!({"kubernetes_audit": a, "kind": "Event"}), &["a"]),
        (json!({"kubernetes": {"audit": a}}), &["a"]),
        (
            json!({"logGroup": "g", "logEvents": [{"id": "1", "message": text(&a)}, {"id": "2", "message": text(&b)}]}),
            &["a", "b"],
        ),
        (json!({"@message": a, "@ptr": "x"}), &["a"]),
        (json!({"records": [{"properties": {"log": text(&a)}}]}), &["a"]),
        (json!([a, {"data": {"record": {"body": text(&b)}}}]), &["a", "b"]),
        (text(&text(&a)), &["a"]),
        (json!({"data": text(&json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [a]}))}), &["a"]),
    ] {
        assert_eq!(outcomes(record.to_string().as_bytes()), ok(ids), "{record}");
    }
    assert_eq!(outcomes(format!("\u{feff}  {a}\r\n").as_bytes()), ok(&["a"]));
    assert_eq!(outcomes(format!("2026-11-21T07:10:15.863533Z stdout F {a}").as_bytes()), ok(&["a"]));
    assert_eq!(outcomes(format!("{a}\n{b}{a}").as_bytes()), ok(&["a", "b", "a"]));
}

#[test]
fn one_bad_item_costs_one_item() {
    let (mut bad, good) = (event("x"), event("a"));
    bad["user"]["groups"] = json!([1]);
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [good, bad, 5, good]});
    let expected = vec![
        Ok("a".to_owned()),
        Err("wrong_type items[1].user.groups[0]".to_owned()),
        Err("not_an_event items[2]".to_owned()),
        Ok("a".to_owned()),
    ];
    assert_eq!(outcomes(list.to_string().as_bytes()), expected);
    let wrapped = json!({ "log": list.to_string() });
    let expected: Vec<_> = expected.into_iter().map(|o| o.map_err(|e| e.replace(" items", " log.items"))).collect();
    assert_eq!(outcomes(wrapped.to_string().as_bytes()), expected);
}

#[test]
fn damage_that_nobody_reads_costs_no_event_however_it_is_wrapped() {
    let line = event("a").to_string().replacen('{', "{\"responseObject\":{oops},", 1);
    for record in [line.clone(), json!({ "log": line }).to_string(), json!(line).to_string()] {
        decode(record.as_bytes(), Want::default(), &mut |_, result| {
            assert_eq!(
                result.map(|event| event.audit_id.to_string()).map_err(|reject| reject.message),
                Ok("a".to_owned())
            );
        });
    }
}

#[test]
fn bad_input() {
    let line = event("a").to_string();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (record, expected) in [
        ("", "bad_json"),
        ("  ", "bad_json"),
        ("{", "bad_json"),
        ("}", "bad_json"),
        ("\0", "bad_json"),
        ("null", "not_an_event"),
        ("5", "not_an_event"),
        ("[]", "not_an_event"),
        ("[1,2,{}]", "not_an_event"),
        ("{}", "not_an_event"),
        ("\"text\"", "bad_json"),
        ("hello", "bad_json"),
        ("{\"a\":1e400}", "not_an_event"),
        ("1e400", "bad_json"),
        (r#"{"kind":"Event","apiVersion":"v1","involvedObject":{},"metadata":{}}"#, "not_an_event"),
        (r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[]}"#, "not_an_event"),
        (&line[..line.len() - 40], "bad_json"),
        (&line.replace("201", "1e400"), "bad_json"),
        (&deep[..10_000], "bad_json"),
    ] {
        assert_eq!(outcomes(record.as_bytes()), err(expected), "{record:.80}");
    }
    assert_eq!(outcomes(b"{\"auditID\":\"\xff\"}"), err("bad_utf8"));
    assert_eq!(outcomes(deep.as_bytes()), err("not_an_event"));
    let deep_event = deep.replacen("[]", &format!("[{line}]"), 1);
    assert!(outcomes(deep_event.as_bytes())[0].as_ref().is_err_and(|e| e.starts_with("too_deep")));
    // Depth, surrogates and numbers within bodies cost at most evidence.
    for replacement in [&deep, "\"\\ud800\"", "1e400"] {
        assert_eq!(outcomes(line.replace("\"n1\"", replacement).as_bytes()), ok(&["a"]), "{replacement:.20}");
    }
    assert_eq!(outcomes(line.replace("alice", "\\ud800").as_bytes()), ok(&["a"]));
    assert_eq!(outcomes(line.replace("alice", "\\u0000").as_bytes()), ok(&["a"]));
    let wrapped = (0..20).fold(event("a"), |inner, _| json!({ "log": inner }));
    assert!(outcomes(wrapped.to_string().as_bytes())[0].as_ref().is_err_and(|e| e.starts_with("too_deep log.log")));
}

#[test]
fn a_repeated_key_counts_with_its_last_value() {
    let line = event("a").to_string().replacen('{', r#"{"auditID":"first","user":{"groups":["x"]},"#, 1);
    decode(line.as_bytes(), EVIDENCE, &mut |_, result| {
        let event = result.unwrap();
        assert_eq!((&*event.audit_id, event.groups.len()), ("a", 2));
    });
}

/// The lines of a file of real events, where it is there.
pub(crate) fn real_lines(path: &str) -> Vec<String> {
    let path = format!("{}/../shared/data/{path}", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) => {
            eprintln!("skipped: {path}: {error}");
            Vec::new()
        }
    }
}

#[test]
fn real_events() {
    for file in ["audit/falco_fixtures.jsonl", "audit/audit2rbac_demo.jsonl"] {
        for line in real_lines(file) {
            let id = serde_json::from_str::<Value>(&line).unwrap()["auditID"].as_str().unwrap().to_owned();
            assert_eq!(outcomes(line.as_bytes()), ok(&[&id]));
        }
    }
}

/// Compares what was decoded with what a general JSON reader finds at the same places.
fn assert_agrees(event: &Event<'_>, line: &str) {
    let oracle: Value = serde_json::from_str(line).unwrap();
    let text = |pointer: &str| oracle.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(event.audit_id, text("/auditID"));
    assert_eq!(event.user, text("/user/username"));
    assert_eq!(event.request_uri, text("/requestURI"));
    assert_eq!(event.object.as_ref().map_or("", |object| &object.name), text("/objectRef/name"));
    assert_eq!(event.source_ip, text("/sourceIPs/0"));
    assert_eq!(event.decision_reason, text("/annotations/authorization.k8s.io~1reason"));
    if oracle.get("stageTimestamp").is_some() {
        assert_eq!(event.stage_at.to_string(), text("/stageTimestamp"));
    }
    for (body, root) in [(&event.request, "/requestObject"), (&event.response, "/responseObject")] {
        let text = |pointer: &str| text(&format!("{root}{pointer}"));
        let count =
            |pointer: &str| oracle.pointer(&format!("{root}{pointer}")).map_or(0, |v| v.as_array().map_or(0, Vec::len));
        assert_eq!(body.kind, text("/kind"));
        assert_eq!(body.metadata.uid, text("/metadata/uid"));
        assert_eq!(body.metadata.resource_version, text("/metadata/resourceVersion"));
        assert_eq!(body.metadata.owners.len(), count("/metadata/ownerReferences"));
        assert_eq!(
            body.metadata.owners.first().map_or("", |owner| &*owner.uid),
            text("/metadata/ownerReferences/0/uid")
        );
        let list = oracle.pointer(&format!("{root}/items")).and_then(Value::as_array);
        let named = list.map_or(0, |items| {
            items.iter().filter(|item| item["metadata"].as_object().is_some_and(|m| !m.is_empty())).count()
        });
        assert_eq!(body.items.len(), named.min(200));
        assert_eq!(body.items.first().map_or("", |item| &*item.name), text("/items/0/metadata/name"));
        assert_eq!(body.spec.node_name, text("/spec/nodeName"));
        let involved = body.involved_object.as_ref().map_or("", |object| &*object.uid);
        assert_eq!(
            involved,
            if text("/regarding/uid").is_empty() { text("/involvedObject/uid") } else { text("/regarding/uid") }
        );
    }
}

#[test]
fn real_events_agree_with_a_general_reader() {
    use std::io::Read;
    let mut lines = real_lines("audit/falco_fixtures.jsonl");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/lab/idle/audit.jsonl.xz");
    match std::fs::File::open(path) {
        Ok(file) => {
            let mut text = String::new();
            liblzma::read::XzDecoder::new(file).read_to_string(&mut text).unwrap();
            assert_eq!(text.lines().count(), 4_579);
            lines.extend(text.lines().map(str::to_owned));
        }
        Err(error) => eprintln!("skipped: {path}: {error}"),
    }
    for line in lines {
        for want in [EVIDENCE, ALL] {
            decode(line.as_bytes(), want, &mut |_, event| assert_agrees(event.unwrap(), &line));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        outcomes(&bytes);
    }

    #[test]
    fn any_json_like_text(text in r#"([\[\]{}:, "\\]|true|null|-?[0-9]{1,3}|1e400|"(log|items|auditID|kind|user|verb)"|\\u[dD][89a-f]00){0,40}"#) {
        decode(text.as_bytes(), ALL, &mut |_, _| ());
    }

    #[test]
    fn mutated_events(at in 0_usize..1_400, cut in 0_usize..20, insert in proptest::collection::vec(any::<u8>(), 0..8)) {
        let mut bytes = event("a").to_string().into_bytes();
        let start = at.min(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert);
        let mut results = 0;
        decode(&bytes, ALL, &mut |_, _| results += 1);
        prop_assert!(results > 0);
    }

    #[test]
    fn mutated_real_events(line: prop::sample::Index, at: prop::sample::Index, cut in 0_usize..30, insert in "[\\[\\]{}\",:0-9a\\\\]{0,6}") {
        static LINES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| real_lines("audit/falco_fixtures.jsonl"));
        if LINES.is_empty() {
            return Ok(());
        }
        let mut bytes = line.get(&LINES).clone().into_bytes();
        let start = at.index(bytes.len());
        let end = (start + cut).min(bytes.len());
        bytes.splice(start..end, insert.into_bytes());
        let direct = outcomes(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        // a wrapping is only opened where the name of an audit event's field, or its group, is left in it
        if wrap::may_hold_event(&text) {
            let wrapped = json!({ "log": text });
            prop_assert_eq!(direct.len(), outcomes(wrapped.to_string().as_bytes()).len());
        }
    }

    #[test]
    fn any_text_reads_back(user in any::<String>(), group in any::<String>()) {
        let mut event = event("a");
        (event["user"]["username"], event["user"]["groups"]) = (json!(user), json!([group]));
        decode(event.to_string().as_bytes(), EVIDENCE, &mut |_, result| {
            let event = result.unwrap();
            assert_eq!((&*event.user, &*event.groups[0]), (&*user, &*group));
        });
    }
}
