//! A next-key network back from its ONNX file, so that learning can go on from its weights; the reverse of [`super::export`].

use super::card::Card;
use super::error::DetectError;
use super::network::NextKeyNetwork;
use crate::model::lstm::{Dense, Lstm, Network};
use crate::model::onnx::{Constant, constants};
use nalgebra::{DMatrix, DVector};
use std::collections::BTreeMap;

/// Bias of a key that a network has not learnt yet: it is the last one to be expected anywhere.
const NEVER: f32 = -10.0;

/// The network of a model file.
///
/// # Errors
/// When the bytes are no file that [`super::export::to_onnx`] wrote for this card.
pub fn of_onnx(bytes: &[u8], card: &Card) -> Result<NextKeyNetwork, DetectError> {
    let mut constants = constants(bytes).map_err(|error| DetectError::Run(error.to_string()))?;
    let width = card.vocabulary.width();
    let mut network = Network { lstm: Vec::new(), dense: Vec::new(), dropout: 0.0 };
    while let Some(layer) = lstm(&mut constants, network.lstm.len()) {
        network.lstm.push(layer);
    }
    while let Some(layer) = dense(&mut constants, network.dense.len()) {
        network.dense.push(layer);
    }
    if let Some(last) = network.dense.last_mut() {
        last.relu = false;
    }
    let inputs = network.lstm.first().map(|layer| layer.w.ncols());
    let outputs = network.dense.last().map(|layer| layer.w.nrows());
    if (inputs, outputs) != (Some(width), Some(width)) {
        let detail = "its network and its vocabulary do not fit together; train it again".to_owned();
        return Err(DetectError::Run(detail));
    }
    Ok(NextKeyNetwork { network, history: card.history, style: card.style, width })
}

/// A matrix whose constant has these dimensions at its end.
fn matrix(constant: Constant) -> Option<DMatrix<f32>> {
    let [.., rows, columns] = constant.shape.as_slice() else { return None };
    (rows * columns == constant.values.len()).then(|| DMatrix::from_row_slice(*rows, *columns, &constant.values))
}

fn lstm(constants: &mut BTreeMap<String, Constant>, index: usize) -> Option<Lstm> {
    let mut take = |part: &str| constants.remove(&format!("lstm{index}.{part}"));
    let (w, r, b) = (matrix(take("w")?)?, matrix(take("r")?)?, take("b")?);
    // Behind the biases stand those of the recurrent part, which are 0.
    let b = DVector::from_column_slice(b.values.get(..w.nrows())?);
    Some(Lstm { w, r, b })
}

fn dense(constants: &mut BTreeMap<String, Constant>, index: usize) -> Option<Dense> {
    let mut take = |part: &str| constants.remove(&format!("dense{index}.{part}"));
    let (w, b) = (matrix(take("w")?)?.transpose(), take("b")?);
    Some(Dense { b: DVector::from_column_slice(&b.values), w, relu: true })
}

/// Makes room for a vocabulary of `width`: new keys say nothing as input, and are expected nowhere.
pub fn widen(model: &mut NextKeyNetwork, width: usize) {
    if width <= model.width {
        return;
    }
    if let Some(first) = model.network.lstm.first_mut() {
        first.w = std::mem::take(&mut first.w).resize_horizontally(width, 0.0);
    }
    if let Some(last) = model.network.dense.last_mut() {
        last.w = std::mem::take(&mut last.w).resize_vertically(width, 0.0);
        last.b = std::mem::take(&mut last.b).resize_vertically(width, NEVER);
    }
    model.width = width;
}

#[cfg(test)]
mod tests {
    use super::super::export::to_onnx;
    use super::super::fixture::trained;
    use super::*;

    #[test]
    fn what_is_exported_comes_back() {
        let trained = trained();
        let network = trained.network.unwrap();
        let mut card = trained.model.card;
        let mut back = of_onnx(&to_onnx(&network, &[]), &card).unwrap();
        assert_eq!(back, network);
        card.vocabulary = card.vocabulary.with(["x".into(), "y".into()]);
        assert!(of_onnx(&to_onnx(&network, &[]), &card).is_err(), "another vocabulary");
        widen(&mut back, card.vocabulary.width());
        assert_eq!(of_onnx(&to_onnx(&back, &[]), &card).unwrap(), back);
    }
}
