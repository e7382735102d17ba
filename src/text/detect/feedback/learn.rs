//! Learning from verdicts, and what it changed.

use super::super::card::{KeyModel, PROPERTY};
use super::super::error::DetectError;
use super::super::export::to_onnx;
use super::super::judge::{Finding, Judge, Kind, Rules};
use super::super::sequence::KeySequence;
use super::super::vocabulary::{Token, Vocabulary};
use super::learner::{Learner, Pair};
use super::verdicts::verdict_at;
use super::{Said, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How to learn from verdicts.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Options {
    /// Old windows for each new one.
    pub replay: usize,
    /// Most steps; learning stops as soon as every false alarm is normal.
    pub most_steps: usize,
    /// Learning rate of the network.
    pub rate: f32,
    /// Seed of the sample of old windows.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { replay: 10, most_steps: 100, rate: 0.001, seed: 1 }
    }
}

/// The sessions that learning needs.
#[derive(Copy, Clone, Debug)]
pub struct Sets<'a> {
    /// Those that verdicts speak of.
    pub said_of: &'a [KeySequence],
    /// Normal ones, of which old windows are replayed.
    pub normal: &'a [KeySequence],
    /// Those that show what else changed; they are not learnt from.
    pub held_out: &'a [KeySequence],
}

/// What learning from verdicts changed in one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Learnt {
    /// `network` or `count model`.
    pub model: &'static str,
    /// Findings that were said to be false alarms.
    pub false_alarms: usize,
    /// Those of them that are still findings.
    pub left: usize,
    /// Steps that it took.
    pub steps: usize,
    /// Held-out sessions that were normal and are now findings.
    pub now_abnormal: Vec<String>,
    /// Held-out sessions that were findings and are now normal.
    pub now_normal: Vec<String>,
}

/// What learning from verdicts changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Keys that the vocabulary has now and had not.
    pub new_keys: Vec<Arc<str>>,
    /// False alarms by the rule on short sessions: no model can learn them; train with another rule.
    pub by_rule: usize,
    /// Verdicts on sessions that are not there.
    pub without_session: usize,
    /// Sessions that are held out.
    pub held_out: usize,
    /// Each model of the file.
    pub models: Vec<Learnt>,
}

impl Report {
    /// Whether the model is another one now.
    pub fn changed(&self) -> bool {
        self.models.iter().any(|model| model.steps > 0) || !self.new_keys.is_empty()
    }
}

/// A finding that somebody said is normal: the session's index, the finding's place, and whether it is about the session's end.
type FalseAlarm = (usize, usize, bool);

/// Learns false alarms into all next-key models of a file; workflow and counts of keys are left as they are. Sessions with a
/// confirmed anomaly are never trained on.
///
/// # Errors
/// When training fails, or the file's network cannot be read back.
pub fn learn(
    model: &KeyModel,
    said: &[Said],
    sets: Sets<'_>,
    options: Options,
) -> Result<(KeyModel, Report), DetectError> {
    let confirmed: BTreeSet<&str> =
        said.iter().filter(|said| said.verdict == Verdict::Confirmed).map(|said| said.session.as_str()).collect();
    let by_id: BTreeMap<&str, &KeySequence> =
        sets.said_of.iter().map(|session| (session.id.as_str(), session)).collect();
    let mut verdicts: BTreeMap<&str, Vec<&Said>> = BTreeMap::new();
    for said in said {
        verdicts.entry(&said.session).or_default().push(said);
    }
    let mut report = Report { held_out: sets.held_out.len(), ..Report::default() };
    report.without_session = verdicts.keys().filter(|session| !by_id.contains_key(**session)).count();
    let named: Vec<(KeySequence, Vec<&Said>)> =
        verdicts.into_iter().filter_map(|(id, said)| Some(((*by_id.get(id)?).clone(), said))).collect();
    let old: Vec<&KeySequence> =
        sets.normal.iter().filter(|s| s.abnormal != Some(true) && !confirmed.contains(s.id.as_str())).collect();

    let mut card = model.card.clone();
    report.new_keys = new_keys(&card.vocabulary, &named);
    let vocabulary = card.vocabulary.with(report.new_keys.iter().cloned());
    let mut onnx = None;
    for (name, rules, mut learner) in Learner::of(model)? {
        let before = Judge { vocabulary: &card.vocabulary, rules }.judge(learner.next_key(), sets.held_out)?;
        learner.widen(vocabulary.width());
        let mut work = Work { vocabulary: &vocabulary, rules, named: &named };
        let (false_alarms, by_rule) = work.false_alarms(&mut learner)?;
        report.by_rule = report.by_rule.max(by_rule);
        let (steps, left) = work.learn(&mut learner, &false_alarms, &old, &options)?;
        let after = Judge { vocabulary: &vocabulary, rules }.judge(learner.next_key(), sets.held_out)?;
        let changed = |was_finding: bool| {
            let judged = sets.held_out.iter().zip(before.iter().zip(&after));
            let changed = judged.filter(move |(_, (b, a))| b.is_empty() != a.is_empty() && b.is_empty() != was_finding);
            changed.map(|(session, _)| session.id.clone()).collect()
        };
        report.models.push(Learnt {
            model: name,
            false_alarms: false_alarms.len(),
            left,
            steps,
            now_abnormal: changed(false),
            now_normal: changed(true),
        });
        match learner {
            Learner::Network(network) => onnx = Some(network),
            Learner::Counts(counts) => card.counts = counts,
        }
    }
    card.vocabulary = vocabulary;
    let json = serde_json::to_string(&card).map_err(|error| DetectError::Setting(error.to_string()))?;
    let onnx = onnx.map(|network| to_onnx(&network, &[(PROPERTY, &json)]));
    Ok((KeyModel { card, onnx }, report))
}

