//! What a network is trained to make small.

use nalgebra::DMatrix;

/// Turns each column of logits into probabilities.
pub(super) fn softmax(columns: &mut DMatrix<f32>) {
    for mut column in columns.column_iter_mut() {
        let most = column.max();
        column.apply(|value| *value = (*value - most).exp());
        let sum = column.sum();
        column /= sum;
    }
}

/// Loss sum and gradient in the logits for the classes of each column.
pub(super) fn cross_entropy(mut logits: DMatrix<f32>, classes: &[u32], weights: &[f32]) -> (f64, f64, DMatrix<f32>) {
    softmax(&mut logits);
    let (mut loss, mut right) = (0.0, 0.0);
    for ((mut column, class), weight) in logits.column_iter_mut().zip(classes).zip(weights) {
        let class = *class as usize;
        if column.imax() == class {
            right += f64::from(*weight);
        }
        loss -= f64::from(*weight) * f64::from(column[class].max(f32::MIN_POSITIVE).ln());
        column[class] -= 1.0;
        column *= *weight;
    }
    (loss, right, logits)
}

/// Loss sum and gradient in the outputs for the values of each column.
pub(super) fn squared_error(
    mut outputs: DMatrix<f32>,
    values: &DMatrix<f32>,
    weights: &[f32],
) -> (f64, f64, DMatrix<f32>) {
    let rows = outputs.nrows().max(1) as f32;
    let mut loss = 0.0;
    outputs -= values;
    for (mut column, weight) in outputs.column_iter_mut().zip(weights) {
        loss += f64::from(*weight) * f64::from(column.norm_squared() / rows);
        column *= 2.0 * weight / rows;
    }
    (loss, 0.0, outputs)
}
