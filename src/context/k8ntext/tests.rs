//! A row of the score table at a time, windows and their limits, the old algorithm's rules, and what holds of any log.

use super::score::{THRESHOLD, Traits};
use super::*;
use crate::audit::decode::{Reading, Want, decode};
use crate::audit::label::Label;
use crate::audit::time::Micros;
use proptest::prelude::*;
use std::sync::Arc;

const LABEL: Label = Label(4_496);
const OTHER: Label = Label(6_544);

/// An event of a group labelled [`LABEL`] at second `at`, that is no trigger.
fn event(at: i64, user: &str, verb: &str, object: &str) -> Record {
    let [resource, namespace, name] = object.split('/').map(Arc::from).collect::<Vec<Arc<str>>>().try_into().unwrap();
    Record {
        id: Id(1_000 + at.unsigned_abs()),
        at: Micros(at * 1_000_000),
        received_at: Micros(at * 1_000_000),
        stage_at: Micros(at * 1_000_000),
        label: LABEL,
        own_label: OTHER,
        verb: verb.into(),
        user: user.into(),
        resource,
        namespace,
        name,
        uid: "".into(),
        owners: Vec::new(),
        involved: None,
        claim: None,
        control_plane: false,
    }
}

fn trigger(at: i64, user: &str, verb: &str, object: &str) -> Record {
    Record { own_label: LABEL, ..event(at, user, verb, object) }
}

fn owned_by(uid: &str, name: &str, record: Record) -> Record {
    Record { owners: vec![Owner { uid: uid.into(), name: name.into() }], ..record }
}

fn with_uid(uid: &str, record: Record) -> Record {
    Record { uid: uid.into(), ..record }
}

fn key(kind: &str, namespace: &str, name: &str) -> Option<ObjectKey> {
    Some(ObjectKey { kind: kind.into(), namespace: namespace.into(), name: name.into() })
}

fn score(of: &Record, with: &[Record]) -> u32 {
    let mut traits = Traits::default();
    with.iter().for_each(|record| traits.join(record));
    traits.score(of)
}

