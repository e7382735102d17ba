//! What the detectors of values and of counts in time need of the lines before, kept where lines come in the order of the log.

use super::rows::BlockRows;
use crate::lake::tables::LineRow;
use crate::text::detect::detectors::Detection;
use crate::text::detect::open_windows::{OpenWindows, Place, Window};
use crate::text::detect::time_counts::TimeCounts;
use crate::text::detect::values::{Recent, ValueModels};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All that a checkpoint must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchState {
    recent: Recent,
    open: OpenWindows,
}

/// Gathers rows of values and windows of time for the detectors that judge them.
pub struct Watch {
    values: Option<Arc<ValueModels>>,
    counts: Option<Arc<TimeCounts>>,
    state: WatchState,
    complete: Vec<Window>,
}

impl Watch {
    /// Goes on from a checkpoint. State of models that are there no longer is let go.
    pub fn new(detection: &Detection, saved: WatchState) -> Watch {
        let (values, counts) = (detection.values.clone(), detection.counts.clone());
        let recent = values.as_ref().map(|_| saved.recent).unwrap_or_default();
        let open = counts.as_ref().map(|model| saved.open.of(model)).unwrap_or_default();
        Watch { values, counts, state: WatchState { recent, open }, complete: Vec::new() }
    }

    /// Looks at the line with this index in its block.
    pub fn line(&mut self, index: usize, line: &LineRow) {
        if let Some(models) = &self.values {
            self.state.recent.line(models, index, (&line.template, line.at), &line.parameters);
        }
        if let Some(model) = &self.counts {
            let place = Place { source: Arc::clone(&line.source), offset: line.offset, at: line.at };
            self.state.open.line(model, &line.template, &place, &mut self.complete);
        }
    }

    /// Ends a block.
    pub fn end_block(&mut self, rows: &mut BlockRows) {
        if let Some(models) = &self.values {
            rows.values = self.state.recent.end_block(models);
        }
        rows.windows.append(&mut self.complete);
    }

    /// What a checkpoint must hold.
    pub fn state(&self) -> &WatchState {
        &self.state
    }
}
