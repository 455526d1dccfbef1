//! The recurrent part: LSTM or GRU nodes, one for each layer.

use super::graph::{Attribute, Axis, ElementType, Graph, Value};
use super::inputs::Padding;
use super::missing::Missing;
use super::weights::ModelWeights;
use crate::config::{Cell, LstmConfig};
use crate::error::Result;

/// PyTorch's gates in ONNX's order: `i f g o` as `i o f c`, `r z n` as `z r h`.
fn gate_order(cell: Cell) -> &'static [usize] {
    match cell {
        Cell::Lstm => &[0, 3, 1, 2],
        Cell::Gru => &[1, 0, 2],
    }
}

/// `[batch, time, features]` into the top layer's outputs, `[batch, time, directions * hidden_size]`, finite in the padding.
/// In a streaming file the state before the first step comes in, and the state after the last one goes out.
pub(super) fn recur(
    graph: &mut Graph,
    lstm: LstmConfig,
    weights: &ModelWeights,
    features: &Value,
    padding: Option<&Padding>,
    mut states: Option<&mut States>,
) -> Result<Value> {
    graph.enter(lstm.cell.name());
    // ONNX Runtime multiplies padded steps with the weights as well, so they must not be NaN.
    let masked = match padding {
        Some(padding) => padding.filled(graph, features, Some(2), 0.0),
        None => features.clone(),
    };
    // Time comes first: runtimes refuse `layout` 1.
    let time_first = [Attribute::Integers("perm", &[1, 0, 2])];
    let mut sequence = graph.node("Transpose", &[&masked], &time_first); //     [time, batch, features]
    for layer in 0..lstm.num_layers {
        graph.enter(&format!("{}_l{layer}", lstm.cell.name()));
        let layer = Layer {
            module: lstm.cell.name(),
            lstm,
            index: layer,
        };
        sequence = layer.apply(graph, weights, &sequence, padding, states.as_deref_mut())?;
    }
    graph.enter(lstm.cell.name());
    Ok(graph.node("Transpose", &[&sequence], &time_first)) //                   [batch, time, directions * hidden_size]
}

/// One layer.
pub(super) struct Layer {
    /// What its weights' names begin with.
    pub(super) module: &'static str,
    pub(super) lstm: LstmConfig,
    /// From 0.
    pub(super) index: i64,
}

impl Layer {
    /// `[time, batch, features]` into `[time, batch, directions * hidden_size]`.
    pub(super) fn apply(
        &self,
        graph: &mut Graph,
        weights: &ModelWeights,
        sequence: &Value,
        padding: Option<&Padding>,
        states: Option<&mut States>,
    ) -> Result<Value> {
        let LstmConfig {
            cell,
            hidden_size,
            bidirectional,
            ..
        } = self.lstm;
        let [w, r, b] = self.parameters(graph, weights)?;
        let direction = if bidirectional { "bidirectional" } else { "forward" };
        let mut attributes = vec![
            Attribute::Text("direction", direction),
            Attribute::Integer("hidden_size", hidden_size),
        ];
        let operator = match cell {
            Cell::Lstm => "LSTM",
            Cell::Gru => {
                // PyTorch multiplies the reset gate onto W_hn h + b_hn; the default here is onto h.
                attributes.push(Attribute::Integer("linear_before_reset", 1));
                "GRU"
            }
        };
        // With its lengths the other direction begins at each clip's own last step, and the runtime checks that every
        // length is from 1 to time.
        let lengths = padding.map_or_else(Value::absent, |padding| padding.lengths.clone());
        let mut inputs = vec![sequence.clone(), w, r, b, lengths];
        if let Some(states) = &states {
            let layer = self.index as usize;
            inputs.extend(states.hidden.get(layer).cloned());
            inputs.extend(states.cell.get(layer).cloned());
        }
        let inputs: Vec<&Value> = inputs.iter().collect();
        let outputs = match (states, cell) {
            (None, _) => graph.node(operator, &inputs, &attributes),
            (Some(states), Cell::Gru) => {
                let [outputs, hidden] = graph.node_of(operator, &inputs, &attributes);
                states.next_hidden.push(hidden);
                outputs
            }
            (Some(states), Cell::Lstm) => {
                let [outputs, hidden, memory] = graph.node_of(operator, &inputs, &attributes);
                states.next_hidden.push(hidden);
                states.next_cell.push(memory);
                outputs
            }
        }; //                                                                   [time, directions, batch, hidden_size]
        if !bidirectional {
            let axis = graph.integers(&[1]);
            return Ok(graph.node("Squeeze", &[&outputs, &axis], &[]));
        }
        let beside = graph.node("Transpose", &[&outputs], &[Attribute::Integers("perm", &[0, 2, 1, 3])]);
        let shape = graph.integers(&[0, 0, 2 * hidden_size]); //                0: as it is
        Ok(graph.node("Reshape", &[&beside, &shape], &[]))
    }

