use super::*;
use crate::audit::time::Micros;
use crate::source::{Offset, PartitionId};
use crate::text::ini::AdapterIni;
use crate::text::session::{LinePosition, Session, SessionEnd, SessionId};
use proptest::prelude::*;

fn line(raw: &str, at: usize, time: Option<i64>) -> Line<'_> {
    let position = LinePosition { partition: PartitionId(0), offset: Offset(at as u64) };
    Line { raw, key: at as u32 + 1, position, time: time.map(Micros), params: vec![raw.into()] }
}

fn run(settings: SessionSettings, lines: &[(&str, Option<i64>)]) -> (Vec<Option<u64>>, Vec<Session>) {
    let (mut sessions, mut ended) = (Sessions::new(settings).unwrap(), Vec::new());
    let ids = lines
        .iter()
        .enumerate()
        .map(|(at, (raw, time))| Some(sessions.line(line(raw, at, *time), &mut ended)?.0))
        .collect();
    sessions.finish(&mut ended);
    assert_eq!(sessions.open(), 0);
    (ids, ended)
}

fn ids(settings: SessionSettings, lines: &[&str]) -> Vec<Option<u64>> {
    run(settings, &lines.iter().map(|raw| (*raw, None)).collect::<Vec<_>>()).0
}

fn numbers(numbers: &[u64]) -> Vec<Option<u64>> {
    numbers.iter().copied().map(Some).collect()
}

fn of(adapter: Adapter) -> SessionSettings {
    SessionSettings::of(adapter)
}

/// Two processes side by side: what each line is, of which process.
const CONNECTIONS: [&str; 13] = [
    "2337 TCP source connection created",
    "2337 TLS source connection",
    "2337 Multi target connection created",
    "2386 TCP source connection created",
    "2386 TLS source connection",
    "2386 TCP source SSL error: no certificate",
    "2386 Plain source connection",
    "2379 TCP source connection created",
    "2386 Connector closed",
    "2379 Connector created",
    "2379 Connector closed",
    "2379 Connector closed",
    "2379 Trying connection to port 1515",
];
const DELIMITER: &str = "TCP source connection created";

#[test]
fn delimiter_and_identifier() {
    let adapter = Adapter::DelimiterAndIdentifier { delimiter: DELIMITER.into(), identifier: r"^(\d+)\n?".into() };
    let mut settings = of(adapter.clone());
    settings.anomaly_labels = vec!["TCP source SSL error".into(), "TCP source socket error".into()];
    let lines: Vec<(&str, Option<i64>)> = CONNECTIONS.iter().map(|raw| (*raw, None)).collect();
    let (found, ended) = run(settings, &lines);
    assert_eq!(found, numbers(&[1, 1, 1, 2, 2, 2, 2, 3, 2, 3, 3, 3, 3]));
    let labels: Vec<_> = ended.iter().map(|session| (session.id.0, session.label, session.end)).collect();
    let unfinished = SessionEnd::Unfinished;
    assert_eq!(labels, [(1, Some(false), unfinished), (2, Some(true), unfinished), (3, Some(false), unfinished)]);
    // An identifier first seen without the delimiter has a number of its own, which the next one does not take again.
    let lines = ["7 x", "8 TCP source connection created", "7 TCP source connection created", "7 y", "none"];
    let mut expected = numbers(&[1, 2, 3, 3]);
    expected.push(None);
    assert_eq!(ids(of(adapter), &lines), expected);
}

#[test]
fn only_delimiter_and_what_stands_before_it() {
    let adapter = Adapter::OnlyDelimiter { delimiter: DELIMITER.into() };
    let without: Vec<&str> = CONNECTIONS.iter().map(|line| &line[5..]).collect();
    assert_eq!(ids(of(adapter.clone()), &without[..9]), numbers(&[1, 1, 1, 2, 2, 2, 2, 3, 3]));
    let mut settings = of(adapter);
    settings.anomaly_labels = vec!["bad".into()];
    let (found, ended) = run(settings, &[("a bad line", None), ("b", None), (DELIMITER, None), ("c", None)]);
    assert_eq!(found, numbers(&[0, 0, 1, 1]));
    assert_eq!((ended[0].end, ended[0].label, ended[1].label), (SessionEnd::Closed, Some(true), Some(false)));
}

