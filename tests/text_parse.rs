//! Keys and templates as Drain3 0.9.11 gives them, and `causeway parse` from outside.
//!
//! `tests/golden/drain3.json` is recorded by `tests/tools/compare_drain3.py`, which also compares the two live.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use causeway::text::drain::{ClusterId, DrainSettings, MatchStrategy};
use causeway::text::mask::MaskSpec;
use causeway::text::miner::Miner;
use common::{causeway, succeed};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn miner(settings: &Value) -> Miner {
    let size = |name: &str| settings[name].as_u64().map(|size| usize::try_from(size).unwrap());
    let drain = DrainSettings {
        similarity: settings["sim_th"].as_f64().unwrap(),
        depth: size("depth").unwrap(),
        max_children: size("max_children").unwrap(),
        max_clusters: size("max_clusters"),
        extra_delimiters: serde_json::from_value(settings["extra_delimiters"].clone()).unwrap(),
        parametrize_numeric_tokens: settings["parametrize_numeric_tokens"].as_bool().unwrap(),
        ..DrainSettings::default()
    };
    let masks: Vec<MaskSpec> = serde_json::from_value(settings["masking"].clone()).unwrap();
    Miner::new(drain, &masks, "<", ">").unwrap()
}

#[test]
fn every_recorded_line_has_drain3s_key_and_template() {
    let cases: Value = serde_json::from_str(include_str!("golden/drain3.json")).unwrap();
    let (mut lines, mut matches) = (0, 0);
    for case in cases.as_array().unwrap() {
        let mut miner = miner(&case["settings"]);
        for (line, learned) in case["lines"].as_array().unwrap().iter().zip(case["learned"].as_array().unwrap()) {
            let line = line.as_str().unwrap();
            let id = miner.learn(line).id;
            assert_eq!(
                (Some(u64::from(id.0)), Some(miner.template(id))),
                (learned[0].as_u64(), learned[1].as_str()),
                "{line:?} of {case}"
            );
            lines += 1;
        }
        for row in case["matches"].as_array().unwrap() {
            let line = row[0].as_str().unwrap();
            let strategies = [MatchStrategy::Never, MatchStrategy::Drain3Fallback, MatchStrategy::Drain3Always];
            for (strategy, expected) in strategies.into_iter().zip(&row.as_array().unwrap()[1..]) {
                let found = miner.matches(line, strategy).map(|ClusterId(id)| u64::from(id));
                assert_eq!(found, expected.as_u64(), "{strategy:?} of {line:?} in {case}");
                matches += usize::from(found.is_some());
            }
        }
    }
    assert!(lines > 1000 && matches > 100, "{lines} lines, {matches} matches");
}

/// Runs `causeway parse` over a log and gives its rows.
fn parse(log: &Path, more: &[&str]) -> Vec<Value> {
    let mut command = causeway(&["--quiet", "parse"]);
    command.args(more).arg(log);
    let output = succeed(command);
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn odd_lines_are_counted_and_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = b"12: user ann logged in\r\nno format\n\n13: \xff\xfe\n14: nul \0\n15: ".to_vec();
    bytes.extend(std::iter::repeat_n(b"x ".as_slice(), 512 << 10).flatten());
    bytes.extend(b"\n16: user bob logged in");
    let log = written(folder.path(), "app.log", &bytes);
    let rows = parse(&log, &["--log-format", "<Time>: <Content>"]);
    let odd: Vec<Option<&str>> = rows.iter().map(|row| row["odd"].as_str()).collect();
    assert_eq!(odd, [None, Some("no_match"), Some("no_match"), Some("binary"), Some("binary"), Some("too_long"), None]);
    assert_eq!(rows[0], serde_json::json!({"line": 1, "key": 1, "template": "user ann logged in", "parameters": []}));
    assert_eq!(
        rows[6],
        serde_json::json!({"line": 7, "key": 1, "template": "user <*> logged in", "parameters": ["bob"]})
    );
    let mut command = causeway(&["parse", "--log-format", "<Time>: <Content>"]);
    command.arg(&log);
    let told = String::from_utf8(succeed(command).stderr).unwrap();
    assert!(told.contains("lines without a key: 2 binary, 2 no_match, 1 too_long"), "{told}");
    let mut strict = causeway(&["parse", "--strict", "--log-format", "<Time>: <Content>"]);
    let failed = strict.arg(&log).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8(failed.stderr).unwrap().contains("line 2: no_match"));
}

#[test]
fn a_state_goes_on_and_can_be_matched_with() {
    let folder = tempfile::tempdir().unwrap();
    let first = written(folder.path(), "1.log", b"a b 1\na b 2\n");
    let second = written(folder.path(), "2.log", b"x y\na b 3\n");
    let state = folder.path().join("drain.state");
    let json = folder.path().join("drain.json");
    let with = ["--state", state.to_str().unwrap()];
    let keys = |rows: Vec<Value>| rows.iter().map(|row| row["key"].as_u64()).collect::<Vec<_>>();
    assert_eq!(keys(parse(&first, &with)), [Some(1), Some(1)]);
    assert_eq!(keys(parse(&second, &[&with[..], &["--only-match"]].concat())), [None, Some(1)]);
    assert_eq!(
        keys(parse(&second, &[&with[..], &["--drain-json", json.to_str().unwrap()]].concat())),
        [Some(2), Some(1)]
    );
    let tree: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(tree["root"]["children"]["3"]["children"]["a"]["clusters"][0]["log_template_tokens"][2], "<*>");
    let ini = written(folder.path(), "other.ini", b"[DRAIN]\nsim_th = 0.7\n");
    let refused = causeway(&["parse", "--ini", ini.to_str().unwrap(), with[0], with[1]]).arg(&second).output().unwrap();
    assert!(String::from_utf8(refused.stderr).unwrap().contains("other settings"));
}

#[test]
fn wrong_settings_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = written(folder.path(), "a.log", b"a\n");
    let ini = written(folder.path(), "a.ini", b"[DRAIN]\nsimth = 0.5\n");
    let refused = causeway(&["parse", "--ini", ini.to_str().unwrap()]).arg(&log).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("line 2: unknown key simth; did you mean sim_th?"));
}

#[test]
fn grouping_is_as_good_as_published_on_each_system() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/logs/loghub_2k");
    if !logs.exists() {
        eprintln!("skipped: {} is absent", logs.display());
        return;
    }
    let output = succeed(causeway(&["evaluate", "parser", "--json", "--loghub", logs.to_str().unwrap()]));
    let systems: Value = serde_json::from_slice(&output.stdout).unwrap();
    for system in systems.as_array().unwrap() {
        let (found, published) = (system["scores"]["grouping_accuracy"].as_f64(), system["published"].as_f64());
        assert!(found.unwrap() >= published.unwrap(), "{system:#}");
    }
    assert_eq!(systems.as_array().unwrap().len(), 8);
}
