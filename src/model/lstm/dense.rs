//! A dense layer, with or without ReLU.

use nalgebra::{DMatrix, DVector};

/// y = W x + b, then max(y, 0) where `relu`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Weights, outputs × inputs.
    pub w: DMatrix<f32>,
    /// Biases, one an output.
    pub b: DVector<f32>,
    /// Whether negative outputs become 0.
    pub relu: bool,
}

impl Dense {
    /// The output for a column a sample.
    pub fn forward(&self, x: &DMatrix<f32>) -> DMatrix<f32> {
        let mut y = &self.w * x;
        y.column_iter_mut().for_each(|mut column| column += &self.b);
        if self.relu {
            y.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        y
    }

    /// From the loss's gradient in the output to that in the input; that in the weights comes as a layer.
    pub(super) fn backward(&self, x: &DMatrix<f32>, y: &DMatrix<f32>, mut dy: DMatrix<f32>) -> (Dense, DMatrix<f32>) {
        if self.relu {
            dy.zip_apply(y, |d, y| *d = if y > 0.0 { *d } else { 0.0 });
        }
        let gradient = Dense { w: &dy * x.transpose(), b: dy.column_sum(), relu: self.relu };
        let dx = self.w.transpose() * dy;
        (gradient, dx)
    }
}
