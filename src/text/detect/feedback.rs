//! Feedback: what people said of findings, and learning from it.
//!
//! ```text
//! verdicts (append-only) ─▶ false alarms: window ─▶ key ─┐
//!                           confirmed ones: never learnt ├─▶ a few steps from the present weights ─▶ changed verdicts on held-out
//! normal sessions ─▶ a sample of old windows, 10 to 1 ───┘                                            sessions, the next version
//! ```
//! Nothing is trained from scratch. Undoing is going back to the version before, whose file is kept.

use super::error::DetectError;
use super::judge::{Finding, Judge, Rules};
use super::network::{NextKeyNetwork, numbers};
use super::sequence::KeySequence;
use super::vocabulary::{Token, Vocabulary};
use super::windows::Windows;
use crate::model::lstm::{Batch, Epoch, Samples, Targets, Training, train};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What a person says of a finding.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was normal.
    FalseAlarm,
    /// It was an anomaly; it is never trained on.
    Confirmed,
}

/// One line of the log of verdicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The session.
    pub session: String,
    /// Index of the key in it.
    pub position: usize,
    /// The verdict; the last one on a finding holds.
    pub verdict: Verdict,
}

/// Appends a verdict to the log, a line of JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn say(path: &Path, said: &Said) -> Result<(), DetectError> {
    let failed = |source| DetectError::File { path: path.to_owned(), source };
    // A line break before as well as after: a line that a crash cut off takes no other with it.
    let mut line = vec![b'\n'];
    line.extend(serde_json::to_vec(said).map_err(|error| failed(error.into()))?);
    line.push(b'\n');
    OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| file.write_all(&line)).map_err(failed)
}

/// The verdicts of a log, the last one on each finding; a missing file has none. A line that is no verdict, such as one that a crash
/// cut off, is left out with a warning.
///
/// # Errors
/// When it cannot be read.
pub fn verdicts(path: &Path) -> Result<Vec<Said>, DetectError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(DetectError::File { path: path.to_owned(), source }),
    };
    let mut last: BTreeMap<(String, usize), Verdict> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_str::<Said>(line) {
            Ok(said) => {
                last.insert((said.session, said.position), said.verdict);
            }
            Err(error) => tracing::warn!("{}, line {} is no verdict: {error}", path.display(), index + 1),
        }
    }
    Ok(last.into_iter().map(|((session, position), verdict)| Said { session, position, verdict }).collect())
}

/// How to learn from verdicts.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Options {
    /// Old windows for each new one.
    pub replay: usize,
    /// Most passes over both; learning stops as soon as every false alarm is normal.
    pub most_steps: usize,
    /// Learning rate.
    pub rate: f32,
    /// Seed of the sample of old windows.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { replay: 10, most_steps: 50, rate: 0.001, seed: 1 }
    }
}

/// What learning from verdicts changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Learnt {
    /// False alarms that were learnt from.
    pub false_alarms: usize,
    /// Those of them that are still findings.
    pub left: usize,
    /// Passes that it took.
    pub steps: usize,
    /// Held-out sessions that were normal and are now findings.
    pub now_abnormal: Vec<String>,
    /// Held-out sessions that were findings and are now normal.
    pub now_normal: Vec<String>,
}

/// Learns false alarms into a network: sessions that verdicts speak of are found in `sessions` by their id, old windows come from
/// `normal`, and `held_out` shows what else changed. Keys that training never saw cannot be learnt this way: they need a new
/// vocabulary, and stay findings.
///
/// # Errors
/// When training fails.
pub fn learn(
    model: &mut NextKeyNetwork,
    (vocabulary, rules): (&Vocabulary, Rules),
    said: &[Said],
    (sessions, normal, held_out): (&[KeySequence], &[KeySequence], &[KeySequence]),
    options: Options,
) -> Result<Learnt, DetectError> {
    let judge = Judge { vocabulary, rules };
    let before = judge.judge(model, held_out)?;
    let by_id: BTreeMap<&str, &KeySequence> = sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    let mut new: Vec<(Vec<u32>, u32)> = Vec::new();
    let mut named = Vec::new();
    for said in said.iter().filter(|said| said.verdict == Verdict::FalseAlarm) {
        let Some(session) = by_id.get(said.session.as_str()) else { continue };
        named.push(((*session).clone(), said.position));
        let windows = pairs(model, vocabulary, session);
        new.extend(
            windows.into_iter().filter(|(position, ..)| *position == said.position).map(|(_, row, key)| (row, key)),
        );
    }
    let mut old: Vec<(Vec<u32>, u32)> = Vec::new();
    for session in normal {
        old.extend(pairs(model, vocabulary, session).into_iter().map(|(_, row, key)| (row, key)));
    }
    old.shuffle(&mut StdRng::seed_from_u64(options.seed));
    old.truncate(new.len() * options.replay);
    let mut steps = 0;
    let mut left = still(&judge, model, &named)?;
    while left > 0 && steps < options.most_steps && !new.is_empty() {
        let all: Vec<&(Vec<u32>, u32)> = new.iter().chain(&old).collect();
        let batch = Batch {
            weights: vec![1.0; all.len()],
            samples: Samples::Tokens(all.iter().map(|(row, _)| row.clone()).collect()),
            targets: Targets::Classes(all.iter().map(|(_, key)| *key).collect()),
        };
        let nothing =
            Batch { samples: Samples::Tokens(Vec::new()), targets: Targets::Classes(Vec::new()), weights: Vec::new() };
        let seed = options.seed + steps as u64;
        let settings =
            Training { epochs: 1, batch: 128, rate: options.rate, early_stop: None, seed, shuffle: true, threads: 1 };
        let tell: &mut dyn FnMut(&Epoch) -> bool = &mut |_| true;
        train(&mut model.network, &batch, &nothing, &settings, tell)
            .map_err(|error| DetectError::TooLittle(error.to_string()))?;
        steps += 1;
        left = still(&judge, model, &named)?;
    }
    let after = judge.judge(model, held_out)?;
    let changed = |was: bool| {
        let sessions = held_out.iter().zip(before.iter().zip(&after));
        let changed = sessions.filter(move |(_, (b, a))| b.is_empty() != a.is_empty() && b.is_empty() != was);
        changed.map(|(session, _)| session.id.clone()).collect()
    };
    Ok(Learnt { false_alarms: named.len(), left, steps, now_abnormal: changed(false), now_normal: changed(true) })
}