/// Indices of the events of each cluster, and the indices of roots.
fn clusters(records: &[Record], settings: &Settings) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut found: std::collections::BTreeMap<Id, Vec<usize>> = std::collections::BTreeMap::new();
    let mut roots = Vec::new();
    for (at, place) in cluster(records, settings).into_iter().enumerate() {
        if let Place::Cluster { id, root } = place {
            found.entry(id).or_default().push(at);
            roots.extend(root.then_some(at));
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort();
    (found, roots)
}

fn windows(records: &[Record]) -> Vec<Vec<usize>> {
    clusters(records, &Settings::default()).0
}

#[test]
fn each_row_of_the_score_table() {
    let plain = |user: &str| event(0, user, "patch", "pods/shop/web");
    let of = |other: Record| score(&event(1, "bob", "get", "services/shop/db"), &[other]);
    assert_eq!(of(plain("alice")), 0);
    // The same user, who may well be a component.
    assert_eq!(of(plain("bob")), 50);
    assert_eq!(
        score(&event(1, "system:x", "get", "services/a/b"), &[event(0, "system:x", "get", "pods/c/d")]),
        THRESHOLD
    );
    // The same object, by all three parts.
    assert_eq!(of(event(0, "alice", "patch", "services/shop/db")), 100);
    assert_eq!(of(event(0, "alice", "patch", "services/other/db")), 0);
    // Owner and owned.
    let owner = with_uid("u1", plain("alice"));
    let owned = owned_by("u1", "web", event(1, "bob", "create", "replicasets/shop/web-1"));
    assert_eq!(score(&owned, std::slice::from_ref(&owner)), 80);
    assert_eq!(score(&owner, std::slice::from_ref(&owned)), 80);
    // No uid is no owner.
    assert_eq!(score(&plain("alice"), &[owned_by("", "web", event(1, "bob", "create", "replicasets/shop/w"))]), 0);
    // The same involved object; the original's row for involvedObject.resource gives nothing to the pod itself.
    let about = |user: &str, kind: &str| Record {
        involved: key(kind, "shop", "web"),
        ..event(0, user, "create", "events/shop/")
    };
    assert_eq!(score(&Record { name: "e1".into(), ..about("bob", "Pod") }, &[about("alice", "Pod")]), 60);
    assert_eq!(score(&Record { name: "e1".into(), ..about("bob", "Pod") }, &[about("alice", "Node")]), 0);
    assert_eq!(score(&about("bob", "Pod"), &[plain("alice")]), 0);
    // The same claim, and an object that is called like the claim whatever its kind.
    let volume = |user: &str, name: &str| Record {
        claim: key("PersistentVolumeClaim", "shop", "data"),
        ..event(0, user, "update", &format!("persistentvolumes//{name}"))
    };
    assert_eq!(score(&volume("bob", "pv1"), &[volume("alice", "pv2")]), 60);
    assert_eq!(score(&volume("bob", "pv1"), &[event(0, "alice", "create", "pods/shop/data")]), 60);
    // Sums.
    assert_eq!(score(&volume("bob", "pv1"), &[volume("bob", "pv1")]), 50 + 100 + 60);
}

#[test]
fn namespaces_have_rows_of_their_own() {
    let limits = |namespace: &str| event(1, "system:apiserver", "list", &format!("limitranges/{namespace}/"));
    let by_person = event(0, "alice", "create", "pods/shop/web");
    assert_eq!(score(&limits("shop"), std::slice::from_ref(&by_person)), 90);
    assert_eq!(score(&limits("other"), std::slice::from_ref(&by_person)), 0);
    assert_eq!(score(&limits("shop"), &[event(0, "system:node:n", "create", "pods/shop/web")]), 0);
    // Who creates a namespace is expected to have its limits listed: the signature counts too.
    assert_eq!(score(&limits("new"), &[event(0, "alice", "create", "namespaces/new/new")]), 100 + 90);
    let deletion = event(0, "alice", "delete", "namespaces/old/old");
    let clear = |verb: &str, object: &str| score(&event(1, "system:x", verb, object), std::slice::from_ref(&deletion));
    assert_eq!(clear("deletecollection", "pods/old/"), 95);
    assert_eq!(clear("get", "pods/old/web"), 95);
    assert_eq!(clear("list", "pods/old/"), 0);
    assert_eq!(clear("get", "pods/other/web"), 0);
    assert_eq!(clear("get", "namespaces/old/other"), 0);
    // A list of all namespaces deletes nothing that lies in no namespace.
    assert_eq!(score(&event(1, "b", "get", "nodes//n1"), &[event(0, "a", "list", "namespaces//")]), 0);
}

#[test]
fn groups_by_their_number_of_triggers() {
    let far = 1_000_000;
    // One trigger: one cluster whatever the time, and the trigger stands for it.
    let one =
        [event(0, "a", "get", "pods/x/1"), trigger(5, "b", "create", "pods/x/2"), event(far, "c", "get", "pods/y/3")];
    assert_eq!(clusters(&one, &Settings::default()), (vec![vec![0, 1, 2]], vec![1]));
    // Only triggers: each alone, though they share everything.
    let same = |at| trigger(at, "a", "create", "pods/x/1");
    assert_eq!(windows(&[same(0), same(1), same(2)]), [[0], [1], [2]]);
    // No trigger: windows and scores alone.
    let none = [event(0, "a", "get", "pods/x/1"), event(1, "a", "get", "pods/x/2"), event(2, "b", "get", "pods/x/3")];
    assert_eq!(windows(&none), [vec![0, 1], vec![2]]);
    // Labels never mix.
    let labels = [event(0, "a", "get", "pods/x/1"), Record { label: OTHER, ..event(1, "a", "get", "pods/x/1") }];
    assert_eq!(windows(&labels), [[0], [1]]);
    // A label that says nothing has no trigger, so all of it is scored.
    let unknown = |at| Record { label: Label::UNKNOWN, own_label: Label::UNKNOWN, ..event(at, "a", "get", "pods/x/1") };
    assert_eq!(windows(&[unknown(0), unknown(1)]), [[0, 1]]);
}

#[test]
fn triggers_seed_and_the_best_then_the_earliest_wins() {
    let log = [
        event(0, "carol", "get", "pods/x/b"),
        trigger(1, "alice", "create", "pods/x/a"),
        trigger(2, "bob", "create", "pods/x/b"),
        event(3, "carol", "get", "pods/x/a"),
        event(4, "dave", "get", "pods/y/z"),
        event(5, "dave", "get", "pods/y/w"),
    ];
    // The first event joins the trigger behind it. Carol is then known there, but the very object is worth more. Dave starts anew.
    assert_eq!(clusters(&log, &Settings::default()), (vec![vec![0, 2], vec![1, 3], vec![4, 5]], vec![1, 2, 4]));
    let tie = [
        trigger(0, "alice", "create", "pods/x/a"),
        trigger(1, "alice", "create", "pods/x/b"),
        event(2, "alice", "get", "pods/x/c"),
    ];
    assert_eq!(windows(&tie), [vec![0, 2], vec![1]]);
}

#[test]
fn windows_end_after_300_seconds_and_1000_events() {
    let at = |second| event(second, "a", "get", "pods/x/1");
    assert_eq!(windows(&[at(0), at(300), at(301), at(601), at(602)]), [vec![0, 1], vec![2, 3], vec![4]]);
    let many: Vec<Record> = (0..1_001).map(|i| Record { id: Id(i), ..at(0) }).collect();
    let sizes: Vec<usize> = windows(&many).iter().map(Vec::len).collect();
    assert_eq!(sizes, [1_000, 1]);
}

#[test]
fn the_control_plane_has_a_cluster_of_its_own_when_asked_for() {
    let beat = Record { control_plane: true, ..event(1, "a", "get", "pods/x/1") };
    let log = [event(0, "a", "get", "pods/x/1"), beat];
    assert_eq!(windows(&log), [[0, 1]]);
    let settings = Settings { control_plane: true, ..Settings::default() };
    assert_eq!(cluster(&log, &settings).get(1), Some(&Place::ControlPlane));
    assert_eq!(clusters(&log, &settings).0, [[0]]);
}

#[test]
fn what_the_control_plane_does_by_itself() {
    let holds = |user: &str, verb: &str, object: &str| {
        let [resource, namespace, name] = object.split('/').collect::<Vec<_>>().try_into().unwrap();
        let line = serde_json::json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a", "stage": "ResponseComplete",
            "requestURI": "/api/v1", "verb": verb, "user": {"username": user},
            "objectRef": {"resource": resource, "namespace": namespace, "name": name},
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z", "stageTimestamp": "2026-01-01T00:00:00.000000Z",
        });
        let mut found = None;
        let want = Want { evidence: Reading::Whole, raw_bodies: false };
        decode(line.to_string().as_bytes(), want, &mut |_, event| {
            found = event.ok().map(|event| is_control_plane(event))
        });
        found.unwrap()
    };
    let (manager, scheduler) = ("system:kube-controller-manager", "system:kube-scheduler");
    for (user, verb, object) in [
        ("system:apiserver", "watch", "secrets/any/"),
        (manager, "watch", "certificatesigningrequests//"),
        (scheduler, "watch", "nodes//"),
        (scheduler, "watch", "configmaps/kube-system/extension-apiserver-authentication"),
        ("system:node:n1", "watch", "pods/any/p"),
        ("system:node:n1", "watch", "configmaps/kube-system/c"),
        ("system:node:n1", "create", "serviceaccounts/kube-system/coredns"),
        ("system:serviceaccount:kube-system:coredns", "watch", "namespaces//"),
        ("system:serviceaccount:kube-system:kube-proxy", "watch", "nodes//"),
        ("system:node:n1", "get", "nodes//n2"),
        ("system:node:n1", "patch", "nodes//n1"),
        (manager, "get", "serviceaccounts/kube-system/generic-garbage-collector"),
        (manager, "create", "serviceaccounts/kube-system/resourcequota-controller"),
        (scheduler, "get", "leases/kube-system/kube-scheduler"),
        ("system:node:n1", "update", "leases/kube-node-lease/n1"),
        (manager, "update", "leases/kube-system/kube-controller-manager"),
        ("system:apiserver", "update", "leases/kube-system/apiserver-abc"),
        ("system:serviceaccount:kube-system:node-controller", "patch", "nodes//n1"),
    ] {
        assert!(holds(user, verb, object), "{user} {verb} {object}");
    }
    for (user, verb, object) in [
        ("alice", "watch", "secrets/any/"),
        ("system:apiserver", "watch", "deployments//"),
        // A prefix here, where the filter's rule looks anywhere.
        ("not-system:node:n1", "get", "nodes//n1"),
        ("system:node:n1", "watch", "configmaps/shop/c"),
        ("system:node:n1", "create", "serviceaccounts/shop/default"),
        (manager, "create", "serviceaccounts/shop/resourcequota-controller"),
        (scheduler, "update", "leases/kube-system/kube-controller-manager"),
        ("system:apiserver", "update", "leases/kube-system/other"),
        ("system:node:n1", "delete", "nodes//n1"),
    ] {
        assert!(!holds(user, verb, object), "{user} {verb} {object}");
    }
}