/// The keys that training never saw and somebody said are normal.
fn new_keys(vocabulary: &Vocabulary, named: &[(KeySequence, Vec<&Said>)]) -> Vec<Arc<str>> {
    let mut keys = BTreeSet::new();
    for (session, said) in named {
        let normal = |position: usize| verdict_at(said, position) == Some(Verdict::FalseAlarm);
        let unseen = session.keys.iter().enumerate().filter(|(_, key)| vocabulary.token(key) == Token::UNKNOWN);
        keys.extend(unseen.filter(|(position, _)| normal(*position)).map(|(_, key)| Arc::clone(key)));
    }
    keys.into_iter().collect()
}

/// What the steps of one learner need.
struct Work<'a> {
    vocabulary: &'a Vocabulary,
    rules: Rules,
    named: &'a [(KeySequence, Vec<&'a Said>)],
}

impl Work<'_> {
    /// The false alarms that are findings now, and how many of them are so by rule.
    fn false_alarms(&mut self, learner: &mut Learner) -> Result<(Vec<FalseAlarm>, usize), DetectError> {
        let sessions: Vec<KeySequence> = self.named.iter().map(|(session, _)| session.clone()).collect();
        let found = Judge { vocabulary: self.vocabulary, rules: self.rules }.judge(learner.next_key(), &sessions)?;
        let (mut alarms, mut by_rule) = (Vec::new(), 0);
        for (index, (found, (_, said))) in found.iter().zip(self.named).enumerate() {
            let normal = |finding: &&Finding| verdict_at(said, finding.position) == Some(Verdict::FalseAlarm);
            for finding in found.iter().filter(normal) {
                match finding.kind {
                    Kind::Short => by_rule += 1,
                    kind => alarms.push((index, finding.position, kind == Kind::Unfinished)),
                }
            }
        }
        Ok((alarms, by_rule))
    }

    /// Steps until no false alarm is left; returns how many it took, and how many are left.
    fn learn(
        &mut self,
        learner: &mut Learner,
        alarms: &[FalseAlarm],
        old: &[&KeySequence],
        options: &Options,
    ) -> Result<(usize, usize), DetectError> {
        let mut new: Vec<Pair> = Vec::new();
        for (index, position, at_end) in alarms {
            let Some((session, _)) = self.named.get(*index) else { continue };
            let place = if *at_end { session.keys.len() } else { *position };
            new.extend(learner.pairs(self.vocabulary, session).into_iter().filter(|pair| pair.position == place));
        }
        let mut replayed: Vec<Pair> = Vec::new();
        if matches!(learner, Learner::Network(_)) && !new.is_empty() {
            replayed = old.iter().flat_map(|session| learner.pairs(self.vocabulary, session)).collect();
        }
        let (mut steps, mut left) = (0, alarms.len());
        while left > 0 && steps < options.most_steps && !new.is_empty() {
            steps += 1;
            learner.step(&new, &replayed, options, steps)?;
            let (still, _) = self.false_alarms(learner)?;
            left = still.len();
        }
        Ok((steps, left))
    }
}
