//! The Adam optimizer.

use super::network::Network;

/// Decay of the mean of gradients, and of that of their squares.
const BETA: (f32, f32) = (0.9, 0.999);
/// Keeps the division away from 0.
const EPSILON: f32 = 1e-8;

/// Running means of gradients, for one network.
#[derive(Clone, Debug)]
pub struct Adam {
    rate: f32,
    step: i32,
    mean: Vec<Vec<f32>>,
    square: Vec<Vec<f32>>,
}

impl Adam {
    /// Starts with a learning rate.
    pub fn new(network: &Network, rate: f32) -> Adam {
        let zeros: Vec<Vec<f32>> = network.slices().iter().map(|slice| vec![0.0; slice.len()]).collect();
        Adam { rate, step: 0, mean: zeros.clone(), square: zeros }
    }

    /// Moves the weights against a gradient.
    pub fn step(&mut self, network: &mut Network, gradient: &Network) {
        self.step += 1;
        let correction = (1.0 - BETA.1.powi(self.step)).sqrt() / (1.0 - BETA.0.powi(self.step));
        let rate = self.rate * correction;
        let means = self.mean.iter_mut().zip(&mut self.square);
        for ((weights, gradient), (mean, square)) in network.slices_mut().into_iter().zip(gradient.slices()).zip(means)
        {
            for ((weight, g), (m, v)) in weights.iter_mut().zip(gradient).zip(mean.iter_mut().zip(square.iter_mut())) {
                *m = BETA.0 * *m + (1.0 - BETA.0) * g;
                *v = BETA.1 * *v + (1.0 - BETA.1) * g * g;
                *weight -= rate * *m / (v.sqrt() + EPSILON);
            }
        }
    }
}
