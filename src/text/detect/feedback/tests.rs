//! Tests of feedback.

use super::super::fixture::{normal, trained};
use super::super::judge::Judge;
use super::*;
use crate::model::lstm::Training;
use crate::text::detect::card::KeyModel;
use crate::text::detect::sequence::KeySequence;
use crate::text::detect::values::{self, Row, Since, ValueKind, ValueModels};

fn false_alarm(session: &str, position: Option<usize>) -> Said {
    Said { session: session.to_owned(), position, verdict: Verdict::FalseAlarm }
}

fn findings(model: &KeyModel, session: &KeySequence) -> usize {
    let (card, mut counts) = (&model.card, model.card.counts.clone());
    let judge = Judge { vocabulary: &card.vocabulary, rules: card.baseline.rules };
    judge.judge(&mut counts, std::slice::from_ref(session)).unwrap().concat().len()
}

#[test]
fn a_false_alarm_is_learnt_by_every_model_and_what_was_normal_stays_so() {
    let (normal, model) = (normal(), trained().model);
    // With g = 2 there is room behind `a b c` for a second key beside `d`, so nothing has to be forgotten.
    let odd = KeySequence::new("odd", ["a", "b", "c", "a"]);
    let sets = Sets { said_of: std::slice::from_ref(&odd), normal: &normal, held_out: &normal };
    let options = Options { rate: 0.005, ..Options::default() };
    let confirmed = [Said { verdict: Verdict::Confirmed, ..false_alarm("odd", None) }];
    let (same, report) = learn(&model, &confirmed, sets, options).unwrap();
    assert_eq!((same, report.changed()), (model.clone(), false), "a confirmed anomaly is never trained on");
    let (next, report) = learn(&model, &[false_alarm("odd", None)], sets, options).unwrap();
    assert_eq!(report.models.len(), 2);
    for learnt in &report.models {
        assert!(learnt.false_alarms > 0 && learnt.left == 0 && learnt.steps > 0, "{learnt:?}");
        assert!(learnt.now_abnormal.is_empty(), "{learnt:?}");
    }
    assert_eq!((findings(&model, &odd) > 0, findings(&next, &odd)), (true, 0));
    // The same verdicts again change nothing.
    let (again, report) = learn(&next, &[false_alarm("odd", None)], sets, options).unwrap();
    assert_eq!((again, report.changed()), (next, false));
}

#[test]
fn a_key_that_training_never_saw_gets_a_place_in_the_vocabulary() {
    let (normal, model) = (normal(), trained().model);
    let sessions =
        [KeySequence::new("new", ["a", "b", "x", "c", "d"]), KeySequence::new("other", ["a", "y", "b", "c"])];
    let sets = Sets { said_of: &sessions, normal: &normal, held_out: &normal };
    let said = [false_alarm("new", None), false_alarm("nobody", Some(1))];
    let (next, report) = learn(&model, &said, sets, Options { rate: 0.005, ..Options::default() }).unwrap();
    assert_eq!((report.new_keys.as_slice(), report.without_session), (["x".into()].as_slice(), 1));
    assert!(report.models.iter().all(|learnt| learnt.left == 0 && learnt.now_abnormal.is_empty()), "{report:?}");
    assert_eq!(next.card.vocabulary.len(), 5);
    assert_eq!((findings(&next, &sessions[0]), findings(&next, &sessions[1]) > 0), (0, true));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.onnx");
    model.write(&path).unwrap();
    assert!(undo(&path).is_err(), "there is nothing to undo");
    let replace = |model: &KeyModel| {
        let kept = keep(&path).unwrap();
        model.write(&path).unwrap();
        kept
    };
    let kept = replace(&next);
    assert_eq!((KeyModel::read(&kept).unwrap(), KeyModel::read(&path).unwrap()), (model.clone(), next.clone()));
    assert_ne!(replace(&model), kept, "each version is kept");
    undo(&path).unwrap();
    assert_eq!(KeyModel::read(&path).unwrap(), next);
    undo(&path).unwrap();
    assert_eq!(KeyModel::read(&path).unwrap(), model);
}

#[test]
fn the_last_verdict_holds_and_a_torn_line_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verdicts.jsonl");
    assert_eq!(verdicts(&path).unwrap(), []);
    let said = |position, verdict| Said { session: "s".to_owned(), position, verdict };
    let (one, three) = (Some(1), Some(3));
    for one in [said(three, Verdict::FalseAlarm), said(one, Verdict::Confirmed), said(three, Verdict::Confirmed)] {
        say(&path, &one).unwrap();
    }
    let expected = vec![said(one, Verdict::Confirmed), said(three, Verdict::Confirmed)];
    assert_eq!(verdicts(&path).unwrap(), expected);
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"session\":\"s\",\"pos");
    std::fs::write(&path, torn).unwrap();
    assert_eq!(verdicts(&path).unwrap(), expected);
    say(&path, &said(one, Verdict::FalseAlarm)).unwrap();
    assert_eq!(verdicts(&path).unwrap()[0], said(one, Verdict::FalseAlarm));
    say(&path, &said(None, Verdict::FalseAlarm)).unwrap();
    assert_eq!(verdicts(&path).unwrap(), [said(None, Verdict::FalseAlarm)]);
}

#[test]
fn verdicts_on_values_are_learnt_by_their_lines_and_what_they_cost_is_told() {
    let row = |n: usize| Row { elapsed_secs: Some(1.0 + (n % 3) as f64), params: vec![(100 + n % 7).to_string()] };
    let normal: Vec<Row> = (0..80).map(row).collect();
    let training = Training { epochs: 1, ..values::Options::default().training };
    let options = values::Options { units: vec![4], training, ..values::Options::default() };
    let mut models = ValueModels::fit([("took <*>", normal.as_slice())], Since::AnyLine, &options, &mut |_| {});
    let mut today = normal.clone();
    for (row, value) in [(20, "500"), (40, "900"), (60, "400")] {
        today[row].params = vec![value.to_owned()];
    }
    today[50].elapsed_secs = Some(1000.0);
    let names = (0..80).map(|n| [format!("a.log:{n}"), format!("a.log@{}", 10 * n)]).collect();
    let keys = [KeyLines { template: "took <*>", rows: &today, names }];
    let found = |models: &ValueModels| -> Vec<(usize, usize)> {
        let found = models.models["took <*>"].judge(&today).into_iter();
        found.filter(|f| f.kind == ValueKind::FarFromMedian).map(|f| (f.row, f.column)).collect()
    };
    assert_eq!(found(&models), [(20, 1), (40, 1), (50, 0), (60, 1)]);
    let before = models.clone();
    let report = learn_values(&mut models, &[false_alarm("a.log:20", Some(0)), false_alarm("b.log:1", None)], &keys);
    assert_eq!((report.keys.len(), report.unknown), (0, vec!["b.log:1".to_owned()]), "no finding in that column");
    assert_eq!(models, before);
    let confirmed = Said { verdict: Verdict::Confirmed, ..false_alarm("a.log:60", None) };
    let report = learn_values(&mut models, &[false_alarm("a.log@200", Some(1)), confirmed], &keys);
    let [learnt] = report.keys.as_slice() else { panic!("{report:?}") };
    assert!(learnt.false_alarms > 0 && learnt.left == 0 && learnt.others == 78, "{learnt:?}");
    assert_eq!((learnt.lost.as_slice(), learnt.now_abnormal.len()), (["a.log:60".to_owned()].as_slice(), 0));
    assert_eq!(found(&models), [(40, 1), (50, 0)]);
}
