//! From a trained network to an ONNX file: the same computation, node by node, with dropout left out.

use super::TrainError;
use super::heads::{Five, Head, PARTS};
use super::net::{Answer, DILATIONS, Input, KERNEL, Net, Tcn, Trunk, TwoLstm};
use super::recurrent::BiLstm;
use crate::model::labels::LabelSpec;
use crate::model::onnx::{Attribute, Dim, Element, Graph, Lstm};
use burn::nn::BatchNorm;
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
    let logits = if net.answer.is_some() { "head" } else { "logits" };
    match &net.head {
        Head::One(head) => linear(&mut graph, "head", head, "trunk", logits)?,
        Head::Five(five) => five_heads(&mut graph, five, logits)?,
    }
    if let Some(answer) = &net.answer {
        believe(&mut graph, answer)?;
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

fn five_heads(graph: &mut Graph, five: &Five, logits: &str) -> Result<(), TrainError> {
    linear(graph, "dense", &five.dense, "trunk", "dense")?;
    graph.node("Relu", &["dense"], &["positive"], &[]);
    transpose(graph, "positive", "heads.in", &[0, 2, 1]);
    batch_norm(graph, "heads", &five.norm)?;
    transpose(graph, "heads.out", "channels", &[0, 2, 1]);
    graph.ints("by_head", &[0, 0, PARTS as i64, -1]);
    graph.node("Reshape", &["channels", "by_head"], &["heads.split"], &[]);
    graph.node("LogSoftmax", &["heads.split"], &["said"], &[("axis", Attribute::Int(-1))]);
    let parts: Vec<String> = (0..five.numbers.len()).map(|head| format!("part{head}")).collect();
    for ((head, numbers), part) in five.numbers.iter().enumerate().zip(&parts) {
        let [index, classes, one] = ["index", "classes", "head"].map(|what| format!("{part}.{what}"));
        graph.scalar(&index, head as i64);
        graph.ints(&classes, numbers);
        graph.node("Gather", &["said", &index], &[&one], &[("axis", Attribute::Int(2))]);
        graph.node("Gather", &[&one, &classes], &[part], &[("axis", Attribute::Int(2))]);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    graph.node("Sum", &parts, &[logits], &[]);
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
    batch_norm(graph, "norm", &layers.norm)?;
    transpose(graph, "norm.out", "second.in", &[2, 0, 1]);
    lstm(graph, "second", &layers.second, "second.in", "second.out")?;
    transpose(graph, "second.out", "trunk", &[1, 0, 2]);
    Ok(())
}

/// From `name.in` to `name.out`, both `[batch, channels, window]`.
fn batch_norm(graph: &mut Graph, name: &str, norm: &BatchNorm) -> Result<(), TrainError> {
    let constants = [
        ("scale", norm.gamma.val()),
        ("shift", norm.beta.val()),
        ("mean", norm.running_mean.value_sync()),
        ("variance", norm.running_var.value_sync()),
    ];
    let mut inputs = vec![format!("{name}.in")];
    for (part, tensor) in constants {
        let ([channels], values) = values(tensor)?;
        let constant = format!("{name}.{part}");
        graph.floats(&constant, &[channels], &values);
        inputs.push(constant);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let epsilon = [("epsilon", Attribute::Float(norm.epsilon as f32))];
    graph.node("BatchNormalization", &inputs, &[&format!("{name}.out")], &epsilon);
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
