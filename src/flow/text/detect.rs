//! Detectors in the stream: sessions that are over, parameter values and windows of time to rows of `anomalies`. One set of detectors a
//! worker.

use super::rows::{BlockRows, EndedSession};
use crate::lake::tables::{AnomalyRow, LineRow};
use crate::model::runtime::Device;
use crate::text::detect::card::KeyModel;
use crate::text::detect::detectors::{Detection, Detector, KeyDetection};
use crate::text::detect::error::DetectError;
use crate::text::detect::judge::{Finding, Kind};
use crate::text::detect::open_windows::UnusualCounts;
use crate::text::detect::sequence::KeySequence;
use crate::text::detect::time_counts::TimeCounts;
use crate::text::detect::values::{ValueFinding, ValueModels};
use std::sync::Arc;

/// The detectors of one worker.
pub struct Detectors {
    keys: Option<(Arc<KeyModel>, Vec<Detector>)>,
    values: Option<Arc<ValueModels>>,
    counts: Option<Arc<TimeCounts>>,
}

impl Detectors {
    /// Opens those that are wanted.
    pub fn open(detection: &Detection) -> Detectors {
        let Detection { keys, values, counts } = detection.clone();
        let open = |KeyDetection { model, chosen }| {
            let detectors = Detector::chosen(&model, Device::Auto, &chosen);
            (model, detectors)
        };
        Detectors { keys: keys.map(open), values, counts }
    }

    /// The findings in a block.
    ///
    /// # Errors
    /// When a model cannot run.
    pub fn judge(&mut self, block: &BlockRows) -> Result<Vec<AnomalyRow>, DetectError> {
        let mut rows = self.sessions(block)?;
        if let Some(models) = &self.values {
            let found = block.values.iter().flat_map(|of_key| models.judge(of_key));
            rows.extend(found.filter_map(|(line, found)| Some(value_row(found, block.lines.get(line)?, block))));
        }
        if let Some(model) = &self.counts {
            let found = block.windows.iter().filter_map(|window| model.judge_window(window));
            rows.extend(found.map(|found| counts_row(found, block)));
        }
        Ok(rows)
    }

    /// The findings in sessions that are over, or were told as they stand; what was found when a session was told before is not found again.
    fn sessions(&mut self, block: &BlockRows) -> Result<Vec<AnomalyRow>, DetectError> {
        let Some((model, detectors)) = &mut self.keys else { return Ok(Vec::new()) };
        let ended = &block.ended;
        let sequence = |ended: &EndedSession| KeySequence {
            id: ended.session_id.clone(),
            keys: ended.keys.clone(),
            closed: ended.closed,
            abnormal: None,
        };
        let sessions: Vec<KeySequence> = ended.iter().map(sequence).collect();
        let mut rows = Vec::new();
        for detector in detectors {
            let name = detector.name();
            for ((session, keys), found) in ended.iter().zip(&sessions).zip(detector.judge(&sessions)?) {
                let new = found.iter().filter(|finding| !finding.is_of_beginning(session.told));
                rows.extend(new.map(|finding| row(name, finding, session, keys, model, block)));
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

/// Column 0 is the elapsed time, the parameters follow.
fn value_row(found: ValueFinding, line: &LineRow, block: &BlockRows) -> AnomalyRow {
    let seen = match found.column {
        0 => format!("elapsed: {} s", found.seen),
        parameter => format!("parameter {parameter}: {}", found.seen),
    };
    AnomalyRow {
        cluster: Arc::clone(&block.cluster),
        at: line.at,
        kind: format!("values/{}", found.kind.name()),
        score: found.score as f32,
        source: Arc::clone(&line.source),
        partition: block.partition,
        offset: i64::try_from(line.offset).unwrap_or(i64::MAX),
        item: 0,
        audit_id: String::new(),
        session_id: line.session_id.clone(),
        expected: vec![found.expected],
        seen,
    }
}

/// Each key with its count in the window.
fn counts_row(found: UnusualCounts, block: &BlockRows) -> AnomalyRow {
    let mut keys = found.keys.into_iter().map(|(key, lines)| format!("{lines} × {key}"));
    AnomalyRow {
        cluster: Arc::clone(&block.cluster),
        at: found.place.at,
        kind: format!("counts/{}", Kind::UnusualCounts.name()),
        score: found.score as f32,
        source: found.place.source,
        partition: block.partition,
        offset: i64::try_from(found.place.offset).unwrap_or(i64::MAX),
        item: 0,
        audit_id: String::new(),
        session_id: String::new(),
        seen: keys.next().unwrap_or_default(),
        expected: keys.collect(),
    }
}
