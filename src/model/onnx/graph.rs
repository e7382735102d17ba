//! Building a graph, node by node.

use super::proto;
use prost::Message;

/// Version of the operator set.
const OPERATOR_SET: i64 = 17;
/// Version of the file format.
const FORMAT: i64 = 8;

/// Element type of a tensor, with its code in the format.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32 = 1,
    /// 64-bit integer.
    I64 = 7,
}

/// A dimension of an input or output.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Dim<'a> {
    /// Any size; dimensions of one name have the same.
    Named(&'a str),
    /// This size.
    Fixed(usize),
}

/// Value of a node's attribute.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A number.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Several integers.
    Ints(&'a [i64]),
}

/// A graph under construction. Tensors are known by name; nodes are added in the order in which they are computed.
#[derive(Clone, Debug, Default)]
pub struct Graph(proto::Graph);

impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Graph {
        Graph(proto::Graph { name: name.to_owned(), ..proto::Graph::default() })
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Dim<'_>]) {
        self.0.input.push(value_info(name, element, shape));
    }

    /// Declares that a tensor is an output.
    pub fn output(&mut self, name: &str, element: Element, shape: &[Dim<'_>]) {
        self.0.output.push(value_info(name, element, shape));
    }

    /// Adds a constant of floats, row by row; `values` has as many as `shape` says.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        self.constant(name, Element::F32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    /// Adds a constant list of integers.
    pub fn ints(&mut self, name: &str, values: &[i64]) {
        self.constant(name, Element::I64, &[values.len()], values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    /// Adds a constant integer without dimensions.
    pub fn scalar(&mut self, name: &str, value: i64) {
        self.constant(name, Element::I64, &[], value.to_le_bytes().to_vec());
    }

    fn constant(&mut self, name: &str, element: Element, shape: &[usize], raw_data: Vec<u8>) {
        let dims = shape.iter().map(|n| *n as i64).collect();
        self.0.initializer.push(proto::Tensor { dims, data_type: element as i32, name: name.to_owned(), raw_data });
    }

    /// Adds a node of operator `op`. An empty name is an optional input that is absent, or an output that nobody wants.
    pub fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attribute<'_>)]) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.0.node.push(proto::Node {
            input: owned(inputs),
            output: owned(outputs),
            name: format!("{op}_{}", self.0.node.len()),
            op_type: op.to_owned(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, *value)).collect(),
        });
    }

    /// The bytes of a model file with these metadata properties.
    pub fn finish(self, metadata: &[(&str, &str)]) -> Vec<u8> {
        let property = |(key, value): &(&str, &str)| proto::Property { key: (*key).into(), value: (*value).into() };
        let model = proto::Model {
            ir_version: FORMAT,
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.0),
            opset_import: vec![proto::OperatorSet { domain: String::new(), version: OPERATOR_SET }],
            metadata_props: metadata.iter().map(property).collect(),
        };
        model.encode_to_vec()
    }
}

fn value_info(name: &str, element: Element, shape: &[Dim<'_>]) -> proto::ValueInfo {
    let dimension = |dim: &Dim<'_>| match dim {
        Dim::Named(name) => proto::Dimension { dim_param: Some((*name).to_owned()), dim_value: None },
        Dim::Fixed(size) => proto::Dimension { dim_param: None, dim_value: Some(*size as i64) },
    };
    let shape = Some(proto::Shape { dim: shape.iter().map(dimension).collect() });
    let tensor_type = Some(proto::TensorType { elem_type: element as i32, shape });
    proto::ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type }) }
}

fn attribute(name: &str, value: Attribute<'_>) -> proto::Attribute {
    let mut attribute = proto::Attribute { name: name.to_owned(), ..proto::Attribute::default() };
    attribute.kind = match value {
        Attribute::Float(value) => {
            attribute.f = Some(value);
            1
        }
        Attribute::Int(value) => {
            attribute.i = Some(value);
            2
        }
        Attribute::Text(value) => {
            attribute.s = Some(value.as_bytes().to_vec());
            3
        }
        Attribute::Ints(values) => {
            attribute.ints = values.to_vec();
            7
        }
    };
    attribute
}
