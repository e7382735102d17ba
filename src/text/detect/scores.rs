//! Precision, recall and F1 of findings against labels, by session and by line.
//!
//! Labels are those of sessions. By line, every line of an abnormal session counts as abnormal, so recall by line is low by nature:
//! it says which share of the lines of bad sessions was pointed at. Where the normal sessions are a sample, `normal_total` says
//! for how many they stand, and precision is estimated for that many.

use super::judge::Finding;
use super::sequence::KeySequence;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Counts of right and wrong verdicts.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    /// Abnormal and found.
    pub true_positives: f64,
    /// Normal and found; scaled where the normal ones are a sample.
    pub false_positives: f64,
    /// Abnormal and not found.
    pub false_negatives: f64,
    /// Normal and not found; scaled likewise.
    pub true_negatives: f64,
}

impl Confusion {
    fn count(&mut self, abnormal: bool, found: bool, weight: f64) {
        match (abnormal, found) {
            (true, true) => self.true_positives += 1.0,
            (true, false) => self.false_negatives += 1.0,
            (false, true) => self.false_positives += weight,
            (false, false) => self.true_negatives += weight,
        }
    }

    /// Share of what was found that is abnormal; 0 where nothing was found.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of what is abnormal that was found.
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Harmonic mean of both.
    pub fn f1(&self) -> f64 {
        share(2.0 * self.true_positives, 2.0 * self.true_positives + self.false_positives + self.false_negatives)
    }

    /// Share of what is normal that was found.
    pub fn false_alarms(&self) -> f64 {
        share(self.false_positives, self.false_positives + self.true_negatives)
    }
}

/// The counts, and the figures that follow from them.
impl Serialize for Confusion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let figures = [
            ("true_positives", self.true_positives),
            ("false_positives", self.false_positives),
            ("false_negatives", self.false_negatives),
            ("true_negatives", self.true_negatives),
            ("precision", self.precision()),
            ("recall", self.recall()),
            ("f1", self.f1()),
            ("false_alarms", self.false_alarms()),
        ];
        serializer.collect_map(figures)
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The figures of one detector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Name of the detector.
    pub detector: String,
    /// How many most probable keys were normal, where that is the rule.
    pub g: Option<usize>,
    /// Sessions that are abnormal.
    pub abnormal: usize,
    /// Sessions that are normal.
    pub normal: usize,
    /// Normal sessions with a finding, of those that were there.
    pub false_alarms: usize,
    /// Verdicts on sessions.
    pub by_session: Confusion,
    /// Verdicts on lines.
    pub by_line: Confusion,
    /// Abnormal sessions by the kind of their first finding, then normal ones.
    pub kinds: BTreeMap<&'static str, (usize, usize)>,
}

/// Scores the findings of labelled sessions; unlabelled ones are left out. `normal_total` is the number of normal sessions that
/// those given stand for.
pub fn scores(
    detector: &str,
    g: Option<usize>,
    sessions: &[KeySequence],
    found: &[Vec<Finding>],
    normal_total: Option<u64>,
) -> Scores {
    let normal = sessions.iter().filter(|session| session.abnormal == Some(false)).count();
    let weight = normal_total.map_or(1.0, |total| share(total as f64, normal as f64));
    let mut scores = Scores {
        detector: detector.to_owned(),
        g,
        abnormal: sessions.iter().filter(|session| session.abnormal == Some(true)).count(),
        normal,
        false_alarms: 0,
        by_session: Confusion::default(),
        by_line: Confusion::default(),
        kinds: BTreeMap::new(),
    };
    for (session, found) in sessions.iter().zip(found) {
        let Some(abnormal) = session.abnormal else { continue };
        scores.by_session.count(abnormal, !found.is_empty(), weight);
        scores.false_alarms += usize::from(!abnormal && !found.is_empty());
        let mut lines: Vec<usize> = found.iter().map(|finding| finding.position).collect();
        lines.dedup();
        for line in 0..session.keys.len() {
            scores.by_line.count(abnormal, lines.binary_search(&line).is_ok(), weight);
        }
        if let Some(first) = found.first() {
            let kinds = scores.kinds.entry(first.kind.name()).or_default();
            *(if abnormal { &mut kinds.0 } else { &mut kinds.1 }) += 1;
        }
    }
    scores
}

/// The scores of several detectors as tables in Markdown.
pub fn markdown(all: &[Scores], normal_total: Option<u64>) -> String {
    let mut text = String::new();
    let estimated = if normal_total.is_some() { " (estimated)" } else { "" };
    let _ = writeln!(
        text,
        "| detector | g | by | found of abnormal | false alarms of normal | precision{estimated} | recall | F1{estimated} |\n|---|--:|---|--:|--:|--:|--:|--:|"
    );
    for scores in all {
        let session = &scores.by_session;
        let _ = writeln!(
            text,
            "| {} | {} | session | {} of {} | {} of {} ({:.2} %) | {:.4} | {:.4} | {:.4} |",
            scores.detector,
            scores.g.map_or(String::new(), |g| g.to_string()),
            session.true_positives,
            scores.abnormal,
            scores.false_alarms,
            scores.normal,
            100.0 * session.false_alarms(),
            session.precision(),
            session.recall(),
            session.f1()
        );
        let line = &scores.by_line;
        let _ = writeln!(
            text,
            "| | | line | {} of {} | {:.2} % | {:.4} | {:.4} | {:.4} |",
            line.true_positives,
            line.true_positives + line.false_negatives,
            100.0 * line.false_alarms(),
            line.precision(),
            line.recall(),
            line.f1()
        );
    }
    for scores in all {
        let _ = writeln!(
            text,
            "\n{}, by the first finding of a session:\n\n| finding | abnormal | normal |\n|---|--:|--:|",
            scores.detector
        );
        for (kind, (abnormal, normal)) in &scores.kinds {
            let _ = writeln!(text, "| {kind} | {abnormal} | {normal} |");
        }
    }
    if let Some(total) = normal_total {
        let _ = writeln!(text, "\nThe normal sessions are a sample that stands for {total}.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::judge::Kind;
    use super::super::vocabulary::Token;
    use super::*;

    #[test]
    fn a_sample_of_normal_sessions_is_scaled() {
        let label = |abnormal| KeySequence { abnormal: Some(abnormal), ..KeySequence::new("s", ["a", "b"]) };
        let finding = Finding { position: 1, kind: Kind::Short, score: 1.0, expected: Vec::new(), seen: Token::END };
        let sessions = [label(true), label(true), label(false), label(false)];
        let found = [vec![finding.clone()], vec![], vec![finding], vec![]];
        let scores = scores("count", Some(9), &sessions, &found, Some(200));
        assert_eq!(scores.by_session.false_positives, 100.0);
        assert_eq!(scores.by_session.precision(), 1.0 / 101.0);
        assert_eq!(scores.by_session.recall(), 0.5);
        assert_eq!(scores.by_session.f1(), 2.0 / (2.0 + 100.0 + 1.0));
        assert_eq!(scores.false_alarms, 1);
        assert_eq!((scores.by_line.true_positives, scores.by_line.false_negatives), (1.0, 3.0));
        let text = markdown(&[scores], Some(200));
        assert!(text.contains("| session | 1 of 2 | 1 of 2 (50.00 %) | 0.0099 | 0.5000 |"), "{text}");
    }

    #[test]
    fn nothing_divides_by_zero() {
        let none = Confusion::default();
        assert_eq!((none.precision(), none.recall(), none.f1(), none.false_alarms()), (0.0, 0.0, 0.0, 0.0));
    }
}
