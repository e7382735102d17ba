//! From a trained network to an ONNX file: the same computation, node by node, with dropout left out.

use super::TrainError;
use super::net::{Answer, DILATIONS, Input, KERNEL, Net, Tcn, Trunk, TwoLstm};
use super::recurrent::BiLstm;
use crate::model::labels::LabelSpec;
use crate::model::onnx::{Attribute, Dim, Element, Graph, Lstm};
use burn::tensor::Tensor;

/// The model file of `net` with its description. Input `ids [batch, window, columns]`, output `logits [batch, window, classes]`.
///
/// # Errors
/// [`TrainError::Library`] when a parameter cannot be read.
pub fn export(net: &Net, spec: &LabelSpec) -> Result<Vec<u8>, TrainError> {
    let mut graph = Graph::new("labels");
    graph.input("ids", Element::I64, &[Dim::Named("batch"), Dim::Fixed(spec.window), Dim::Fixed(spec.width())]);
    input(&mut graph, &net.input)?;
    match &net.trunk {
        Trunk::Tcn(tcn) => convolutions(&mut graph, tcn)?,
        Trunk::Bilstm(layers) => lstm_layers(&mut graph, layers)?,
    }
    match &net.answer {
        None => linear(&mut graph, "head", &net.head, "trunk", "logits")?,
        Some(answer) => {
            linear(&mut graph, "head", &net.head, "trunk", "head")?;
            believe(&mut graph, answer)?;
        }
    }
    let classes = Dim::Fixed(spec.labels.len());
    graph.output("logits", Element::F32, &[Dim::Named("batch"), Dim::Fixed(spec.window), classes]);
    let properties = spec.properties().map_err(|e| TrainError::Library(e.to_string()))?;
    let properties: Vec<(&str, &str)> = properties.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Ok(graph.finish(&properties))
}

/// Dimensions and values of a parameter.
fn values<const D: usize>(tensor: Tensor<D>) -> Result<([usize; D], Vec<f32>), TrainError> {
    let shape = tensor.dims();
    let values = tensor.into_data().try_to_vec::<f32>().map_err(|e| TrainError::Library(format!("{e:?}")))?;
    Ok((shape, values))
}

fn input(graph: &mut Graph, input: &Input) -> Result<(), TrainError> {
    let Some(table) = &input.table else {
        graph.node("Cast", &["ids"], &["x"], &[("to", Attribute::Int(Element::F32 as i64))]);
        return Ok(());
    };
    let ([rows, embedding], table) = values(table.val())?;
    graph.floats("table", &[rows, embedding], &table);
    graph.ints("offsets", &input.offsets);
    graph.ints("side_by_side", &[0, 0, (input.offsets.len() * embedding) as i64]);
    graph.node("Add", &["ids", "offsets"], &["places"], &[]);
    graph.node("Gather", &["table", "places"], &["embedded"], &[]);
    graph.node("Reshape", &["embedded", "side_by_side"], &["x"], &[]);
    Ok(())
}

fn believe(graph: &mut Graph, answer: &Answer) -> Result<(), TrainError> {
    let ([numbers, classes], table) = values(answer.table.val())?;
    graph.floats("answer.table", &[numbers, classes], &table);
    graph.scalar("answer.column", answer.column as i64);
    // an index without dimensions takes the dimension away
    graph.node("Gather", &["ids", "answer.column"], &["answer.ids"], &[("axis", Attribute::Int(2))]);
    graph.node("Gather", &["answer.table", "answer.ids"], &["answer"], &[]);
    graph.node("Add", &["head", "answer"], &["logits"], &[]);
    Ok(())
}

fn linear(graph: &mut Graph, name: &str, layer: &burn::nn::Linear, x: &str, y: &str) -> Result<(), TrainError> {
    let [weights, bias, product] = ["weights", "bias", "product"].map(|part| format!("{name}.{part}"));
    let ([inputs, outputs], values_w) = values(layer.weight.val())?;
    graph.floats(&weights, &[inputs, outputs], &values_w);
    graph.node("MatMul", &[x, &weights], &[&product], &[]);
    let values_b = match &layer.bias {
        Some(bias) => values(bias.val())?.1,
        None => vec![0.0; outputs],
    };
    graph.floats(&bias, &[outputs], &values_b);
    graph.node("Add", &[&product, &bias], &[y], &[]);
    Ok(())
}

