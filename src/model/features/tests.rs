use super::*;
use crate::audit::decode::{Reading, Want, decode};
use proptest::prelude::*;

const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"7","stage":"ResponseComplete","level":"RequestResponse",
    "verb":"create","requestURI":"/api/v1/namespaces/shop/pods?fieldManager=kubectl-run","stageTimestamp":"2026-11-21T07:10:15.863533Z",
    "user":{"username":"alice","groups":["developers","system:authenticated"]},"userAgent":"kubectl/v1.34.4 (linux/amd64) kubernetes/8f1c2b7",
    "objectRef":{"resource":"pods","apiVersion":"v1","namespace":"shop","name":"web"},"responseStatus":{"code":201},
    "responseObject":{"kind":"Pod","metadata":{"namespace":"shop","ownerReferences":[{"kind":"ReplicaSet","controller":true}]}}}"#;

fn with_event<T>(line: &str, look: impl Fn(&Event<'_>) -> T) -> T {
    let mut seen = None;
    let line = line.replace('\n', " ");
    decode(line.as_bytes(), Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
        seen = event.ok().map(&look);
    });
    seen.expect("the line holds an event")
}

fn value(set: FeatureSet, column: &str, line: &str) -> Option<String> {
    let column = set.columns().iter().find(|c| c.name == column).expect("there is such a column");
    with_event(line, |event| (column.value)(event).map(|value| value.into_owned()))
}

#[test]
fn columns_say_what_is_known_of_an_event() {
    let mended = |column| value(FeatureSet::Mended, column, LINE);
    assert_eq!(mended("own_label").as_deref(), Some("4496"));
    assert_eq!(mended("requestURI.fieldManager").as_deref(), Some("kubectl-run"));
    assert_eq!(mended("responseObject.metadata.ownerReferences.kind").as_deref(), Some("ReplicaSet"));
    assert_eq!(mended("user.groups[0]").as_deref(), Some("other"));
    assert_eq!(mended("user.username"), None);
    let original = |column| value(FeatureSet::Original, column, LINE);
    assert_eq!(original("responseObject.metadata.ownerReferences.kind"), None);
    assert_eq!(original("user.groups[0]").as_deref(), Some("developers"));
    assert_eq!(original("userAgent.version").as_deref(), Some("v1.34.4"));
}

#[test]
fn the_paper_has_39_columns_in_alphabetical_order() {
    let names = FeatureSet::Original.names();
    assert_eq!(names.len(), 39);
    assert!(names.is_sorted());
}

#[test]
fn names_of_columns_differ() {
    for set in [FeatureSet::Linked, FeatureSet::Mended, FeatureSet::Original] {
        let mut names = set.names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), set.width());
    }
}

#[test]
fn gaps_fall_into_buckets_of_powers_of_two() {
    assert_eq!([-5, 0, 1, 2, 3, 4].map(gap_bucket), [0, 0, 1, 2, 2, 3]);
    assert_eq!(gap_bucket(i64::MAX), GAP_BUCKETS - 1);
}

#[test]
fn a_value_that_training_did_not_know_is_unknown() {
    let table = with_event(LINE, |event| {
        let mut table = Table::new(FeatureSet::Mended);
        table.push(event);
        table
    });
    let vocabularies = table.vocabularies(std::slice::from_ref(&(0..1)), 1, &[]);
    let encoder = Encoder::new(FeatureSet::Mended, &vocabularies);
    let encode = |line: &str| {
        with_event(line, |event| {
            let mut row = Vec::new();
            encoder.encode(event, &mut row);
            row
        })
    };
    let (known, other) = (encode(LINE), encode(&LINE.replace("\"create\"", "\"proxy\"")));
    let verb = FeatureSet::Mended.names().iter().position(|name| *name == "verb").expect("a column");
    assert_eq!((known.len(), known[verb], other[verb]), (48, 2, UNKNOWN));
    assert_eq!(table.encode(&vocabularies), *std::slice::from_ref(&known), "training and the stream encode alike");
    assert!(known.iter().zip(&vocabularies).all(|(number, vocabulary)| usize::from(*number) < vocabulary.size()));
}

proptest! {
    #[test]
    fn no_event_makes_a_column_fail(verb in ".*", uri in ".*", agent in ".*", group in ".*", resource in ".*") {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let line = format!(
            r#"{{"auditID":"1","stage":"ResponseComplete","verb":{},"requestURI":{},"userAgent":{},"user":{{"username":{},"groups":[{}]}},
            "objectRef":{{"resource":{}}},"stageTimestamp":"2026-11-21T07:10:15.863533Z"}}"#,
            quoted(&verb), quoted(&uri), quoted(&agent), quoted(&group), quoted(&group), quoted(&resource)
        );
        for set in [FeatureSet::Linked, FeatureSet::Mended, FeatureSet::Original] {
            let encoder = Encoder::new(set, &Table::new(set).vocabularies(&[], 1, &[]));
            let line = line.replace('\n', " ");
            decode(line.as_bytes(), Want { evidence: Reading::Whole, raw_bodies: false }, &mut |_, event| {
                if let Ok(event) = event {
                    let mut row = Vec::new();
                    encoder.encode(event, &mut row);
                    assert_eq!(row.len(), encoder.width());
                }
            });
        }
    }
}
