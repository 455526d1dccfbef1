//! A graph of operators under construction, and the file that it becomes. Field numbers are those of ONNX's `onnx.proto`.

use std::collections::HashMap;
use std::rc::Rc;

use crate::protobuf::Message;

/// Version 17 of the operators came with version 8 of the format.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The name of a tensor in the graph.
#[derive(Clone)]
pub(super) struct Value(Rc<str>);

/// `TensorProto.DataType`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ElementType {
    Float = 1,
    Uint8 = 2,
    Int32 = 6,
    Int64 = 7,
}

/// A named setting of a node.
pub(super) enum Attribute<'a> {
    Integer(&'a str, i64),
    Integers(&'a str, &'a [i64]),
    Float(&'a str, f32),
    Text(&'a str, &'a str),
}

/// The size of an axis of an input or output.
#[derive(Clone, Copy)]
pub(super) enum Axis {
    /// Free, by its name.
    Free(&'static str),
    Size(i64),
}

/// Nodes in the order in which they run, and what they read that is neither input nor another's output.
#[derive(Default)]
pub(super) struct Graph {
    message: Message,
    /// What comes after the other outputs.
    states: Vec<Message>,
    scope: String,
    nodes: usize,
    /// Constants by their bytes, so that each stands in the file once.
    constants: HashMap<(ElementType, Vec<i64>, Vec<u8>), Value>,
}

impl Value {
    /// An input that a node leaves out, where another follows it.
    pub(super) fn absent() -> Self {
        Self("".into())
    }
}

impl Graph {
    /// Nodes from here on belong to that part of the model, whose name their names begin with.
    pub(super) fn enter(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// A node with one output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&Value], attributes: &[Attribute<'_>]) -> Value {
        let name = self.name(operator);
        self.push_node(operator, &name, inputs, &[&name], attributes);
        Value(name.into())
    }

    /// A node with several outputs.
    pub(super) fn node_of<const OUTPUTS: usize>(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: &[Attribute<'_>],
    ) -> [Value; OUTPUTS] {
        let name = self.name(operator);
        let outputs: [String; OUTPUTS] = std::array::from_fn(|index| format!("{name}:{index}"));
        self.push_node(
            operator,
            &name,
            inputs,
            &outputs.each_ref().map(String::as_str),
            attributes,
        );
        outputs.map(|output| Value(output.into()))
    }

    /// The parts of that many rows of the first axis, one after the other: `count` times one row.
    pub(super) fn rows(&mut self, value: &Value, count: usize) -> Vec<Value> {
        if count == 1 {
            return vec![value.clone()];
        }
        let name = self.name("Split");
        let outputs: Vec<String> = (0..count).map(|index| format!("{name}:{index}")).collect();
        let sizes = self.integers(&vec![1; count]);
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        self.push_node(
            "Split",
            &name,
            &[value, &sizes],
            &names,
            &[Attribute::Integer("axis", 0)],
        );
        outputs.into_iter().map(|output| Value(output.into())).collect()
    }

    /// An input of the graph.
    pub(super) fn input(&mut self, name: &str, element: ElementType, axes: &[Axis]) -> Value {
        self.message.message(11, value_info(name, element, axes));
        Value(name.into())
    }

    /// Makes a float value an output of the graph, of that name.
    pub(super) fn output(&mut self, name: &str, value: &Value, axes: &[Axis]) {
        self.push_node("Identity", &format!("{name}/Identity"), &[value], &[name], &[]);
        self.message.message(12, value_info(name, ElementType::Float, axes));
    }

    /// Makes a float value an output of the graph, of that name, behind those that are answers.
    pub(super) fn state_output(&mut self, name: &str, value: &Value, axes: &[Axis]) {
        self.push_node("Identity", &format!("{name}/Identity"), &[value], &[name], &[]);
        self.states.push(value_info(name, ElementType::Float, axes));
    }

    /// Float32 weights of that name and shape.
    pub(super) fn weight(&mut self, name: &str, shape: &[i64], values: &[f32]) -> Value {
        self.initializer(name, ElementType::Float, shape, little_endian(values, f32::to_le_bytes));
        Value(name.into())
    }

    /// A constant of float32.
    pub(super) fn floats(&mut self, shape: &[i64], values: &[f32]) -> Value {
        self.constant(ElementType::Float, shape, little_endian(values, f32::to_le_bytes))
    }

    /// A constant float32 of no axis.
    pub(super) fn float(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// A constant list of int64.
    pub(super) fn integers(&mut self, values: &[i64]) -> Value {
        let bytes = little_endian(values, i64::to_le_bytes);
        self.constant(ElementType::Int64, &[values.len() as i64], bytes)
    }

    /// A constant int64 of no axis.
    pub(super) fn integer(&mut self, value: i64) -> Value {
        self.constant(ElementType::Int64, &[], value.to_le_bytes().to_vec())
    }

    /// The whole file.
    pub(super) fn into_model(mut self, name: &str, metadata: &[(&str, String)]) -> Message {
        for state in std::mem::take(&mut self.states) {
            self.message.message(12, state);
        }
        self.message.text(2, name);
        let mut model = Message::default();
        model.integer(1, IR_VERSION);
        model.text(2, "zoetrope");
        model.text(3, env!("CARGO_PKG_VERSION"));
        model.message(7, self.message);
        let mut opset = Message::default();
        opset.text(1, ""); // ONNX's own operators
        opset.integer(2, OPSET);
        model.message(8, opset);
        for (key, value) in metadata {
            let mut entry = Message::default();
            entry.text(1, key);
            entry.text(2, value);
            model.message(14, entry);
        }
        model
    }

    fn name(&mut self, operator: &str) -> String {
        self.nodes += 1;
        format!("{}/{operator}_{}", self.scope, self.nodes)
    }

    fn push_node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&Value],
        outputs: &[&str],
        attributes: &[Attribute<'_>],
    ) {
        let mut node = Message::default();
        for input in inputs {
            node.text(1, &input.0);
        }
        for output in outputs {
            node.text(2, output);
        }
        node.text(3, name);
        node.text(4, operator);
        for attribute in attributes {
            node.message(5, attribute.to_message());
        }
        self.message.message(1, node);
    }

    fn constant(&mut self, element: ElementType, shape: &[i64], bytes: Vec<u8>) -> Value {
        let key = (element, shape.to_vec(), bytes);
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = format!("constant_{}", self.constants.len());
        self.initializer(&name, element, shape, key.2.clone());
        let value = Value(name.into());
        self.constants.insert(key, value.clone());
        value
    }

    fn initializer(&mut self, name: &str, element: ElementType, shape: &[i64], bytes: Vec<u8>) {
        let mut tensor = Message::default();
        for &size in shape {
            tensor.integer(1, size);
        }
        tensor.integer(2, element as i64);
        tensor.text(8, name);
        tensor.bytes(9, bytes);
        self.message.message(5, tensor);
    }
}

impl Attribute<'_> {
    /// Field 20 says which kind it is: `AttributeProto.AttributeType`.
    fn to_message(&self) -> Message {
        let mut message = Message::default();
        match *self {
            Self::Integer(name, value) => {
                message.text(1, name);
                message.integer(3, value);
                message.integer(20, 2);
            }
            Self::Integers(name, values) => {
                message.text(1, name);
                for &value in values {
                    message.integer(8, value);
                }
                message.integer(20, 7);
            }
            Self::Float(name, value) => {
                message.text(1, name);
                message.float(2, value);
                message.integer(20, 1);
            }
            Self::Text(name, text) => {
                message.text(1, name);
                message.text(4, text);
                message.integer(20, 3);
            }
        }
        message
    }
}

fn value_info(name: &str, element: ElementType, axes: &[Axis]) -> Message {
    let mut shape = Message::default();
    for axis in axes {
        let mut size = Message::default();
        match *axis {
            Axis::Size(value) => size.integer(1, value),
            Axis::Free(name) => size.text(2, name),
        }
        shape.message(1, size);
    }
    let mut tensor = Message::default();
    tensor.integer(1, element as i64);
    tensor.message(2, shape);
    let mut kind = Message::default();
    kind.message(1, tensor);
    let mut info = Message::default();
    info.text(1, name);
    info.message(2, kind);
    info
}

fn little_endian<T: Copy, const BYTES: usize>(values: &[T], bytes: impl Fn(T) -> [u8; BYTES]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}
