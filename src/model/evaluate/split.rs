//! Which events are for training and which for the test.

use crate::audit::label::Label;
use crate::model::labelled::Labelled;
use std::collections::BTreeMap;
use std::ops::Range;

/// A way to split.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Protocol {
    /// K8NTEXT's honest one: this many folds, each a contiguous part of the log, tested by a model trained on the others.
    Folds(usize),
    /// The last share of each stream is the test.
    Time(f64),
    /// A share of the kinds of action has no label in training; the test is the last share of each stream.
    LeaveActionsOut(f64),
}

/// One training and its test.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// Name in tables.
    pub name: String,
    /// Parts to train on.
    pub train: Vec<Range<usize>>,
    /// Parts to test.
    pub test: Vec<Range<usize>>,
    /// Labels that training must not see.
    pub left_out: Vec<Label>,
}

/// Share of each stream that is tested when kinds of action are left out.
const TEST_SHARE: f64 = 0.3;
/// Kinds with fewer events than this are not worth leaving out.
const MIN_EVENTS: usize = 50;

/// The folds of a protocol.
pub fn folds(data: &Labelled, protocol: Protocol) -> Vec<Fold> {
    match protocol {
        Protocol::Folds(count) => (0..count.max(2)).map(|number| fold(data, number, count.max(2))).collect(),
        Protocol::Time(share) => vec![by_time(data, share, Vec::new(), format!("last {:.0} %", share * 100.0))],
        Protocol::LeaveActionsOut(share) => {
            let left_out = left_out(data, share);
            let name = format!("{} kinds of action left out", left_out.len());
            vec![by_time(data, TEST_SHARE, left_out, name)]
        }
    }
}

fn fold(data: &Labelled, number: usize, count: usize) -> Fold {
    let cut = |number: usize| data.len() * number / count;
    let test = cut(number)..cut(number + 1);
    let mut train = data.segments_within(0..test.start);
    train.extend(data.segments_within(test.end..data.len()));
    let name = format!("fold {} of {count}", number + 1);
    Fold { name, train, test: data.segments_within(test), left_out: Vec::new() }
}

fn by_time(data: &Labelled, share: f64, left_out: Vec<Label>, name: String) -> Fold {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for segment in &data.segments {
        let cut = segment.end - (segment.len() as f64 * share.clamp(0.0, 1.0)) as usize;
        train.push(segment.start..cut);
        test.push(cut..segment.end);
    }
    let filled = |parts: Vec<Range<usize>>| parts.into_iter().filter(|part| !part.is_empty()).collect();
    Fold { name, train: filled(train), test: filled(test), left_out }
}

/// Every so many-th kind of action, spread over the order of labels; the control plane's routine stays.
fn left_out(data: &Labelled, share: f64) -> Vec<Label> {
    let mut counts: BTreeMap<Label, usize> = BTreeMap::new();
    for event in data.events.iter().filter(|event| !event.routine) {
        if let Some(label) = event.label {
            *counts.entry(label).or_default() += 1;
        }
    }
    let kinds: Vec<Label> =
        counts.into_iter().filter(|(_, count)| *count >= MIN_EVENTS).map(|(label, _)| label).collect();
    let every = (1.0 / share.clamp(0.01, 0.5)).round() as usize;
    kinds.into_iter().skip(every / 2).step_by(every).collect()
}