/// Position, window and next key of each window of a session, unseen keys left out.
fn pairs(model: &NextKeyNetwork, vocabulary: &Vocabulary, session: &KeySequence) -> Vec<(usize, Vec<u32>, u32)> {
    let mut windows = Windows::new(model.style, model.history);
    windows.push_session(&vocabulary.encode(session));
    let known = windows.targets().iter().zip(windows.positions()).zip(windows.rows());
    known
        .filter(|((target, _), _)| **target != Token::UNKNOWN)
        .map(|((target, position), row)| (*position, numbers(row), target.0))
        .collect()
}

/// How many of the named findings are still there.
fn still(judge: &Judge<'_>, model: &mut NextKeyNetwork, named: &[(KeySequence, usize)]) -> Result<usize, DetectError> {
    let sessions: Vec<KeySequence> = named.iter().map(|(session, _)| session.clone()).collect();
    let found = judge.judge(model, &sessions)?;
    let there =
        |(found, (_, position)): (&Vec<Finding>, &(KeySequence, usize))| found.iter().any(|f| f.position == *position);
    Ok(found.iter().zip(named).filter(|entry| there((entry.0, entry.1))).count())
}

#[cfg(test)]
mod tests {
    use super::super::choose::Wanted;
    use super::super::judge::ShortRule;
    use super::super::train::{Options as TrainOptions, Split, train_keys};
    use super::super::windows::WindowStyle;
    use super::*;

    #[test]
    fn a_false_alarm_is_learnt_and_what_was_normal_stays_so() {
        let normal: Vec<KeySequence> = (0..60)
            .map(|n| {
                KeySequence::new(n.to_string(), if n % 2 == 0 { ["a", "b", "c", "d"] } else { ["a", "c", "b", "d"] })
            })
            .collect();
        let training =
            Training { epochs: 60, batch: 32, rate: 0.01, early_stop: None, seed: 1, shuffle: true, threads: 1 };
        let wanted = Wanted { false_alarms: 0.0, g: Some(2), short: ShortRule::Judge, short_keys: 0, unfinished: None };
        let options = TrainOptions {
            history: 4,
            style: WindowStyle::EveryPosition,
            lstm: vec![8],
            dense: Vec::new(),
            training,
            min_keys: 2,
            split: Split::HeldOut(0.2),
            wanted,
        };
        let trained = train_keys(&normal, &options, &mut |_| {}).unwrap();
        let (vocabulary, rules) = (&trained.model.card.vocabulary, trained.model.card.network.as_ref().unwrap().rules);
        let mut model = trained.network.unwrap();
        let odd = KeySequence::new("odd", ["a", "d", "b", "c"]);
        let found = Judge { vocabulary, rules }.judge(&mut model, std::slice::from_ref(&odd)).unwrap().concat();
        assert_eq!(found.first().map(|f| f.position), Some(1));
        let said = [Said { session: "odd".to_owned(), position: 1, verdict: Verdict::FalseAlarm }];
        let sets = (std::slice::from_ref(&odd), normal.as_slice(), normal.as_slice());
        let untouched = model.clone();
        let confirmed = [Said { verdict: Verdict::Confirmed, ..said[0].clone() }];
        learn(&mut model, (vocabulary, rules), &confirmed, sets, Options::default()).unwrap();
        assert_eq!(model, untouched, "a confirmed anomaly is never trained on");
        let options = Options { rate: 0.01, most_steps: 200, ..Options::default() };
        let learnt = learn(&mut model, (vocabulary, rules), &said, sets, options).unwrap();
        assert_eq!((learnt.false_alarms, learnt.left), (1, 0), "{learnt:?}");
        assert!(learnt.steps > 0 && learnt.now_abnormal.len() <= 30, "{learnt:?}");
    }

    #[test]
    fn the_last_verdict_holds_and_a_torn_line_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verdicts.jsonl");
        assert_eq!(verdicts(&path).unwrap(), []);
        let said = |position, verdict| Said { session: "s".to_owned(), position, verdict };
        for one in [said(3, Verdict::FalseAlarm), said(1, Verdict::Confirmed), said(3, Verdict::Confirmed)] {
            say(&path, &one).unwrap();
        }
        let expected = vec![said(1, Verdict::Confirmed), said(3, Verdict::Confirmed)];
        assert_eq!(verdicts(&path).unwrap(), expected);
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(b"{\"session\":\"s\",\"pos");
        std::fs::write(&path, torn).unwrap();
        assert_eq!(verdicts(&path).unwrap(), expected);
        say(&path, &said(1, Verdict::FalseAlarm)).unwrap();
        assert_eq!(verdicts(&path).unwrap()[0], said(1, Verdict::FalseAlarm));
    }
}
