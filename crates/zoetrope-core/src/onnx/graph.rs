//! A graph of operators under construction, and the file that it becomes. Field numbers are those of ONNX's `onnx.proto`.

use std::collections::{HashMap, HashSet};

use super::messages::{node_message, value_info};
use crate::error::Result;
use crate::protobuf::Message;

pub(super) use super::messages::{Attribute, Axis, ElementType, Value};

/// Version 17 of the operators came with version 8 of the format.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// Nodes in the order in which they run, and what they read that is neither input nor another's output.
#[derive(Default)]
pub(super) struct Graph {
    /// Nodes, inputs and outputs; while a loop's body is made, those of the body.
    message: Message,
    /// What comes after the other outputs.
    states: Vec<Message>,
    /// Of the whole graph, which bodies of loops read as well.
    initializers: Vec<Message>,
    /// The names of weights among them: a layer may be applied twice.
    weights: HashSet<String>,
    scope: String,
    nodes: usize,
    /// Constants by their bytes, so that each stands in the file once.
    constants: HashMap<(ElementType, Vec<i64>, Vec<u8>), Value>,
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
        self.typed_output(name, value, ElementType::Float, axes);
    }

    fn typed_output(&mut self, name: &str, value: &Value, element: ElementType, axes: &[Axis]) {
        self.push_node("Identity", &format!("{name}/Identity"), &[value], &[name], &[]);
        self.message.message(12, value_info(name, element, axes));
    }

    /// Makes a float value an output of the graph, of that name, behind those that are answers.
    pub(super) fn state_output(&mut self, name: &str, value: &Value, axes: &[Axis]) {
        self.push_node("Identity", &format!("{name}/Identity"), &[value], &[name], &[]);
        self.states.push(value_info(name, ElementType::Float, axes));
    }

    /// Runs `body` that many times. It gets the values of `carried`, first these and then what it left the time before, and
    /// gives them anew with a result of the axes `result`. The results of all rounds, `[times, …]`. All are float32.
    pub(super) fn repeat(
        &mut self,
        times: i64,
        carried: &[(Value, Vec<Axis>)],
        result: &[Axis],
        body: impl FnOnce(&mut Self, &[Value]) -> Result<(Vec<Value>, Value)>,
    ) -> Result<Value> {
        let name = self.name("Loop");
        let around = std::mem::take(&mut self.message);
        self.message.text(2, &name);
        self.input(&format!("{name}:round"), ElementType::Int64, &[]);
        let condition = self.input(&format!("{name}:condition"), ElementType::Bool, &[]);
        let before: Vec<Value> = (0..)
            .zip(carried)
            .map(|(index, (_, axes))| self.input(&format!("{name}:before_{index}"), ElementType::Float, axes))
            .collect();
        let (after, given) = body(self, &before)?;
        self.typed_output(&format!("{name}:goes_on"), &condition, ElementType::Bool, &[]);
        for (index, (value, (_, axes))) in after.iter().zip(carried).enumerate() {
            self.output(&format!("{name}:after_{index}"), value, axes);
        }
        self.output(&format!("{name}:given"), &given, result);
        let body = std::mem::replace(&mut self.message, around);

        // A condition may be left out, but ONNX's reference implementation then does no round.
        let mut inputs = vec![self.integer(times), self.booleans(&[], &[true])];
        inputs.extend(carried.iter().map(|(value, _)| value.clone()));
        let inputs: Vec<&Value> = inputs.iter().collect();
        let results = format!("{name}:results");
        let mut outputs: Vec<String> = (0..carried.len()).map(|index| format!("{name}:last_{index}")).collect();
        outputs.push(results.clone());
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let mut node = node_message("Loop", &name, &inputs, &outputs);
        let mut attribute = Message::default();
        attribute.text(1, "body");
        attribute.message(6, body);
        attribute.integer(20, 5); //                          a graph
        node.message(5, attribute);
        self.message.message(1, node);
        Ok(Value(results.into()))
    }

    /// Float32 weights of that name and shape. Where there are some of that name, they are the same.
    pub(super) fn weight(&mut self, name: &str, shape: &[i64], values: &[f32]) -> Value {
        if self.weights.insert(name.to_owned()) {
            self.initializer(name, ElementType::Float, shape, little_endian(values, f32::to_le_bytes));
        }
        Value(name.into())
    }

    /// A constant of float32.
    pub(super) fn floats(&mut self, shape: &[i64], values: &[f32]) -> Value {
        self.constant(ElementType::Float, shape, little_endian(values, f32::to_le_bytes))
    }

    /// A constant of booleans.
    pub(super) fn booleans(&mut self, shape: &[i64], values: &[bool]) -> Value {
        let bytes = values.iter().map(|&value| u8::from(value)).collect();
        self.constant(ElementType::Bool, shape, bytes)
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
        for initializer in std::mem::take(&mut self.initializers) {
            self.message.message(5, initializer);
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
        let mut node = node_message(operator, name, inputs, outputs);
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
        self.initializers.push(tensor);
    }
}

fn little_endian<T: Copy, const BYTES: usize>(values: &[T], bytes: impl Fn(T) -> [u8; BYTES]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}
