//! Detectors in the stream: sessions that are over to rows of `anomalies`. One set of detectors a worker.

use super::rows::EndedSession;
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

    /// The rows of sessions that are over.
    ///
    /// # Errors
    /// When a model cannot run.
    pub fn judge(&mut self, ended: &[EndedSession], cluster: &Arc<str>) -> Result<Vec<AnomalyRow>, DetectError> {
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
            for (session, found) in ended.iter().zip(detector.judge(&sessions)?) {
                rows.extend(found.iter().map(|finding| row(name, finding, session, &self.model, cluster)));
            }
        }
        Ok(rows)
    }
}

fn row(detector: &str, finding: &Finding, session: &EndedSession, model: &KeyModel, cluster: &Arc<str>) -> AnomalyRow {
    let vocabulary = &model.card.vocabulary;
    let (source, offset, at) = session.lines.get(finding.position).cloned().unwrap_or_default();
    // An unseen key has no name in the vocabulary, but the line has one.
    let seen = match session.keys.get(finding.position) {
        Some(key) if vocabulary.token(key) == finding.seen => key.to_string(),
        _ => vocabulary.key(finding.seen).to_owned(),
    };
    AnomalyRow {
        cluster: Arc::clone(cluster),
        at,
        kind: format!("{detector}/{}", finding.kind.name()),
        score: finding.score,
        source,
        partition: 0,
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        item: 0,
        audit_id: String::new(),
        session_id: session.session_id.clone(),
        expected: finding.expected.iter().map(|token| vocabulary.key(*token).to_owned()).collect(),
        seen,
    }
}
