//! The networks.
//!
//! ```text
//! ids ─▶ embedding of each column, side by side ─▶ dropout ─▶ trunk ─▶ head ─▶ logits of the classes
//!        (original columns: the number itself)
//! tcn:     linear ─▶ 5 × (dilated convolution over 3 steps, ReLU, added to its input): sees 63 events
//! bilstm:  BiLSTM ─▶ batch norm ─▶ BiLSTM ─▶ dropout   (K8NTEXT's, `k8ntext.md` section 5.2)
//! ```
//! The causal engine's answer (`root.label`) also enters the logits directly, by a table that says at first: believe it. So what
//! was seen a few times in training is named as well as what was seen often, and the network learns when not to believe it.
//!
//! The end is one head over the labels seen in training, or five over their parts ([`super::heads`]).

use super::heads::{Head, Heads};
use super::recurrent::BiLstm;
use crate::audit::label::Label;
use crate::model::features::{FIRST, FeatureSet, ROOT_LABEL};
use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig1d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Steps that a convolution looks at.
pub const KERNEL: usize = 3;
/// Distance of these steps in each of the convolutions.
pub const DILATIONS: [usize; 5] = [1, 2, 4, 8, 16];

/// What the engine's answer adds to its logit before anything is learnt: a probability of 0.94 among 200 classes.
const BELIEF: f32 = 8.0;

/// Which trunk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Dilated convolutions: fast.
    #[default]
    Tcn,
    /// K8NTEXT's two bidirectional LSTM layers.
    Bilstm,
}

impl Architecture {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Tcn => "tcn",
            Architecture::Bilstm => "bilstm",
        }
    }
}

/// Sizes of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetConfig {
    /// Which trunk.
    pub architecture: Architecture,
    /// Which heads.
    pub heads: Heads,
    /// Which columns: they say how numbers enter.
    pub features: FeatureSet,
    /// Width of a column's embedding.
    pub embedding: usize,
    /// Channels of the convolutions, or units a direction of the first LSTM layer.
    pub units: usize,
    /// Units a direction of the second LSTM layer.
    pub units_2: usize,
    /// Share of the values that are dropped in training.
    pub dropout: f64,
}

impl NetConfig {
    /// Name of the network in the model's version: trunk, and heads where there are several.
    pub fn name(&self) -> String {
        let heads = if self.heads == Heads::Five { "-five" } else { "" };
        format!("{}{heads}", self.architecture.name())
    }
}

/// A network with its parameters.
#[derive(Module, Debug)]
pub struct Net {
    pub(super) input: Input,
    pub(super) dropout: Dropout,
    pub(super) trunk: Trunk,
    pub(super) head: Head,
    pub(super) answer: Option<Answer>,
}

/// What the causal engine's answer adds to the logits.
#[derive(Module, Debug)]
pub struct Answer {
    /// `[numbers of the column, classes]`.
    pub(super) table: Param<Tensor<2>>,
    /// The column.
    pub(super) column: usize,
}

/// How numbers enter.
#[derive(Module, Debug)]
pub struct Input {
    /// Embeddings of all columns, one below the other; `None`: the number itself enters.
    pub(super) table: Option<Param<Tensor<2>>>,
    /// First row of each column in the table.
    #[module(skip)]
    pub(super) offsets: Vec<i64>,
    embedding: usize,
}

/// What looks along the window.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there is one a model
pub enum Trunk {
    /// Convolutions.
    Tcn(Tcn),
    /// LSTM layers.
    Bilstm(TwoLstm),
}

/// Dilated convolutions.
#[derive(Module, Debug)]
pub struct Tcn {
    pub(super) narrow: Linear,
    pub(super) layers: Vec<Conv1d>,
}

/// Two bidirectional LSTM layers.
#[derive(Module, Debug)]
pub struct TwoLstm {
    pub(super) first: BiLstm,
    pub(super) norm: BatchNorm,
    pub(super) second: BiLstm,
    dropout: Dropout,
}

impl Net {
    /// A network with fresh parameters for columns of these sizes and these classes.
    pub fn new(config: &NetConfig, sizes: &[usize], labels: &[Label], device: &Device) -> Net {
        let embedded = config.features != FeatureSet::Original;
        let width = if embedded { sizes.len() * config.embedding } else { sizes.len() };
        let dropout = || DropoutConfig::new(config.dropout.clamp(0.0, 0.95)).init();
        let (trunk, out) = match config.architecture {
            Architecture::Tcn => (Trunk::Tcn(Tcn::new(width, config.units, device)), config.units),
            Architecture::Bilstm => {
                let first = BiLstm::new(width, config.units, device);
                let norm = BatchNormConfig::new(2 * config.units).with_epsilon(1e-3).with_momentum(0.01).init(device);
                let second = BiLstm::new(2 * config.units, config.units_2, device);
                (Trunk::Bilstm(TwoLstm { first, norm, second, dropout: dropout() }), 2 * config.units_2)
            }
        };
        Net {
            input: Input::new(embedded, sizes, config.embedding, device),
            dropout: dropout(),
            trunk,
            head: Head::new(config.heads, out, labels, device),
            answer: Answer::new(config.features, sizes, labels.len(), device),
        }
    }

