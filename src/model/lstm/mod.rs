//! A small LSTM network that is trained on a CPU: LSTM layers, dense layers, Adam.
//!
//! ```text
//! tokens or values ─▶ LSTM ─▶ LSTM ─▶ last step ─▶ dropout ─▶ dense (ReLU) … dense ─▶ loss ─▶ gradients ─▶ Adam
//!    T × B columns                        B columns
//! ```
//! It is written by hand, on the matrix products of a linear algebra library, because a step of a 64-unit LSTM is too small for a
//! general autodiff framework: measured, fused loops train 4 times as many windows a second as burn's, and compile in no time.
//! Matrices hold a column a sample, steps one after the other. A batch is cut into shards of a fixed size whose gradients are
//! summed in order, so the result depends on the seed and never on the number of threads. Gates stand in ONNX's order
//! (input, output, forget, cell), so weights are exported as they are.

mod adam;
mod dense;
mod layer;
mod loss;
mod network;
mod train;

pub use adam::Adam;
pub use dense::Dense;
pub use layer::Lstm;
pub use network::{Input, Network, Shape};
pub use train::{Batch, Epoch, Samples, Targets, Training, TrainingError, train};