#[test]
fn only_identifier() {
    let adapter = Adapter::OnlyIdentifier { identifier: r"blk_-?\d+".into() };
    let blocks = ["-16", "-16", "75", "75", "75", "-16", "-16", "75", "-35", "-90", "-16", "-90", "-35", "-35", "-35"];
    let lines: Vec<String> = blocks.iter().map(|block| format!("Receiving block blk_{block} src: /10.0.0.1")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(ids(of(adapter), &lines), numbers(&[1, 1, 2, 2, 2, 1, 1, 2, 3, 4, 1, 4, 3, 3, 3]));
}

#[test]
fn intervals_begin_with_their_first_line() {
    let adapter = Adapter::Interval { length_us: 2_000 };
    let mut settings = of(adapter);
    settings.step_back_us = 500;
    let at = [0, 500, 1_999, 1_600, 2_000, 3_999, 4_000, 3_900, 9_000, 100];
    let lines: Vec<(&str, Option<i64>)> = at.iter().map(|at| ("x", Some(*at))).collect();
    assert_eq!(run(settings, &lines).0, numbers(&[1, 1, 1, 1, 2, 2, 3, 3, 4, 5]));
}

#[test]
fn idle_full_and_too_many() {
    let adapter = Adapter::OnlyIdentifier { identifier: r"\d+".into() };
    let mut settings = of(adapter);
    settings.idle_us = Some(10);
    settings.max_lines = 3;
    let lines = [
        ("1", Some(0)),
        ("2", Some(5)),
        ("1", Some(9)),
        ("2", Some(15)),
        ("1", Some(19)),
        ("2", None),
        ("2", Some(20)),
    ];
    let (found, ended) = run(settings.clone(), &lines);
    assert_eq!(found, numbers(&[1, 2, 1, 3, 4, 3, 3]));
    let ends: Vec<_> = ended.iter().map(|session| (session.id.0, session.end, session.keys.len())).collect();
    assert_eq!(
        ends,
        [(2, SessionEnd::Idle, 1), (1, SessionEnd::Idle, 2), (3, SessionEnd::Size, 3), (4, SessionEnd::Unfinished, 1)]
    );
    settings.idle_us = None;
    settings.max_open = 2;
    let (found, ended) = run(settings, &[("1", None), ("2", None), ("1", None), ("3", None), ("2", None)]);
    assert_eq!(found, numbers(&[1, 2, 1, 3, 4]));
    assert_eq!(ended.iter().map(|session| session.id.0).collect::<Vec<_>>(), [2, 1, 3, 4]);
}

#[test]
fn ini_keys_say_the_adapter() {
    let ini = |adapter_type: &str| AdapterIni {
        adapter_type: Some(adapter_type.into()),
        regex: Some("x".into()),
        ..AdapterIni::default()
    };
    let identifier = Adapter::OnlyIdentifier { identifier: "x".into() };
    for name in ["only_regex", "only_identifier"] {
        assert_eq!(ini(name).settings().unwrap().unwrap().adapter, identifier);
    }
    assert!(ini("delimiter+regex").settings().unwrap_err().to_string().contains("needs delimiter"));
    assert!(ini("interval_time").settings().unwrap_err().to_string().contains("needs time_format"));
    assert!(ini("regex_only").settings().unwrap_err().to_string().contains("only_identifier"));
    assert_eq!(AdapterIni::default().settings(), Ok(None));
    assert!(Sessions::new(of(Adapter::OnlyIdentifier { identifier: "(".into() })).is_err());
}

#[test]
fn exports() {
    let adapter = Adapter::DelimiterAndIdentifier { delimiter: "new".into(), identifier: r"^\d+".into() };
    let mut settings = of(adapter);
    settings.anomaly_labels = vec!["bad".into()];
    let (_, ended) = run(settings.clone(), &[("1 new", None), ("2 bad", None), ("1 x", None)]);
    assert_eq!(
        serde_json::to_value(DataJson::new(&ended)).unwrap(),
        serde_json::json!({"data": [
            {"template_seq": [1, 3], "template_params": [["1 new"], ["1 x"]], "is_abnormal": false, "session_id": 1},
            {"template_seq": [2], "template_params": [["2 bad"]], "is_abnormal": true, "session_id": 2}]})
    );
    assert_eq!(
        serde_json::to_value(GrouperConf::new(&settings, "<Pid>  <Content>", 10)).unwrap(),
        serde_json::json!({"session_grouper_type": "RegexSessionGrouper", "text_regex": r"^(?<Pid>.*?)\s+(?<Content>.*?)$",
            "session_id_regex": r"^\d+", "session_delimiters": ["new"], "window_size": 10})
    );
}

proptest! {
    #[test]
    fn a_checkpoint_changes_nothing_and_every_line_is_in_one_session(
        lines in proptest::collection::vec(("[1-4n]", proptest::option::of(0i64..60)), 0..60),
        cut in 0usize..60,
        kind in 0usize..4,
    ) {
        let mut settings = of(match kind {
            0 => Adapter::OnlyDelimiter { delimiter: "n".into() },
            1 => Adapter::DelimiterAndIdentifier { delimiter: "2".into(), identifier: "[1-4]".into() },
            2 => Adapter::OnlyIdentifier { identifier: "[1-4]".into() },
            _ => Adapter::Interval { length_us: 7 },
        });
        (settings.idle_us, settings.max_lines, settings.max_open) = (Some(9), 5, 3);
        let given: Vec<(&str, Option<i64>)> = lines.iter().map(|(raw, time)| (raw.as_str(), *time)).collect();
        let (expected, sessions) = run(settings.clone(), &given);
        let (mut found, mut ended) = (Vec::new(), Vec::new());
        let mut gathering = Sessions::new(settings.clone()).unwrap();
        for (at, (raw, time)) in given.iter().enumerate() {
            if at == cut {
                let bytes = postcard::to_stdvec(gathering.state()).unwrap();
                gathering = Sessions::new(settings.clone()).unwrap();
                gathering.restore(postcard::from_bytes::<SessionsState>(&bytes).unwrap());
            }
            found.push(gathering.line(line(raw, at, *time), &mut ended).map(|id| id.0));
            prop_assert!(gathering.open() <= 3);
        }
        gathering.finish(&mut ended);
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(&ended, &sessions);
        let mut places: Vec<u64> = ended.iter().flat_map(|session| session.positions.iter().map(|place| place.offset.0)).collect();
        places.sort_unstable();
        let with_session: Vec<u64> = (0..).zip(&expected).filter(|(_, id)| id.is_some()).map(|(at, _)| at).collect();
        prop_assert_eq!(places, with_session);
        let mut all: Vec<SessionId> = ended.iter().map(|session| session.id).collect();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), ended.len());
    }
}
