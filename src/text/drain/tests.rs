use super::*;

fn drain(change: impl FnOnce(&mut DrainSettings)) -> Drain {
    let mut settings = DrainSettings::default();
    change(&mut settings);
    Drain::new(settings).unwrap()
}

fn ids(drain: &mut Drain, lines: &[&str]) -> Vec<u32> {
    lines.iter().map(|line| drain.learn(line).id.0).collect()
}

fn templates(drain: &Drain) -> Vec<&str> {
    drain.clusters().map(|cluster| cluster.template.text()).collect()
}

const SSHD: [&str; 8] = [
    "",
    "Dec 10 07:07:38 LabSZ sshd[24206]: input_userauth_request: invalid user test9 [preauth]",
    "Dec 10 07:08:28 LabSZ sshd[24208]: input_userauth_request: invalid user webmaster [preauth]",
    "Dec 10 09:12:32 LabSZ sshd[24490]: Failed password for invalid user ftpuser from 0.0.0.0 port 62891 ssh2",
    "Dec 10 09:12:35 LabSZ sshd[24492]: Failed password for invalid user pi from 0.0.0.0 port 49289 ssh2",
    "Dec 10 09:12:44 LabSZ sshd[24501]: Failed password for invalid user ftpuser from 0.0.0.0 port 60836 ssh2",
    "Dec 10 07:28:03 LabSZ sshd[24245]: input_userauth_request: invalid user pgadmin [preauth]",
    "",
];

#[test]
fn sshd_lines_with_the_defaults_and_with_a_high_threshold() {
    let mut loose = drain(|_| {});
    assert_eq!(ids(&mut loose, &SSHD), [1, 2, 2, 3, 3, 3, 2, 1]);
    assert_eq!(loose.total_size(), 8);
    assert_eq!(
        templates(&loose)[1..],
        [
            "Dec 10 <*> LabSZ <*> input_userauth_request: invalid user <*> [preauth]",
            "Dec 10 <*> LabSZ <*> Failed password for invalid user <*> from 0.0.0.0 port <*> ssh2"
        ]
    );
    let mut strict = drain(|settings| settings.similarity = 0.75);
    assert_eq!(ids(&mut strict, &SSHD), [1, 2, 3, 4, 4, 4, 5, 1]);
}

#[test]
fn the_least_recently_used_cluster_goes() {
    let mut drain = drain(|settings| settings.max_clusters = Some(1));
    let lines = ["A format 1", "A format 2", "B format 1", "B format 2", "A format 3"];
    assert_eq!(ids(&mut drain, &lines), [1, 1, 2, 2, 3]);
    assert_eq!(templates(&drain), ["A format 3"]);
    assert_eq!(drain.cluster_count(), 1);
}

#[test]
fn a_look_up_is_no_use_and_joining_is() {
    let mut drain = drain(|settings| settings.max_clusters = Some(2));
    assert_eq!(ids(&mut drain, &["a x", "b x", "a x", "c x", "a x", "b x"]), [1, 2, 1, 3, 1, 4]);
    assert_eq!(drain.matches("c x", MatchStrategy::Always), None);
}

#[test]
fn children_are_bounded() {
    let mut drain = drain(|settings| settings.max_children = 2);
    // The first token has its own branch, what follows shares the wildcard's.
    assert_eq!(ids(&mut drain, &["a x y", "b x y", "c x y", "d p q"]), [1, 2, 2, 3]);
    assert_eq!(templates(&drain), ["a x y", "<*> x y", "d p q"]);
}

