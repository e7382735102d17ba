//! An LSTM layer as nodes of a graph.

use super::{Attribute, Graph};

/// Parameters of an LSTM layer over a tensor `[steps, batch, inputs]`.
///
/// Gates stand in ONNX's order: input, output, forget, cell. With two directions the forward one comes first.
#[derive(Copy, Clone, Debug)]
pub struct Lstm<'a> {
    /// Prefix of the names of the layer's constants.
    pub name: &'a str,
    /// Width of the input.
    pub inputs: usize,
    /// Units a direction.
    pub hidden: usize,
    /// Forwards and backwards.
    pub bidirectional: bool,
    /// Weights of the input, `[directions, 4 × hidden, inputs]`.
    pub weights: &'a [f32],
    /// Weights of the state, `[directions, 4 × hidden, hidden]`.
    pub recurrent: &'a [f32],
    /// Biases of input and state, `[directions, 8 × hidden]`.
    pub bias: &'a [f32],
}

impl Lstm<'_> {
    /// Adds the layer: `x [steps, batch, inputs]` to `y [steps, batch, directions × hidden]`.
    pub fn sequence(&self, graph: &mut Graph, x: &str, y: &str) {
        let by_direction = self.named("y");
        self.layer(graph, x, &by_direction, "");
        let (together, shape) = (self.named("together"), self.named("shape"));
        graph.node("Transpose", &[&by_direction], &[&together], &[("perm", Attribute::Ints(&[0, 2, 1, 3]))]);
        graph.ints(&shape, &[0, 0, (self.directions() * self.hidden) as i64]);
        graph.node("Reshape", &[&together, &shape], &[y], &[]);
    }

    /// Adds the layer: `x [steps, batch, inputs]` to the state after the last step, `y [batch, hidden]`; one direction only.
    pub fn last_state(&self, graph: &mut Graph, x: &str, y: &str) {
        debug_assert!(!self.bidirectional);
        let (state, axis) = (self.named("state"), self.named("axis"));
        self.layer(graph, x, "", &state);
        graph.ints(&axis, &[0]);
        graph.node("Squeeze", &[&state, &axis], &[y], &[]);
    }

    fn layer(&self, graph: &mut Graph, x: &str, all: &str, last: &str) {
        let (directions, gates) = (self.directions(), 4 * self.hidden);
        let [weights, recurrent, bias] = ["weights", "recurrent", "bias"].map(|part| self.named(part));
        graph.floats(&weights, &[directions, gates, self.inputs], self.weights);
        graph.floats(&recurrent, &[directions, gates, self.hidden], self.recurrent);
        graph.floats(&bias, &[directions, 2 * gates], self.bias);
        let direction = if self.bidirectional { "bidirectional" } else { "forward" };
        let attributes =
            [("hidden_size", Attribute::Int(self.hidden as i64)), ("direction", Attribute::Text(direction))];
        let outputs = if last.is_empty() { &[all][..] } else { &[all, last][..] };
        graph.node("LSTM", &[x, &weights, &recurrent, &bias], outputs, &attributes);
    }

    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    fn named(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }
}
