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
    1.0 / (1.0 + exp(-x))
}

fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Sigmoid of each value.
fn sigmoids(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = sigmoid(*value));
}

/// eˣ within 2·10⁻⁷ of its value. Plain arithmetic, so that the compiler computes several at once, which a call of the library's function
/// would prevent: gates are most of the work beside matrix products.
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding and subtracting it rounds to a whole number
    let x = x.clamp(-87.0, 88.0);
    let whole = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4; // ln 2 in two parts
    let mut power = 1.987_569_1e-4;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        power = power * rest + factor;
    }
    let power = power * rest * rest + rest + 1.0;
    power * f32::from_bits((((whole as i32) + 127) as u32) << 23)
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
            pre.columns_mut(from, batch).gemm(1.0, &self.r, &out_before.columns(from, batch), 1.0);
            let mut next = DMatrix::<f32>::zeros(h, batch);
            for sample in 0..batch {
                let column = from + sample;
                let mut gates = pre.column_mut(column);
                gates += &self.b;
                let (io, fg) = gates.as_mut_slice().split_at_mut(2 * h);
                let ((i, o), (f, g)) = (io.split_at_mut(h), fg.split_at_mut(h));
                sigmoids(i);
                sigmoids(o);
                sigmoids(f);
                g.iter_mut().for_each(|g| *g = tanh(*g));
                let gates = i.iter().zip(&*o).zip(f.iter().zip(&*g));
                let (mut tanhs, mut outs) = (cell_tanh.column_mut(column), out.column_mut(column));
                let (before, mut next) = (cell_before.column(column), next.column_mut(sample));
                let kept = tanhs.as_mut_slice().iter_mut().zip(outs.as_mut_slice());
                let cells = before.as_slice().iter().zip(next.as_mut_slice());
                for ((((i, o), (f, g)), (tanh_cell, out)), (before, next)) in gates.zip(kept).zip(cells) {
                    *next = f * before + i * g;
                    *tanh_cell = tanh(*next);
                    *out = o * *tanh_cell;
                }
            }
            if step + 1 < steps {
                cell_before.columns_mut(from + batch, batch).copy_from(&next);
                out_before.columns_mut(from + batch, batch).copy_from(&out.columns(from, batch));
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
                let (gates, mut dpre) = (trace.gates.column(column), dpre.column_mut(column));
                let (io, fg) = gates.as_slice().split_at(2 * h);
                let ((i, o), (f, g)) = (io.split_at(h), fg.split_at(h));
                let (dio, dfg) = dpre.as_mut_slice().split_at_mut(2 * h);
                let ((di, d_o), (df, dg)) = (dio.split_at_mut(h), dfg.split_at_mut(h));
                let (tanhs, before, dout) =
                    (trace.cell_tanh.column(column), trace.cell_before.column(column), dout.column(column));
                let mut dcell = dcell.column_mut(sample);
                let gates = i.iter().zip(o).zip(f.iter().zip(g));
                let kept = tanhs.as_slice().iter().zip(before.as_slice()).zip(dout.as_slice());
                let changes = di.iter_mut().zip(d_o).zip(df.iter_mut().zip(dg)).zip(dcell.as_mut_slice());
                for ((((i, o), (f, g)), ((tanh, before), d)), (((di, d_o), (df, dg)), dcell)) in
                    gates.zip(kept).zip(changes)
                {
                    let dc = *dcell + d * o * (1.0 - tanh * tanh);
                    *di = dc * g * i * (1.0 - i);
                    *d_o = d * tanh * o * (1.0 - o);
                    *df = dc * before * f * (1.0 - f);
                    *dg = dc * i * (1.0 - g * g);
                    *dcell = dc * f;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close() {
        for x in (-870..880).map(|x| x as f32 / 10.0) {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-6, "{x}");
        }
        assert!((0..400).map(|x| x as f32 / 10.0 - 20.0).all(|x| (tanh(x) - x.tanh()).abs() < 1e-6));
        assert!(exp(-1e30) >= 0.0 && exp(1e30).is_finite() && sigmoid(-1e30) >= 0.0 && tanh(1e30) == 1.0);
    }
}
