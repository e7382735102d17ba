//! One LSTM layer: forward over all steps, and backward through time.

use nalgebra::{DMatrix, DVector};

/// Weights of an LSTM layer. Rows stand in blocks of `hidden`: input, output, forget, cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Lstm {
    /// Input weights, 4·hidden × inputs.
    pub w: DMatrix<f32>,
    /// Recurrent weights, 4·hidden × hidden.
    pub r: DMatrix<f32>,
    /// Biases, 4·hidden.
    pub b: DVector<f32>,
}

/// What the forward pass leaves for the backward pass.
pub(super) struct Trace {
    /// Gates after their functions, 4·hidden × steps·batch.
    gates: DMatrix<f32>,
    /// tanh of the cells, hidden × steps·batch.
    cell_tanh: DMatrix<f32>,
    /// Cells before each step; the first ones are 0.
    cell_before: DMatrix<f32>,
    /// Outputs before each step; the first ones are 0.
    out_before: DMatrix<f32>,
    /// Outputs, hidden × steps·batch.
    pub out: DMatrix<f32>,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Lstm {
    /// Units.
    pub fn hidden(&self) -> usize {
        self.r.ncols()
    }

    /// Runs over `steps` of `batch` samples; `pre` is W·x of all of them, a column each.
    pub(super) fn forward(&self, mut pre: DMatrix<f32>, steps: usize, batch: usize) -> Trace {
        let (h, n) = (self.hidden(), steps * batch);
        let zeros = || DMatrix::<f32>::zeros(h, n);
        let (mut out, mut cell_tanh, mut cell_before, mut out_before) = (zeros(), zeros(), zeros(), zeros());
        for step in 0..steps {
            let from = step * batch;
            let before = out_before.columns(from, batch);
            let mut gates = pre.columns_mut(from, batch);
            gates.gemm(1.0, &self.r, &before, 1.0);
            for column in from..from + batch {
                let mut gates = pre.column_mut(column);
                gates += &self.b;
                let mut next = Vec::with_capacity(h);
                for unit in 0..h {
                    let i = sigmoid(gates[unit]);
                    let o = sigmoid(gates[h + unit]);
                    let f = sigmoid(gates[2 * h + unit]);
                    let g = gates[3 * h + unit].tanh();
                    (gates[unit], gates[h + unit], gates[2 * h + unit], gates[3 * h + unit]) = (i, o, f, g);
                    let cell = f * cell_before[(unit, column)] + i * g;
                    let tanh = cell.tanh();
                    cell_tanh[(unit, column)] = tanh;
                    out[(unit, column)] = o * tanh;
                    next.push(cell);
                }
                if step + 1 < steps {
                    cell_before.column_mut(column + batch).copy_from_slice(&next);
                    let output = out.column(column).clone_owned();
                    out_before.set_column(column + batch, &output);
                }
            }
        }
        Trace { gates: pre, cell_tanh, cell_before, out_before, out }
    }

    /// From the loss's gradient in the outputs to that in W·x + R·h + b of each step. Overwrites `dout`.
    pub(super) fn backward(&self, trace: &Trace, dout: &mut DMatrix<f32>, steps: usize, batch: usize) -> DMatrix<f32> {
        let h = self.hidden();
        let recurrent = self.r.transpose();
        let mut dpre = DMatrix::<f32>::zeros(4 * h, steps * batch);
        let mut dcell = DMatrix::<f32>::zeros(h, batch);
        for step in (0..steps).rev() {
            let from = step * batch;
            for sample in 0..batch {
                let column = from + sample;
                let gates = trace.gates.column(column);
                let mut dpre = dpre.column_mut(column);
                for unit in 0..h {
                    let (i, o, f, g) = (gates[unit], gates[h + unit], gates[2 * h + unit], gates[3 * h + unit]);
                    let (tanh, d) = (trace.cell_tanh[(unit, column)], dout[(unit, column)]);
                    let dc = dcell[(unit, sample)] + d * o * (1.0 - tanh * tanh);
                    dpre[unit] = dc * g * i * (1.0 - i);
                    dpre[h + unit] = d * tanh * o * (1.0 - o);
                    dpre[2 * h + unit] = dc * trace.cell_before[(unit, column)] * f * (1.0 - f);
                    dpre[3 * h + unit] = dc * i * (1.0 - g * g);
                    dcell[(unit, sample)] = dc * f;
                }
            }
            if step > 0 {
                dout.columns_mut(from - batch, batch).gemm(1.0, &recurrent, &dpre.columns(from, batch), 1.0);
            }
        }
        dpre
    }

    /// Gradients in the recurrent weights and the biases.
    pub(super) fn recurrent_gradient(&self, trace: &Trace, dpre: &DMatrix<f32>) -> (DMatrix<f32>, DVector<f32>) {
        (dpre * trace.out_before.transpose(), dpre.column_sum())
    }
}