    /// Logits `[windows, window, classes]` of ids `[windows, window, columns]`.
    pub fn forward(&self, ids: Tensor<3, Int>) -> Tensor<3> {
        let answer = self.answer.as_ref().map(|answer| answer.forward(ids.clone()));
        let x = self.dropout.forward(self.input.forward(ids));
        let x = match &self.trunk {
            Trunk::Tcn(tcn) => tcn.forward(x),
            Trunk::Bilstm(layers) => layers.forward(x),
        };
        let logits = self.head.forward(x);
        match answer {
            Some(answer) => logits + answer,
            None => logits,
        }
    }
}

impl Answer {
    fn new(features: FeatureSet, sizes: &[usize], classes: usize, device: &Device) -> Option<Answer> {
        let column = features.names().iter().position(|name| *name == ROOT_LABEL)?;
        let numbers = *sizes.get(column)?;
        // The unknown label for the unknown number, nothing for an absent one, then one class after the other.
        let believed = |number: usize| match number {
            0 => Some(0),
            number => (number + 1).checked_sub(FIRST).filter(|class| *class > 0),
        };
        let row =
            |number: usize| (0..classes).map(move |class| if believed(number) == Some(class) { BELIEF } else { 0.0 });
        let table: Vec<f32> = (0..numbers).flat_map(row).collect();
        let table = Tensor::from_data(TensorData::new(table, [numbers, classes]), device);
        Some(Answer { table: Param::from_tensor(table), column })
    }

    fn forward(&self, ids: Tensor<3, Int>) -> Tensor<3> {
        let [windows, window, _] = ids.dims();
        let [_, classes] = self.table.val().dims();
        let numbers = ids.narrow(2, self.column, 1).reshape([windows * window]);
        self.table.val().select(0, numbers).reshape([windows, window, classes])
    }
}

impl Input {
    fn new(embedded: bool, sizes: &[usize], embedding: usize, device: &Device) -> Input {
        let mut rows = 0;
        let first = |size: &usize| {
            let first = rows;
            rows += *size;
            first as i64
        };
        let offsets = sizes.iter().map(first).collect();
        let normal = Initializer::Normal { mean: 0.0, std: 0.3 };
        let table = embedded.then(|| normal.init([rows, embedding], device));
        Input { table, offsets, embedding }
    }

    fn forward(&self, ids: Tensor<3, Int>) -> Tensor<3> {
        let Some(table) = &self.table else { return ids.float() };
        let [windows, window, columns] = ids.dims();
        let offsets = Tensor::<1, Int>::from_ints(self.offsets.as_slice(), &ids.device());
        let places = (ids + offsets.unsqueeze()).reshape([windows * window * columns]);
        table.val().select(0, places).reshape([windows, window, columns * self.embedding])
    }
}

impl Tcn {
    fn new(width: usize, channels: usize, device: &Device) -> Tcn {
        let layer = |dilation: usize| {
            Conv1dConfig::new(channels, channels, KERNEL)
                .with_dilation(dilation)
                .with_padding(PaddingConfig1d::Explicit(dilation, dilation))
                .init(device)
        };
        Tcn { narrow: LinearConfig::new(width, channels).init(device), layers: DILATIONS.map(layer).into() }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.narrow.forward(x).swap_dims(1, 2);
        self.layers.iter().fold(x, |x, layer| x.clone() + relu(layer.forward(x))).swap_dims(1, 2)
    }
}

impl TwoLstm {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.first.forward(x).swap_dims(1, 2);
        let x = self.norm.forward(x).swap_dims(1, 2);
        self.dropout.forward(self.second.forward(x))
    }
}

impl Net {
    /// Logits of ids in the shape `[windows, window, columns]`, without training: what the exported file must compute too.
    pub fn logits(&self, ids: &[i64], shape: [usize; 3]) -> Vec<f32> {
        let device = self.head.weight().val().device().inner();
        let ids = Tensor::<3, Int>::from_data(TensorData::new(ids.to_vec(), shape), &device);
        self.valid().forward(ids).into_data().iter::<f32>().collect()
    }
}
