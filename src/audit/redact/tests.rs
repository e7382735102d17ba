//! Canaries: a secret in every place where one may lie, and none in what comes out.

use super::*;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The secret: never a part of any output.
const CANARY: &str = "hunter2CANARY";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.c2lnbmF0dXJl";

fn body(value: &Value) -> Value {
    let raw = RawValue::from_string(value.to_string()).unwrap();
    serde_json::from_str(&redact_body(&raw)).unwrap()
}

#[test]
fn bodies() {
    let secret =
        json!({"kind": "Secret", "data": {CANARY: CANARY}, "stringData": {"a": CANARY}, "binaryData": {"a": CANARY}});
    let applied = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": secret.to_string(),
        "tool.example.com/applied": secret.to_string(), "cut.example.com": format!("{{\"data\":\"{CANARY}")}}});
    for value in [
        secret.clone(),
        json!({"kind": "SecretList", "items": [secret, secret]}),
        json!({"data": CANARY}),
        json!({"Data": [CANARY, {"a": [CANARY]}]}),
        json!({"rows": [{"object": secret}], "managedFields": [{"fieldsV1": {"f:data": {CANARY: {}}}}]}),
        json!({"kind": "TokenReview", "spec": {"token": CANARY}}),
        json!({"kind": "TokenRequest", "status": {"token": CANARY}}),
        applied,
        json!([{"op": "replace", "path": "/data/x", "value": CANARY}, {"value": {"data": CANARY}, "path": "/a"}]),
        json!(CANARY),
        json!(5),
        json!({"message": format!("Bearer {CANARY}"), JWT: format!("x {JWT}")}),
    ] {
        let copy = body(&value).to_string();
        assert!(!copy.contains(CANARY) && !copy.contains(JWT), "{copy}");
        assert!(copy.contains(REDACTED), "{copy}");
    }
}

