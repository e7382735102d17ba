//! An LSTM layer with its gates in ONNX's order (input, output, forget, cell) and fused into one product, so that the forward
//! pass is one matrix product a step and export copies the parameters as they are.

use burn::module::{Initializer, Module, Param};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::{Device, Tensor};

/// One direction of an LSTM layer.
#[derive(Module, Debug)]
pub struct Lstm {
    /// `[inputs, 4 × hidden]`.
    pub weights: Param<Tensor<2>>,
    /// `[hidden, 4 × hidden]`.
    pub recurrent: Param<Tensor<2>>,
    /// `[4 × hidden]`.
    pub bias: Param<Tensor<1>>,
    hidden: usize,
}

impl Lstm {
    /// A layer with fresh parameters; the forget gate starts open (bias 1), as in Keras.
    pub fn new(inputs: usize, hidden: usize, device: &Device) -> Lstm {
        let glorot = Initializer::XavierUniform { gain: 1.0 };
        let bias: Vec<f32> = (0..4 * hidden).map(|i| if i / hidden == 2 { 1.0 } else { 0.0 }).collect();
        Lstm {
            weights: glorot.init_with([inputs, 4 * hidden], Some(inputs), Some(4 * hidden), device),
            recurrent: glorot.init_with([hidden, 4 * hidden], Some(hidden), Some(4 * hidden), device),
            bias: Param::from_tensor(Tensor::from_floats(bias.as_slice(), device)),
            hidden,
        }
    }

    /// `[windows, window, inputs]` to `[windows, window, hidden]`; `backwards` goes from the last step to the first.
    pub fn forward(&self, x: Tensor<3>, backwards: bool) -> Tensor<3> {
        let [windows, window, _] = x.dims();
        let device = x.device();
        let gates = x.matmul(self.weights.val().unsqueeze()) + self.bias.val().unsqueeze();
        let mut hidden = Tensor::<2>::zeros([windows, self.hidden], &device);
        let mut cell = hidden.clone();
        let recurrent = self.recurrent.val();
        let mut states: Vec<Tensor<3>> = Vec::with_capacity(window);
        for step in 0..window {
            let at = if backwards { window - 1 - step } else { step };
            let input = gates.clone().narrow(1, at, 1).squeeze_dim::<2>(1);
            let sums = input + hidden.matmul(recurrent.clone());
            let gate = |number: usize| sums.clone().narrow(1, number * self.hidden, self.hidden);
            let (take, give, keep) = (sigmoid(gate(0)), sigmoid(gate(1)), sigmoid(gate(2)));
            cell = keep * cell + take * tanh(gate(3));
            hidden = give * tanh(cell.clone());
            states.push(hidden.clone().unsqueeze_dim(1));
        }
        if backwards {
            states.reverse();
        }
        Tensor::cat(states, 1)
    }
}

/// Two directions.
#[derive(Module, Debug)]
pub struct BiLstm {
    /// From the first step to the last.
    pub forwards: Lstm,
    /// From the last step to the first.
    pub backwards: Lstm,
}

impl BiLstm {
    /// A layer with `hidden` units a direction.
    pub fn new(inputs: usize, hidden: usize, device: &Device) -> BiLstm {
        BiLstm { forwards: Lstm::new(inputs, hidden, device), backwards: Lstm::new(inputs, hidden, device) }
    }

    /// `[windows, window, inputs]` to `[windows, window, 2 × hidden]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        Tensor::cat(vec![self.forwards.forward(x.clone(), false), self.backwards.forward(x, true)], 2)
    }
}
