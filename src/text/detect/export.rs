//! The network as an ONNX graph.
//!
//! ```text
//! keys [batch, window] ─┬─▶ one-hot [window, batch, width] ─▶ LSTM ─▶ LSTM ─▶ last state ─▶ dense … ─▶ softmax ─▶ probabilities [batch, width]
//!                       └─▶ lengths: tokens that are no padding ─▶ (both LSTMs stop there)
//! ```
//! Padding stands at the end of a window and the lengths keep the LSTMs from stepping over it, so it is masked exactly. In
//! [`WindowStyle::Seed004`] there are no lengths: the original's network sees its padding.

use super::network::NextKeyNetwork;
use super::windows::WindowStyle;
use crate::model::lstm::{Dense, Lstm};
use crate::model::onnx::{Attribute, Dim, Element, Graph};
use nalgebra::DMatrix;

/// Type code of 32-bit integers, which is what lengths must be.
const INT32: i64 = 6;

/// The bytes of a model file with this metadata.
pub fn to_onnx(model: &NextKeyNetwork, metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut graph = Graph::new("next key");
    let window = model.style.input_len(model.history);
    graph.input("keys", Element::I64, &[Dim::Named("batch"), Dim::Fixed(window)]);
    let lengths = if model.style == WindowStyle::EveryPosition { lengths(&mut graph) } else { "" };
    let identity = DMatrix::<f32>::identity(model.width, model.width);
    graph.floats("identity", &[model.width, model.width], identity.as_slice());
    graph.node("Transpose", &["keys"], &["steps"], &[("perm", Attribute::Ints(&[1, 0]))]);
    graph.node("Gather", &["identity", "steps"], &["lstm0.x"], &[("axis", Attribute::Int(0))]);
    let last = model.network.lstm.len().saturating_sub(1);
    for (index, layer) in model.network.lstm.iter().enumerate() {
        lstm(&mut graph, index, layer, lengths, index == last);
    }
    for (index, layer) in model.network.dense.iter().enumerate() {
        dense(&mut graph, index, layer);
    }
    let logits = format!("dense{}.x", model.network.dense.len());
    graph.node("Softmax", &[&logits], &["probabilities"], &[("axis", Attribute::Int(-1))]);
    graph.output("probabilities", Element::F32, &[Dim::Named("batch"), Dim::Fixed(model.width)]);
    graph.finish(metadata)
}

/// Adds the count of tokens that are no padding, a number a window.
fn lengths(graph: &mut Graph) -> &'static str {
    graph.ints("pad", &[0]);
    graph.ints("window axis", &[1]);
    graph.node("Equal", &["keys", "pad"], &["is pad"], &[]);
    graph.node("Not", &["is pad"], &["is key"], &[]);
    graph.node("Cast", &["is key"], &["ones"], &[("to", Attribute::Int(INT32))]);
    graph.node("ReduceSum", &["ones", "window axis"], &["lengths"], &[("keepdims", Attribute::Int(0))]);
    "lengths"
}

/// Adds a layer: `lstmN.x` to `lstmN+1.x`, or the last state to `dense0.x`.
fn lstm(graph: &mut Graph, index: usize, layer: &Lstm, lengths: &str, last: bool) {
    let name = |part: &str| format!("lstm{index}.{part}");
    let (hidden, gates) = (layer.hidden(), 4 * layer.hidden());
    graph.floats(&name("w"), &[1, gates, layer.w.ncols()], &row_by_row(&layer.w));
    graph.floats(&name("r"), &[1, gates, hidden], &row_by_row(&layer.r));
    let biases: Vec<f32> = layer.b.iter().copied().chain(std::iter::repeat_n(0.0, gates)).collect();
    graph.floats(&name("b"), &[1, 2 * gates], &biases);
    let (all, state) = (name("all"), name("state"));
    let outputs = if last { ["", state.as_str()] } else { [all.as_str(), ""] };
    let inputs = [name("x"), name("w"), name("r"), name("b"), lengths.to_owned()];
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).filter(|input| !input.is_empty()).collect();
    let outputs = if last { &outputs[..] } else { &outputs[..1] };
    graph.node("LSTM", &inputs, outputs, &[("hidden_size", Attribute::Int(hidden as i64))]);
    let (squeezed, axis) = if last { (state, 0) } else { (all, 1) };
    graph.ints(&name("axis"), &[axis]);
    let next = if last { "dense0.x".to_owned() } else { format!("lstm{}.x", index + 1) };
    graph.node("Squeeze", &[&squeezed, &name("axis")], &[&next], &[]);
}

/// Adds a layer: `denseN.x` to `denseN+1.x`.
fn dense(graph: &mut Graph, index: usize, layer: &Dense) {
    let name = |part: &str| format!("dense{index}.{part}");
    let next = format!("dense{}.x", index + 1);
    // Column by column is row by row of the transposed matrix, which is what the product wants.
    graph.floats(&name("w"), &[layer.w.ncols(), layer.w.nrows()], layer.w.as_slice());
    graph.floats(&name("b"), &[layer.b.len()], layer.b.as_slice());
    let sum = if layer.relu { name("sum") } else { next.clone() };
    graph.node("Gemm", &[&name("x"), &name("w"), &name("b")], &[&sum], &[]);
    if layer.relu {
        graph.node("Relu", &[&sum], &[&next], &[]);
    }
}

fn row_by_row(matrix: &DMatrix<f32>) -> Vec<f32> {
    matrix.transpose().as_slice().to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::next_key::NextKey;
    use super::super::onnx_model::OnnxNextKey;
    use super::super::vocabulary::Token;
    use super::super::windows::Windows;
    use super::*;
    use crate::model::lstm::{Network, Shape};
    use crate::model::runtime::{Device, Runtime};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn onnx_runtime_gives_what_the_trainer_gives() {
        let runtime = match Runtime::get() {
            Ok(runtime) => runtime,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        for (style, dense) in [(WindowStyle::EveryPosition, vec![]), (WindowStyle::Seed004, vec![16, 8])] {
            let shape = Shape { inputs: 9, lstm: vec![12, 7], dense, outputs: 9, dropout: 0.0 };
            let network = Network::new(&shape, &mut StdRng::seed_from_u64(5));
            let mut ours = NextKeyNetwork { network, history: 6, style, width: 9 };
            let mut theirs = OnnxNextKey::new(runtime.model(&to_onnx(&ours, &[]), Device::Cpu).unwrap(), 6, style, 9);
            let mut windows = Windows::new(style, 6);
            for length in 1..150 {
                let session: Vec<Token> = (0..length % 17 + 1).map(|n| Token(3 + (n * length + n) % 6)).collect();
                windows.push_session(&session);
            }
            let (mut a, mut b) = (Vec::new(), Vec::new());
            ours.probabilities(&windows, &mut a).unwrap();
            theirs.probabilities(&windows, &mut b).unwrap();
            assert_eq!((a.len(), windows.len() * 9), (b.len(), a.len()));
            let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{style:?}: probabilities differ by {worst}");
        }
    }
}