#[test]
fn match_strategies() {
    let mut drain = drain(|settings| settings.depth = 4);
    ids(&mut drain, &["bob logs in now", "1a logs in now", "2b logs in now", "1c fell out soon", "2d fell out now"]);
    assert_eq!(templates(&drain), ["bob logs in now", "<*> logs in now", "<*> fell out <*>"]);
    // In the tree "eve" has no branch of its own and takes the wildcard's.
    assert_eq!(drain.matches("eve logs in now", MatchStrategy::Never), Some(ClusterId(2)));
    assert_eq!(drain.matches("eve logs up now", MatchStrategy::Always), None);
    // Beneath "bob" nothing fits; a full search finds what does.
    assert_eq!(drain.matches("bob fell out late", MatchStrategy::Never), None);
    assert_eq!(drain.matches("bob fell out late", MatchStrategy::Fallback), Some(ClusterId(3)));
    assert_eq!(drain.matches("bob logs in now", MatchStrategy::Always), Some(ClusterId(1)));
    assert_eq!(drain.matches("bob logs in now", MatchStrategy::Drain3Always), Some(ClusterId(2)));
    assert_eq!(drain.matches("other length", MatchStrategy::Always), None);
}

#[test]
fn impossible_settings_are_refused() {
    let refused = |change: fn(&mut DrainSettings)| {
        let mut settings = DrainSettings::default();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    };
    assert!(refused(|s| s.depth = 2).contains("3 to 1000"));
    assert!(refused(|s| s.max_children = 0).contains("max_children"));
    assert!(refused(|s| s.max_clusters = Some(0)).contains("max_clusters"));
    assert!(refused(|s| s.similarity = f64::NAN).contains("sim_th"));
}

#[test]
fn export_has_the_documented_form() {
    let mut drain = drain(|settings| settings.extra_delimiters = vec!["_".into()]);
    ids(&mut drain, &["a_b 1", "a b 2", "z"]);
    let json = serde_json::to_value(DrainJson::new(&drain, &crate::text::mask::Masks::default())).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "version": "0.0.1", "depth": 4, "similarity_threshold": 0.4, "max_children_per_node": 100,
            "delimiters": [" ", "_"], "masking": [],
            "root": {"depth": 0, "key": "root", "clusters": [], "children": {
                "3": {"depth": 1, "key": "3", "clusters": [], "children": {
                    "a": {"depth": 2, "key": "a", "children": {},
                        "clusters": [{"cluster_id": 1, "log_template_tokens": ["a", "b", "<*>"]}]}}},
                "1": {"depth": 1, "key": "1", "children": {},
                    "clusters": [{"cluster_id": 2, "log_template_tokens": ["z"]}]}}}
        })
    );
}

mod snapshots {
    use super::*;
    use proptest::prelude::*;

    fn any_settings() -> impl Strategy<Value = DrainSettings> {
        let similarity = prop_oneof![Just(0.0), Just(0.4), Just(0.75), Just(1.0)];
        (similarity, 3usize..7, 1usize..5, proptest::option::of(1usize..5), any::<bool>()).prop_map(
            |(similarity, depth, max_children, max_clusters, parametrize_numeric_tokens)| DrainSettings {
                similarity,
                depth,
                max_children,
                max_clusters,
                parametrize_numeric_tokens,
                ..DrainSettings::default()
            },
        )
    }

    proptest! {
        #[test]
        fn a_restored_parser_goes_on_alike(
            settings in any_settings(),
            lines in proptest::collection::vec("([ab1<*>]{1,3} ){0,5}", 0..60),
            cut in 0usize..60,
        ) {
            let mut through = Drain::new(settings.clone()).unwrap();
            let mut first = Drain::new(settings.clone()).unwrap();
            let cut = cut.min(lines.len());
            for line in &lines[..cut] {
                prop_assert_eq!(through.learn(line), first.learn(line));
            }
            let bytes = Snapshot::of(&first).to_bytes().unwrap();
            let mut second = Snapshot::from_bytes(&bytes).unwrap().restore(&settings).unwrap();
            for line in &lines[cut..] {
                prop_assert_eq!(through.learn(line), second.learn(line));
            }
            prop_assert_eq!(Snapshot::of(&through), Snapshot::of(&second));
        }

        #[test]
        fn damage_is_told(at in 0usize..1000, bit in 0u8..8) {
            let mut drain = drain(|_| {});
            drain.learn("a b c");
            let mut bytes = Snapshot::of(&drain).to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(Snapshot::from_bytes(&bytes).is_err());
        }
    }
}
