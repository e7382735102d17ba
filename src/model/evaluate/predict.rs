//! Predictions for parts of a log, by the very file, runtime and vote that the stream uses.

use crate::audit::label::Label;
use crate::model::labeler::{Labeler, LabelerError};
use crate::model::labelled::Labelled;
use crate::model::runtime::RuntimeError;
use crate::model::samples::Samples;
use crate::model::vote::{Ballot, Vote};
use crate::model::windows::{Cutter, Window};
use std::ops::Range;

/// What was predicted of one event.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Row in the data.
    pub row: usize,
    /// The truth.
    pub truth: Label,
    /// The label that won.
    pub label: Label,
    /// The vote.
    pub vote: Vote,
    /// What the causal engine says by itself.
    pub engine: Label,
}

/// Predictions over some parts.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// One an event whose truth is known.
    pub voted: Vec<Prediction>,
    /// Truth and prediction at every position of every window.
    pub unvoted: Vec<(Label, Label)>,
    /// Windows without an answer.
    pub failed: usize,
}

/// Predicts `parts` of `data`; `masked` columns are absent everywhere.
///
/// # Errors
/// [`LabelerError`] when ONNX Runtime cannot be used.
pub fn predict(
    labeler: &Labeler,
    data: &Labelled,
    parts: &[Range<usize>],
    masked: &[usize],
) -> Result<Predictions, LabelerError> {
    let spec = labeler.spec();
    let samples = Samples::new(data, &spec.vocabularies, &spec.labels, spec.window);
    let mut session = labeler.session()?;
    let mut found = Predictions::default();
    for part in parts {
        let mut cutter = Cutter::new(spec.window, labeler.stride(), spec.width());
        for row in samples.rows().get(part.clone()).unwrap_or_default() {
            let mut row = row.clone();
            for column in masked {
                if let Some(number) = row.get_mut(*column) {
                    *number = crate::model::features::ABSENT;
                }
            }
            cutter.push(row);
        }
        let mut windows: Vec<Window> = Vec::new();
        cutter.finish(&mut windows);
        let mut ballots: Vec<Ballot> = vec![Ballot::default(); part.len()];
        for batch in windows.chunks(labeler.batch()) {
            let answers = session.answer(batch);
            for (window, words) in batch.iter().zip(answers.words) {
                let Some(words) = words else {
                    found.failed += 1;
                    continue;
                };
                for (position, word) in words.into_iter().take(window.events).enumerate() {
                    let place = window.start as usize + position;
                    if let Some(ballot) = ballots.get_mut(place) {
                        ballot.add(word, position, spec.window);
                    }
                    if let Some(truth) = data.events.get(part.start + place).and_then(|event| event.label) {
                        found.unvoted.push((truth, spec.label(word.class)));
                    }
                }
            }
        }
        for (row, ballot) in part.clone().zip(ballots) {
            let event = data.events.get(row).and_then(|event| Some((event.label?, event.origin)));
            if let (Some((truth, origin)), Some(vote)) = (event, ballot.result()) {
                let engine = origin.unwrap_or(Label::UNKNOWN);
                found.voted.push(Prediction { row, truth, label: spec.label(vote.class), vote, engine });
            }
        }
    }
    if found.voted.is_empty() && found.failed > 0 {
        return Err(RuntimeError::Run("every window failed".to_owned()).into());
    }
    Ok(found)
}