/// The old algorithm on `others` behind two actions of one label: alice creates `web`, then `db`. Which of the two each finds.
fn found(others: &[Record]) -> Vec<Option<usize>> {
    let mut log = vec![
        with_uid("u-web", owned_by("u-shop", "shop-app", trigger(0, "alice", "create", "deployments/shop/web"))),
        with_uid("u-db", trigger(1, "bob", "create", "statefulsets/other/db")),
    ];
    log.extend(others.iter().cloned());
    let places = cluster(&log, &Settings { algorithm: Algorithm::Actions, ..Settings::default() });
    let action = |place: &Place| match place {
        Place::Cluster { id, .. } => log.iter().position(|record| record.id == *id),
        _ => None,
    };
    places.iter().skip(2).map(action).collect()
}

#[test]
fn the_old_rules_one_by_one() {
    let mut at = 1;
    let mut one = |record: Record| {
        at += 1;
        found(&[Record { id: Id(5_000 + at), ..record }]).pop().unwrap()
    };
    let get = |object: &str| event(2, "carol", "get", object);
    assert_eq!(one(get("pods/x/web")), Some(0));
    // Names and uids of owners, one hop each way.
    assert_eq!(one(get("pods/x/shop-app-77")), Some(0));
    assert_eq!(one(owned_by("u9", "shop-app-2", get("pods/x/z"))), Some(0));
    assert_eq!(one(owned_by("u-shop", "z", get("pods/x/z"))), Some(0));
    assert_eq!(one(owned_by("u9", "db-1", get("pods/x/z"))), Some(1));
    assert_eq!(one(owned_by("u-db", "z", get("pods/x/z"))), Some(1));
    // Involved objects, by name, owner and second piece.
    let about = |name: &str| Record { involved: key("Pod", "x", name), ..event(2, "carol", "create", "events/x/e") };
    assert_eq!(one(about("db")), Some(1));
    assert_eq!(one(about("shop-app")), Some(0));
    assert_eq!(one(about("data-db-0")), Some(1));
    // One name begins the other.
    assert_eq!(one(get("pods/x/db-0")), Some(1));
    assert_eq!(one(get("pods/x/w")), Some(0));
    // Claims and volumes of a set, and of an action's name; names without dashes do no harm.
    assert_eq!(one(get("persistentvolumeclaims/x/data-db-0")), Some(1));
    assert_eq!(one(get("persistentvolumeclaims/x/data-web-0")), None);
    assert_eq!(one(get("persistentvolumeclaims/x/data")), None);
    let volume = |claim: &str| Record { claim: key("", "x", claim), ..get("persistentvolumes//pv-1") };
    assert_eq!(one(volume("web")), Some(0));
    assert_eq!(one(volume("data-db-0")), Some(1));
    assert_eq!(one(volume("data-web-0")), None);
    assert_eq!(one(get("pods/x/zzz")), None);
    // A label nobody started, and no label.
    assert_eq!(one(Record { label: OTHER, own_label: LABEL, ..get("pods/x/web") }), None);
    assert_eq!(one(Record { label: Label::UNKNOWN, ..get("pods/x/web") }), None);
}

