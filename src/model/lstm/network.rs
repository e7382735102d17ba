//! The whole network: shape, weights, forward and backward.

use super::dense::Dense;
use super::layer::{Lstm, Trace};
use super::loss::softmax;
use nalgebra::{DMatrix, DVector};
use rand::Rng;
use rand::rngs::StdRng;

/// The shape of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Size of one step's input: the number of tokens, or of values.
    pub inputs: usize,
    /// Units of each LSTM layer.
    pub lstm: Vec<usize>,
    /// Units of each dense layer with ReLU.
    pub dense: Vec<usize>,
    /// Outputs.
    pub outputs: usize,
    /// Share of the last LSTM outputs that training leaves out, 0 to 1.
    pub dropout: f32,
}

/// Input of a batch, step by step: all samples of the first step, then those of the second.
#[derive(Clone, Debug)]
pub enum Input {
    /// A token a step, seen as a vector with a single 1.
    Tokens(Vec<u32>),
    /// A column of values a step.
    Values(DMatrix<f32>),
}

/// Weights. As gradients, the same struct holds the derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// LSTM layers, the first one nearest to the input.
    pub lstm: Vec<Lstm>,
    /// Dense layers.
    pub dense: Vec<Dense>,
    /// Dropout of the shape.
    pub dropout: f32,
}

/// What the forward pass leaves for the backward pass.
pub(super) struct Pass {
    traces: Vec<Trace>,
    /// Inputs of the dense layers, then the output.
    dense: Vec<DMatrix<f32>>,
    mask: Option<DMatrix<f32>>,
}

impl Pass {
    /// The outputs, a column a sample.
    pub(super) fn take_output(&mut self) -> DMatrix<f32> {
        self.dense.last().cloned().unwrap_or_else(|| DMatrix::zeros(0, 0))
    }
}

impl Network {
    /// Random weights: uniform within ±√(6 / (inputs + outputs)); biases 0, those of forget gates 1.
    pub fn new(shape: &Shape, random: &mut StdRng) -> Network {
        let mut uniform = |rows: usize, columns: usize| {
            let limit = (6.0 / (rows + columns).max(1) as f32).sqrt();
            DMatrix::from_fn(rows, columns, |_, _| random.random_range(-limit..limit))
        };
        let mut inputs = shape.inputs;
        let mut lstm = Vec::new();
        for units in shape.lstm.iter().copied() {
            let b = DVector::from_fn(4 * units, |row, _| if (2 * units..3 * units).contains(&row) { 1.0 } else { 0.0 });
            lstm.push(Lstm { w: uniform(4 * units, inputs), r: uniform(4 * units, units), b });
            inputs = units;
        }
        let mut dense = Vec::new();
        for units in shape.dense.iter().copied() {
            dense.push(Dense { w: uniform(units, inputs), b: DVector::zeros(units), relu: true });
            inputs = units;
        }
        dense.push(Dense { w: uniform(shape.outputs, inputs), b: DVector::zeros(shape.outputs), relu: false });
        Network { lstm, dense, dropout: shape.dropout }
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.slices().iter().map(|slice| slice.len()).sum()
    }

    /// The outputs for a batch, a column a sample. For logits, see [`Network::probabilities`].
    pub fn predict(&self, input: &Input, steps: usize) -> DMatrix<f32> {
        self.forward(input, steps, None).take_output()
    }

    /// Softmax of the outputs, a column a sample.
    pub fn probabilities(&self, input: &Input, steps: usize) -> DMatrix<f32> {
        let mut output = self.predict(input, steps);
        softmax(&mut output);
        output
    }

    /// Forward pass; with a random source, dropout is on.
    pub(super) fn forward(&self, input: &Input, steps: usize, random: Option<&mut StdRng>) -> Pass {
        let columns = input.columns();
        let batch = columns / steps.max(1);
        let mut traces: Vec<Trace> = Vec::new();
        for layer in &self.lstm {
            let pre = match traces.last() {
                Some(below) => &layer.w * &below.out,
                None => input.times(&layer.w),
            };
            traces.push(layer.forward(pre, steps, batch));
        }
        let mut last = match traces.last() {
            Some(trace) => trace.out.columns(columns - batch, batch).clone_owned(),
            None => DMatrix::zeros(0, batch),
        };
        let mask = random.filter(|_| self.dropout > 0.0).map(|random| {
            let keep = 1.0 - self.dropout;
            DMatrix::from_fn(last.nrows(), batch, |_, _| if random.random::<f32>() < keep { 1.0 / keep } else { 0.0 })
        });
        if let Some(mask) = &mask {
            last.component_mul_assign(mask);
        }
        let mut dense = vec![last];
        for layer in &self.dense {
            let next = dense.last().map(|x| layer.forward(x));
            dense.extend(next);
        }
        Pass { traces, dense, mask }
    }

