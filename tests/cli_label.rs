//! `causeway label`: the codec by its test vectors, both ways.

#![allow(clippy::expect_used)] // helpers of tests fail like tests

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn causeway() -> Command {
    Command::cargo_bin("causeway").expect("the binary is built")
}

/// Code, verb and resource, names a namespace, names an object.
const VECTORS: &[(i32, &str, &str, bool, bool)] = &[
    (4496, "create", "core/v1/pods", true, true),
    (6544, "create", "core/v1/pods/exec", true, true),
    (5009, "create", "core/v1/pods/eviction", true, true),
    (17808, "create", "core/v1/serviceaccounts/token", true, true),
    (41104, "create", "core/v1/namespaces", false, true),
    (41376, "delete", "core/v1/namespaces", true, true),
    (61616, "get", "core/v1/nodes", false, true),
    (61632, "patch", "core/v1/nodes", false, true),
    (106929, "get", "core/v1/services/proxy", true, true),
    (119232, "patch", "coordination.k8s.io/v1/leases", true, true),
];

#[test]
fn vectors_encode_and_decode() {
    for (code, verb, resource, namespaced, single) in VECTORS {
        let marks = [(*namespaced, "--namespaced"), (*single, "--single")];
        let flags = marks.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag);
        let encode = ["label", "encode", verb, resource];
        causeway().args(encode).args(flags).assert().success().stdout(format!("{code}\n"));
        let text = causeway().args(["label", "decode", &code.to_string()]).output().expect("it runs").stdout;
        let text = String::from_utf8(text).expect("UTF-8");
        assert!(text.starts_with(&format!("{code} {verb} {resource} ")), "{text}");
        let words = text.trim_end().split_once(' ').expect("code and text").1;
        causeway().args(["label", "encode", words]).assert().success().stdout(format!("{code}\n"));
    }
}

#[test]
fn special_and_wrong_labels_are_told() {
    causeway().args(["label", "decode", "-1", "-2"]).assert().success().stdout("-1 unknown\n-2 ignored\n");
    causeway()
        .args(["label", "encode", "create", "core/v1/unicorns"])
        .assert()
        .code(1)
        .stderr(contains("causeway label list"));
    causeway().args(["label", "decode", "many"]).assert().code(2);
    causeway().args(["label", "list"]).assert().success().stdout(
        contains("4496 create core/v1/pods (ns) (single)\n")
            .and(predicate::function(|text: &str| text.lines().count() >= 1_356)),
    );
}