#[test]
fn the_old_algorithm_gives_each_read_of_a_namespace_to_another_action() {
    let log = [
        trigger(0, "alice", "create", "namespaces/a/n1"),
        trigger(1, "alice", "create", "namespaces/a/n2"),
        event(2, "alice", "get", "namespaces/a/x"),
        event(3, "alice", "get", "namespaces/a/y"),
        event(4, "alice", "get", "namespaces/a/z"),
        event(5, "carol", "create", "configmaps/n2/root"),
    ];
    let settings = Settings { algorithm: Algorithm::Actions, ..Settings::default() };
    assert_eq!(clusters(&log, &settings).0, [vec![0, 2], vec![1, 3, 5]]);
}

#[test]
fn the_old_limits_put_single_events_aside() {
    let log =
        |seconds: &[i64]| -> Vec<Record> {
            seconds
                .iter()
                .map(|at| {
                    if *at == 0 {
                        trigger(0, "a", "create", "pods/x/web")
                    } else {
                        event(*at, "a", "get", "pods/x/web")
                    }
                })
                .collect()
        };
    let settings = |max_lines, timeout_us| Settings {
        algorithm: Algorithm::Actions,
        max_lines,
        timeout_us,
        ..Settings::default()
    };
    let late = log(&[0, 300, 301, 302]);
    assert_eq!(
        clusters(&late, &Settings { algorithm: Algorithm::Actions, ..Settings::default() }).0,
        [vec![0, 1], vec![2], vec![3]]
    );
    assert_eq!(clusters(&late, &settings(0, 0)).0, [[0, 1, 2, 3]]);
    assert_eq!(clusters(&late, &settings(3, 0)).0, [vec![0, 1, 2], vec![3]]);
}