    /// Gradients of the weights from the gradient in the outputs.
    pub(super) fn backward(&self, input: &Input, pass: &Pass, doutput: DMatrix<f32>, steps: usize) -> Network {
        let batch = doutput.ncols();
        let mut gradient = Network { lstm: Vec::new(), dense: Vec::new(), dropout: self.dropout };
        let mut d = doutput;
        for (index, layer) in self.dense.iter().enumerate().rev() {
            let (Some(x), Some(y)) = (pass.dense.get(index), pass.dense.get(index + 1)) else { continue };
            let (weights, dx) = layer.backward(x, y, d);
            gradient.dense.push(weights);
            d = dx;
        }
        if let Some(mask) = &pass.mask {
            d.component_mul_assign(mask);
        }
        // The loss sees the last step only; lower layers get a gradient at every step.
        let mut dout = DMatrix::zeros(d.nrows(), steps * batch);
        dout.columns_mut((steps - 1) * batch, batch).copy_from(&d);
        for (index, (layer, trace)) in self.lstm.iter().zip(&pass.traces).enumerate().rev() {
            let dpre = layer.backward(trace, &mut dout, steps, batch);
            let (r, b) = layer.recurrent_gradient(trace, &dpre);
            let w = match index.checked_sub(1).and_then(|below| pass.traces.get(below)) {
                Some(below) => {
                    dout = layer.w.transpose() * &dpre;
                    &dpre * below.out.transpose()
                }
                None => input.gradient(&dpre, layer.w.ncols()),
            };
            gradient.lstm.push(Lstm { w, r, b });
        }
        gradient.dense.reverse();
        gradient.lstm.reverse();
        gradient
    }

    /// All weights, in a fixed order.
    pub(super) fn slices(&self) -> Vec<&[f32]> {
        let lstm = self.lstm.iter().flat_map(|layer| [layer.w.as_slice(), layer.r.as_slice(), layer.b.as_slice()]);
        lstm.chain(self.dense.iter().flat_map(|layer| [layer.w.as_slice(), layer.b.as_slice()])).collect()
    }

    /// All weights, in the same order, to be changed.
    pub(super) fn slices_mut(&mut self) -> Vec<&mut [f32]> {
        let lstm = self.lstm.iter_mut().flat_map(|l| [l.w.as_mut_slice(), l.r.as_mut_slice(), l.b.as_mut_slice()]);
        lstm.chain(self.dense.iter_mut().flat_map(|l| [l.w.as_mut_slice(), l.b.as_mut_slice()])).collect()
    }

    /// Adds another's weights, of the same shape.
    pub(super) fn add(&mut self, other: &Network) {
        for (mine, theirs) in self.slices_mut().into_iter().zip(other.slices()) {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }
}

impl Input {
    /// Steps times samples.
    pub(super) fn columns(&self) -> usize {
        match self {
            Input::Tokens(tokens) => tokens.len(),
            Input::Values(values) => values.ncols(),
        }
    }

    /// W times the input. A token picks a column of W; one beyond it counts as nothing.
    fn times(&self, w: &DMatrix<f32>) -> DMatrix<f32> {
        match self {
            Input::Values(values) => w * values,
            Input::Tokens(tokens) => {
                let mut product = DMatrix::zeros(w.nrows(), tokens.len());
                for (mut column, token) in product.column_iter_mut().zip(tokens) {
                    if (*token as usize) < w.ncols() {
                        column.copy_from(&w.column(*token as usize));
                    }
                }
                product
            }
        }
    }

    /// Gradient in W.
    fn gradient(&self, dpre: &DMatrix<f32>, inputs: usize) -> DMatrix<f32> {
        match self {
            Input::Values(values) => dpre * values.transpose(),
            Input::Tokens(tokens) => {
                let mut gradient = DMatrix::zeros(dpre.nrows(), inputs);
                for (column, token) in dpre.column_iter().zip(tokens) {
                    if (*token as usize) < inputs {
                        let mut sum = gradient.column_mut(*token as usize);
                        sum += column;
                    }
                }
                gradient
            }
        }
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