#[test]
fn a_body_without_secrets_is_kept_as_it_is() {
    for text in [
        r#"{"kind":"Pod","spec":{"replicas":3,"big":18446744073709551615,"half":0.5,"on":true,"none":null,"list":[1,[],{}],"text":"a\"\n€"}}"#,
        r#"{"z":1,"a":{"automountServiceAccountToken":true,"tokenExpirationSeconds":3607}}"#,
        "{}",
        "[]",
        "[1,2]",
    ] {
        assert_eq!(redact_body(&RawValue::from_string(text.to_owned()).unwrap()), text);
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(redact_body(&RawValue::from_string(deep).unwrap()), "\"REDACTED\"");
}

#[test]
fn uris() {
    for (uri, redacted) in [
        ("/api/v1/pods?limit=5&continue=abc", "/api/v1/pods?limit=5&continue=abc"),
        ("/x?access_token=hunter2CANARY&a=b", "/x?access_token=REDACTED&a=b"),
        ("/x?acc%65ss_tok%65n=hunter2CANARY", "/x?acc%65ss_tok%65n=REDACTED"),
        ("/x?a=1;Password=hunter2CANARY", "/x?a=1&Password=REDACTED"),
        ("/proxy/https://u:hunter2CANARY@host/path?a=1", "/proxy/https://REDACTED@host/path?a=1"),
        ("/x?to=https%3A%2F%2Fu%3Ahunter2CANARY%40host", "/x?to=https://REDACTED@host"),
        ("/exec?command=ls&stdin=true", "/exec?command=ls&stdin=true"),
        ("/exec?command=a+b%20c&command=--x%3D5", "/exec?command=a+b%20c&command=--x%3D5"),
        ("/exec?command=env&command=PASSWORD=hunter2CANARY&a=1", "/exec?command=env&command=PASSWORD%3DREDACTED&a=1"),
        ("/exec?command=--token&command=hunter2CANARY&command=ls", "/exec?command=--token&command=REDACTED&command=ls"),
        ("/exec?command=git+clone+https://u:hunter2CANARY@h/x", "/exec?command=git%20clone%20https://REDACTED%40h/x"),
        ("", ""),
        ("?", "?"),
        ("/x?token=", "/x?token="),
    ] {
        assert_eq!(redact_uri(uri), redacted);
    }
    assert_eq!(redact_uri(&format!("/a/{JWT}/b?c={JWT}")), "/a/REDACTED?c=REDACTED");
    assert!(matches!(redact_uri("/api/v1/pods?limit=5"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn texts() {
    assert_eq!(redact_text("kubectl/v1.34 (linux/amd64)"), "kubectl/v1.34 (linux/amd64)");
    assert_eq!(redact_text(&format!("agent {JWT} x")), "agent REDACTED x");
    assert_eq!(redact_text("Authorization: BEARER hunter2CANARY, é"), "Authorization: BEARER REDACTED, é");
    assert_eq!(redact_text("basic-auth is a bearer of news"), "basic-auth is a bearer of news");
    assert_eq!(redact_text(&format!("Bearer {JWT}")), "Bearer REDACTED");
    let excerpt =
        format!("cannot be handled, error found in #10 byte of ...|{CANARY}|..., bigger context ...|{CANARY}");
    assert_eq!(redact_message(&excerpt, "pods"), "cannot be handled, REDACTED");
    assert_eq!(
        redact_message("data[a]: Invalid value: \"hunter2CANARY\"", "secrets"),
        "data[a]: Invalid value: REDACTED"
    );
    assert_eq!(redact_message("spec.x: Invalid value: \"5\"", "pods"), "spec.x: Invalid value: \"5\"");
}

/// An event with a canary in every place that may hold a secret.
fn full_of_canaries() -> Value {
    let secret = json!({"kind": "Secret", "data": {"username": CANARY, "name": CANARY, "auditID": CANARY, "verb": [CANARY]}, "token": CANARY});
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "id-1", "verb": "create", "password": CANARY, CANARY: 1,
        "requestURI": format!("/api/v1/secrets?token={CANARY}"), "userAgent": format!("curl Bearer {CANARY}"),
        "user": {"username": "bob", "uid": CANARY, "extra": {"name": [CANARY]}, "groups": ["dev", {"a": CANARY}, 5]},
        "impersonatedUser": CANARY, "objectRef": {"resource": "secrets", "name": "db", "token": CANARY},
        "responseStatus": {"code": 201, "message": CANARY, "details": {"name": CANARY}},
        "requestObject": secret, "responseObject": secret, "data": secret, "annotations": {"a": CANARY}, "stage": [CANARY, {"b": CANARY}],
    })
}

#[test]
fn what_a_reject_shows() {
    let shown = redact_reject(Unusable::Bytes(full_of_canaries().to_string().as_bytes()));
    for part in [
        "\"auditID\":\"id-1\"",
        "\"username\":\"bob\"",
        "\"verb\":\"create\"",
        "\"name\":\"db\"",
        "\"code\":201",
        "token=REDACTED",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert_eq!(redact_reject(Unusable::Bytes(b"password=hunter2CANARY")), "… (22 bytes)");
    assert_eq!(redact_reject(Unusable::Bytes(b"")), "… (0 bytes)");
    assert_eq!(redact_reject(Unusable::Bytes(br#"{"auditID":"7","x":"\u"}"#)), r#"{"auditID":"7"}… (24 bytes)"#);
    assert_eq!(redact_reject(Unusable::Bytes(b"{\"auditID\":\"a\xff\"")), "{\"auditID\":\"a\u{fffd}\"}… (15 bytes)");
}

#[test]
fn no_reject_shows_a_canary() {
    let event = full_of_canaries();
    let secret = event["requestObject"].clone();
    for record in [
        event.clone(),
        secret.clone(),
        json!([secret, event]),
        json!({"items": [event, {"data": secret}]}),
        json!({"log": event.to_string()}),
        json!({"message": json!({"event": event.to_string()}).to_string()}),
        json!({"log": secret.to_string(), "data": {"username": CANARY}, "kind": CANARY}),
        json!({"message": CANARY}),
        json!(event.to_string()),
        json!({"data": secret, "body": CANARY, "user": {"username": CANARY}}),
        json!({"auditID": "a", "userAgent": JWT, "verb": "aHVudGVyMkNBTkFSWWh1bnRlcjJDQU5BUlk9", "user": "x", "sourceIPs": [JWT]}),
    ] {
        let record = record.to_string();
        // whole, and cut off at every byte, and with a defect at every tenth
        for at in 0..=record.len() {
            check(record.as_bytes().get(..at).unwrap());
        }
        for at in (0..record.len()).step_by(10) {
            let mut broken = record.clone().into_bytes();
            broken[at] = b'"';
            check(&broken);
        }
    }
}

fn check(bytes: &[u8]) {
    let shown = redact_reject(Unusable::Bytes(bytes));
    // what is known already is not found out anew, to the same end
    if let Ok(text) = str::from_utf8(bytes) {
        let read = serde_json::from_str::<Value>(text);
        let known = read.as_ref().map_or_else(|error| Unusable::Damaged(text, error), |_| Unusable::Json(text));
        assert_eq!(redact_reject(known), shown, "{text}");
    }
    for secret in [CANARY, JWT, "CANARY", "aHVudGVyMkNBTkFSWWh1"] {
        assert!(!shown.contains(secret), "{} shows {shown}", String::from_utf8_lossy(bytes));
    }
    assert!(shown.len() <= 4096);
}

proptest! {
    #[test]
    fn any_bytes_give_a_short_excerpt(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(redact_reject(Unusable::Bytes(&bytes)).len() <= 4096);
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in any::<String>(), tail in "(//|@|%40|\\?|&|token=|eyJ|Bearer |é|[a-z]{14}){0,12}") {
        let text = format!("{text}{tail}");
        redact_text(&redact_uri(&text));
        redact_message(&text, "secrets");
    }

    #[test]
    fn a_token_in_a_query_never_stays(before in "[a-z]{0,5}", value in "[A-Z]{8,20}") {
        let uri = format!("/api?{before}token={value}&x=1");
        prop_assert!(!redact_uri(&uri).contains(&value));
    }
}