#[test]
fn an_oracle_gives_each_event_its_roots_label() {
    let truth: Vec<crate::context::evaluate::TruthRow> = serde_json::from_str(
        r#"[{"auditID":"a","stage":"ResponseComplete","action":"A1","root":true},{"auditID":"b","stage":"ResponseComplete","action":"A1"},
            {"auditID":"c","stage":"ResponseComplete","action":"background:x"},{"auditID":"d","stage":"ResponseComplete","action":null}]"#,
    )
    .unwrap();
    let mut records: Vec<Record> =
        (0..5).map(|at| Record { label: OTHER, ..event(at, "a", "get", "pods/x/1") }).collect();
    records[0].own_label = LABEL;
    Oracle::new(&truth).label(&mut records, &["a", "b", "c", "d", "e"].map(str::to_owned));
    assert_eq!(records.iter().map(|record| record.label).collect::<Vec<_>>(), [LABEL, LABEL, OTHER, OTHER, OTHER]);
}

prop_compose! {
    fn any_record()(
        second in 0..2_000i64,
        (user, verb) in (0..3usize, 0..4usize),
        (resource, namespace, name) in (0..3usize, 0..3usize, 0..4usize),
        (uid, owner) in (0..4usize, 0..4usize),
        (label, own_label) in (0..4usize, 0..4usize),
    ) -> Record {
        let labels = [LABEL, OTHER, Label::UNKNOWN, Label::IGNORED];
        let object = format!(
            "{}/{}/{}",
            ["pods", "namespaces", "persistentvolumes"][resource], ["", "x", "y"][namespace], ["", "x", "web", "web-1"][name]
        );
        let one = event(second, ["a", "system:apiserver", "b"][user], ["get", "list", "create", "delete"][verb], &object);
        let one = Record { label: labels[label], own_label: labels[own_label], ..one };
        let one = with_uid(["", "u1", "u2", "u3"][uid], one);
        if owner == 0 { one } else { owned_by(["", "u1", "u2", "u3"][owner], "web", one) }
    }
}

proptest! {
    #[test]
    fn every_cluster_has_its_first_events_id_and_one_root(
        records in prop::collection::vec(any_record(), 0..60),
        old: bool,
        control_plane: bool,
    ) {
        let mut records = records;
        records.sort_by_key(|record| record.received_at);
        records.iter_mut().zip(0..).for_each(|(record, id)| record.id = Id(id));
        let algorithm = if old { Algorithm::Actions } else { Algorithm::Windows };
        let settings = Settings { algorithm, control_plane, ..Settings::default() };
        let places = cluster(&records, &settings);
        prop_assert_eq!(places.len(), records.len());
        prop_assert_eq!(&cluster(&records, &settings), &places);
        let (found, roots) = clusters(&records, &settings);
        prop_assert_eq!(roots.len(), found.len());
        for members in &found {
            let first = &records[members[0]];
            let has_id = matches!(places[members[0]], Place::Cluster { id, .. } if id == first.id);
            prop_assert!(has_id);
            prop_assert!(members.iter().all(|member| records[*member].label == first.label));
        }
        if !old {
            prop_assert_eq!(found.iter().map(Vec::len).sum::<usize>(), records.len());
        }
    }
}
