//! The end of a network: logits of the classes, from one head over all labels or from the paper's five.
//!
//! ```text
//! one:   trunk ─▶ linear ─▶ logits
//! five:  trunk ─▶ linear, ReLU, batch norm ─▶ 5 × log-softmax over numbers of parts ─▶ of each label the sum of its five parts ─▶ logits
//! ```
//! Five heads (`k8ntext.md` section 5.2) say type, subresource, namespaced, single and verb of a label, each of one vocabulary of numbers.
//! The paper takes the best number of each head, and what comes out need be no label; here the labels seen in training are compared, so
//! one of them comes out. The unknown label has the number 0 in all parts.

use crate::audit::label::Label;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

/// Parts of a label.
pub(super) const PARTS: usize = 5;

/// Which heads.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// One over all labels.
    #[default]
    One,
    /// The paper's five, over the parts of labels.
    Five,
}

/// The end of a network.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there is one a model
pub enum Head {
    /// One head.
    One(Linear),
    /// Five heads.
    Five(Five),
}

/// Five heads.
#[derive(Module, Debug)]
pub struct Five {
    pub(super) dense: Linear,
    pub(super) norm: BatchNorm,
    /// Of each head the number of each class.
    #[module(skip)]
    pub(super) numbers: Vec<Vec<i64>>,
}

impl Head {
    /// A head with fresh parameters for these classes.
    pub fn new(heads: Heads, inputs: usize, labels: &[Label], device: &Device) -> Head {
        if heads == Heads::One {
            return Head::One(LinearConfig::new(inputs, labels.len()).init(device));
        }
        let parts: Vec<[i64; PARTS]> = labels.iter().copied().map(parts).collect();
        let mut vocabulary: Vec<i64> = parts.iter().flatten().copied().chain([0]).collect();
        vocabulary.sort_unstable();
        vocabulary.dedup();
        let number = |value: i64| vocabulary.binary_search(&value).map_or(0, |number| number as i64);
        let numbers =
            (0..PARTS).map(|part| parts.iter().filter_map(|parts| parts.get(part)).copied().map(number).collect());
        let channels = PARTS * vocabulary.len();
        Head::Five(Five {
            dense: LinearConfig::new(inputs, channels).init(device),
            norm: BatchNormConfig::new(channels).with_epsilon(1e-3).with_momentum(0.01).init(device),
            numbers: numbers.collect(),
        })
    }

    /// Logits `[windows, window, classes]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Head::One(linear) => linear.forward(x),
            Head::Five(five) => five.forward(x),
        }
    }

    /// Where its parameters are.
    pub(super) fn weight(&self) -> &Param<Tensor<2>> {
        match self {
            Head::One(linear) => &linear.weight,
            Head::Five(five) => &five.dense.weight,
        }
    }
}

impl Five {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = relu(self.dense.forward(x)).swap_dims(1, 2);
        let x = self.norm.forward(x).swap_dims(1, 2);
        let [windows, window, channels] = x.dims();
        let said = log_softmax(x.reshape([windows, window, PARTS, channels / PARTS]), 3);
        let part = |(head, numbers): (usize, &Vec<i64>)| {
            let numbers = Tensor::<1, Int>::from_ints(numbers.as_slice(), &said.device());
            said.clone().narrow(2, head, 1).squeeze_dim::<3>(2).select(2, numbers)
        };
        let classes = self.numbers.first().map_or(0, Vec::len);
        let nothing = Tensor::zeros([windows, window, classes], &said.device());
        self.numbers.iter().enumerate().map(part).fold(nothing, |sum, part| sum + part)
    }
}

/// Type, subresource, namespaced, single, verb; zeros where the label is none.
fn parts(label: Label) -> [i64; PARTS] {
    label.parts().map_or([0; PARTS], |parts| {
        let bit = i64::from;
        [i64::from(parts.id), i64::from(parts.sub), bit(parts.namespaced), bit(parts.single), parts.verb as i64]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::runtime;

    #[test]
    fn the_numbers_of_parts_tell_labels_apart() {
        let device = crate::model::train::device(runtime::Device::Cpu).unwrap();
        let labels = [Label::UNKNOWN, Label(4496), Label(4512), Label(41376)];
        let Head::Five(five) = Head::new(Heads::Five, 3, &labels, &device) else { unreachable!() };
        let of = |class: usize| five.numbers.iter().map(|numbers| numbers[class]).collect::<Vec<_>>();
        assert_eq!(of(0), [0; PARTS]);
        // create pod, delete pod: the verb alone differs
        let differing = of(1).iter().zip(of(2)).filter(|(a, b)| *a != b).count();
        assert_eq!((differing, of(1) == of(3)), (1, false));
        let logits = Head::Five(five).forward(Tensor::ones([2, 4, 3], &device));
        assert_eq!(logits.dims(), [2, 4, labels.len()]);
    }
}