    /// `W` of `[directions, gates * hidden_size, features]`, `R` the same of `hidden_size`, and `B` of
    /// `[directions, 2 * gates * hidden_size]`, the input's bias before the state's.
    fn parameters(&self, graph: &mut Graph, weights: &ModelWeights) -> Result<[Value; 3]> {
        let LstmConfig {
            cell, bidirectional, ..
        } = self.lstm;
        let suffixes: &[&str] = if bidirectional { &["", "_reverse"] } else { &[""] };
        let name = |kind: &str, suffix: &str| format!("{}.{kind}_l{}{suffix}", self.module, self.index);
        let mut stacked = |kinds: &[&str], as_name: &str| -> Result<Value> {
            let mut values = Vec::new();
            let mut shape = vec![suffixes.len() as i64];
            for (suffix, kind) in suffixes
                .iter()
                .flat_map(|suffix| kinds.iter().map(move |kind| (suffix, kind)))
            {
                let (rows, size) = weights.read(&name(kind, suffix))?;
                values.extend(reordered(&rows, gate_order(cell)));
                shape.truncate(1);
                shape.extend(size);
            }
            shape[1] *= kinds.len() as i64;
            Ok(graph.weight(&name(as_name, ""), &shape, &values))
        };
        Ok([
            stacked(&["weight_ih"], "W")?,
            stacked(&["weight_hh"], "R")?,
            stacked(&["bias_ih", "bias_hh"], "B")?,
        ])
    }
}

/// The rows of all gates, each gate's together, in another order of gates.
fn reordered(rows: &[f32], order: &[usize]) -> Vec<f32> {
    let size = rows.len() / order.len();
    order
        .iter()
        .flat_map(|gate| &rows[gate * size..][..size])
        .copied()
        .collect()
}

/// The state of each layer of one direction, `[1, batch, hidden_size]`: as it comes in, and as it goes out.
#[derive(Default)]
pub(super) struct States {
    /// None: zeros.
    pub(super) hidden: Vec<Value>,
    /// Of an LSTM.
    pub(super) cell: Vec<Value>,
    pub(super) next_hidden: Vec<Value>,
    pub(super) next_cell: Vec<Value>,
}

impl States {
    /// Those that come into a streaming file, the hidden ones also as they come in: `[layers, batch, hidden_size]`.
    pub(super) fn streamed(graph: &mut Graph, lstm: LstmConfig) -> (Self, Value) {
        graph.enter(lstm.cell.name());
        let layers = lstm.num_layers as usize;
        let stacked = graph.input("hidden", ElementType::Float, &Self::axes(lstm));
        let cell = match lstm.cell {
            Cell::Gru => Vec::new(),
            Cell::Lstm => {
                let cell = graph.input("cell", ElementType::Float, &Self::axes(lstm));
                graph.rows(&cell, layers)
            }
        };
        let states = Self {
            hidden: graph.rows(&stacked, layers),
            cell,
            ..Self::default()
        };
        (states, stacked)
    }

    /// The outputs `next_hidden` and, of an LSTM, `next_cell`. A state that a missing value reached stays `NaN`.
    pub(super) fn leave(self, graph: &mut Graph, lstm: LstmConfig, missing: Option<&Missing>) {
        graph.enter(lstm.cell.name());
        let mut leave = |name: &str, states: &[Value]| {
            let states: Vec<&Value> = states.iter().collect();
            let mut stacked = graph.node("Concat", &states, &[Attribute::Integer("axis", 0)]);
            if let Some(missing) = missing {
                stacked = Missing::said_by(graph, &missing.clip, &stacked);
            }
            graph.state_output(name, &stacked, &Self::axes(lstm));
        };
        leave("next_hidden", &self.next_hidden);
        if lstm.cell == Cell::Lstm {
            leave("next_cell", &self.next_cell);
        }
    }

    fn axes(lstm: LstmConfig) -> [Axis; 3] {
        let [layers, size] = [lstm.num_layers, lstm.hidden_size].map(Axis::Size);
        [layers, Axis::Free("batch"), size]
    }
}