fn convolutions(graph: &mut Graph, tcn: &Tcn) -> Result<(), TrainError> {
    linear(graph, "narrow", &tcn.narrow, "x", "narrow")?;
    transpose(graph, "narrow", "layer0", &[0, 2, 1]);
    for (number, (layer, dilation)) in tcn.layers.iter().zip(DILATIONS).enumerate() {
        let [x, y] = [number, number + 1].map(|number| format!("layer{number}"));
        let [weights, bias, sums, seen] = ["weights", "bias", "sums", "seen"].map(|part| format!("{y}.{part}"));
        let (shape, values_w) = values(layer.weight.val())?;
        graph.floats(&weights, &shape, &values_w);
        let values_b = match &layer.bias {
            Some(bias) => values(bias.val())?.1,
            None => vec![0.0; shape[0]],
        };
        graph.floats(&bias, &[values_b.len()], &values_b);
        let dilation = dilation as i64;
        let attributes = [
            ("kernel_shape", Attribute::Ints(&[KERNEL as i64])),
            ("dilations", Attribute::Ints(&[dilation])),
            ("pads", Attribute::Ints(&[dilation, dilation])),
        ];
        graph.node("Conv", &[&x, &weights, &bias], &[&sums], &attributes);
        graph.node("Relu", &[&sums], &[&seen], &[]);
        graph.node("Add", &[&x, &seen], &[&y], &[]);
    }
    transpose(graph, &format!("layer{}", tcn.layers.len()), "trunk", &[0, 2, 1]);
    Ok(())
}

fn transpose(graph: &mut Graph, x: &str, y: &str, order: &[i64]) {
    graph.node("Transpose", &[x], &[y], &[("perm", Attribute::Ints(order))]);
}

fn lstm_layers(graph: &mut Graph, layers: &TwoLstm) -> Result<(), TrainError> {
    transpose(graph, "x", "steps", &[1, 0, 2]);
    lstm(graph, "first", &layers.first, "steps", "first.out")?;
    // [window, batch, channels] to [batch, channels, window] and back
    transpose(graph, "first.out", "norm.in", &[1, 2, 0]);
    let norm = &layers.norm;
    let constants = [
        ("norm.scale", norm.gamma.val()),
        ("norm.shift", norm.beta.val()),
        ("norm.mean", norm.running_mean.value_sync()),
        ("norm.variance", norm.running_var.value_sync()),
    ];
    for (name, tensor) in constants {
        let ([channels], values) = values(tensor)?;
        graph.floats(name, &[channels], &values);
    }
    let inputs = ["norm.in", "norm.scale", "norm.shift", "norm.mean", "norm.variance"];
    let epsilon = [("epsilon", Attribute::Float(norm.epsilon as f32))];
    graph.node("BatchNormalization", &inputs, &["norm.out"], &epsilon);
    transpose(graph, "norm.out", "second.in", &[2, 0, 1]);
    lstm(graph, "second", &layers.second, "second.in", "second.out")?;
    transpose(graph, "second.out", "trunk", &[1, 0, 2]);
    Ok(())
}

fn lstm(graph: &mut Graph, name: &str, layer: &BiLstm, x: &str, y: &str) -> Result<(), TrainError> {
    let (mut weights, mut recurrent, mut bias) = (Vec::new(), Vec::new(), Vec::new());
    let (mut inputs, mut hidden) = (0, 0);
    for direction in [&layer.forwards, &layer.backwards] {
        let ([rows, _], values_w) = values(direction.weights.val().transpose())?;
        let ([_, columns], values_r) = values(direction.recurrent.val().transpose())?;
        let (_, values_b) = values(direction.bias.val())?;
        (inputs, hidden) = (values_w.len() / rows.max(1), columns);
        weights.extend(values_w);
        recurrent.extend(values_r);
        // the biases of the input, then those of the state, of which there are none
        bias.extend(&values_b);
        bias.extend(std::iter::repeat_n(0.0, values_b.len()));
    }
    let layer =
        Lstm { name, inputs, hidden, bidirectional: true, weights: &weights, recurrent: &recurrent, bias: &bias };
    layer.sequence(graph, x, y);
    Ok(())
}
