//! Detectors in the stream: sessions that are over to rows of `anomalies`. One set of detectors a worker.

use super::rows::{BlockRows, EndedSession};
use crate::lake::tables::AnomalyRow;
use crate::model::runtime::Device;
use crate::text::detect::card::KeyModel;
use crate::text::detect::detectors::{Detection, Detector};
use crate::text::detect::error::DetectError;
use crate::text::detect::judge::Finding;
use crate::text::detect::sequence::KeySequence;
use std::sync::Arc;

/// The detectors of one worker.
pub struct Detectors {
    model: Arc<KeyModel>,
    detectors: Vec<Detector>,
}

impl Detectors {
    /// Opens those that are wanted.
    pub fn open(detection: &Detection) -> Detectors {
        let detectors = Detector::chosen(&detection.model, Device::Auto, &detection.chosen);
        Detectors { model: Arc::clone(&detection.model), detectors }
    }

    /// The findings in sessions that are over, or were told as they stand; what was found when a session was told before is not found again.
    ///
    /// # Errors
    /// When a model cannot run.
    pub fn judge(&mut self, block: &BlockRows) -> Result<Vec<AnomalyRow>, DetectError> {
        let ended = &block.ended;
        let sequence = |ended: &EndedSession| KeySequence {
            id: ended.session_id.clone(),
            keys: ended.keys.clone(),
            closed: ended.closed,
            abnormal: None,
        };
        let sessions: Vec<KeySequence> = ended.iter().map(sequence).collect();
        let mut rows = Vec::new();
        for detector in &mut self.detectors {
            let name = detector.name();
            for ((session, keys), found) in ended.iter().zip(&sessions).zip(detector.judge(&sessions)?) {
                let new = found.iter().filter(|finding| !finding.is_of_beginning(session.told));
                rows.extend(new.map(|finding| row(name, finding, session, keys, &self.model, block)));
            }
        }
        Ok(rows)
    }
}

fn row(
    detector: &str,
    finding: &Finding,
    session: &EndedSession,
    keys: &KeySequence,
    model: &KeyModel,
    block: &BlockRows,
) -> AnomalyRow {
    let vocabulary = &model.card.vocabulary;
    let (source, offset, at) = session.lines.get(finding.position).cloned().unwrap_or_default();
    AnomalyRow {
        cluster: Arc::clone(&block.cluster),
        at,
        kind: format!("{detector}/{}", finding.kind.name()),
        score: finding.score,
        source,
        partition: block.partition,
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        item: 0,
        audit_id: String::new(),
        session_id: session.session_id.clone(),
        expected: finding.expected.iter().map(|token| vocabulary.key(*token).to_owned()).collect(),
        seen: finding.seen_in(keys, vocabulary).to_owned(),
    }
}
