//! Parts of the file as ONNX's `onnx.proto` has them: nodes, their settings, and what is known of values.

use std::rc::Rc;

use crate::protobuf::Message;

/// The name of a tensor in the graph.
#[derive(Clone)]
pub(super) struct Value(pub(super) Rc<str>);

/// `TensorProto.DataType`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ElementType {
    Float = 1,
    Uint8 = 2,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
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

impl Value {
    /// An input that a node leaves out, where another follows it.
    pub(super) fn absent() -> Self {
        Self("".into())
    }
}

impl Attribute<'_> {
    /// Field 20 says which kind it is: `AttributeProto.AttributeType`.
    pub(super) fn to_message(&self) -> Message {
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

/// A node without its attributes.
pub(super) fn node_message(operator: &str, name: &str, inputs: &[&Value], outputs: &[&str]) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node.text(1, &input.0);
    }
    for output in outputs {
        node.text(2, output);
    }
    node.text(3, name);
    node.text(4, operator);
    node
}

/// An input or output.
pub(super) fn value_info(name: &str, element: ElementType, axes: &[Axis]) -> Message {
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
