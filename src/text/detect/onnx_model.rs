//! A model file on ONNX Runtime as a model of the next key.

use super::error::DetectError;
use super::next_key::NextKey;
use super::windows::{WindowStyle, Windows};
use crate::model::runtime::Model;

/// Windows a call of the runtime: the best size on a processor for a network as small as this.
pub const BATCH_WINDOWS: usize = 64;

/// A session of the runtime with what it must know of its windows.
pub struct OnnxNextKey {
    model: Model,
    history: usize,
    style: WindowStyle,
    width: usize,
    ids: Vec<i64>,
}

impl OnnxNextKey {
    /// Wraps a session whose input is a window of `style` with `history` keys, and whose output a row of `width`.
    pub fn new(model: Model, history: usize, style: WindowStyle, width: usize) -> OnnxNextKey {
        OnnxNextKey { model, history, style, width, ids: Vec::new() }
    }
}

impl NextKey for OnnxNextKey {
    fn history(&self) -> usize {
        self.history
    }

    fn style(&self) -> WindowStyle {
        self.style
    }

    fn width(&self) -> usize {
        self.width
    }

    fn probabilities(&mut self, windows: &Windows, rows: &mut Vec<f32>) -> Result<(), DetectError> {
        let window = windows.width();
        // The runtime would fail the whole batch on a token beyond the table.
        let most = self.width.saturating_sub(1) as i64;
        for batch in windows.tokens().chunks(window * BATCH_WINDOWS) {
            self.ids.clear();
            self.ids.extend(batch.iter().map(|token| i64::from(token.0).min(most)));
            let output = self.model.run(&[batch.len() / window, window], &self.ids);
            let output = output.map_err(|error| DetectError::Run(error.to_string()))?;
            if output.values.len() != batch.len() / window * self.width {
                let detail = format!("its output has the shape {:?}; train it again", output.shape);
                return Err(DetectError::Run(detail));
            }
            rows.extend_from_slice(&output.values);
        }
        Ok(())
    }
}
