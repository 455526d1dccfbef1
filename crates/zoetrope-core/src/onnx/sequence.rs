//! A string of labels: what a decoder keeps of a clip, and one of its steps as a file of its own.

use super::graph::{Attribute, Axis, ElementType, Graph, Value};
use super::inputs::{Padding, batch_and_time};
use super::linear::linear;
use super::missing::Missing;
use super::options::OnnxOptions;
use super::pooling::{last, last_valid, weighted_sum};
use super::recurrent::{Layer, States};
use super::weights::ModelWeights;
use crate::config::{Cell, LstmConfig, ModelConfig, SequenceConfig};
use crate::error::Result;

/// The outputs `hidden` and `cell`, in which strings begin, `[batch, hidden_size]`; with attention also `keys` and `values`,
/// `[batch, time, …]`. `states` are the recurrent part's, `[batch, time, directions * hidden_size]`.
pub(super) fn remember(
    graph: &mut Graph,
    config: &ModelConfig,
    sequence: SequenceConfig,
    weights: &ModelWeights,
    states: &Value,
    padding: Option<&Padding>,
    missing: Option<&Missing>,
) -> Result<()> {
    let values = match padding {
        Some(padding) => padding.filled(graph, states, Some(2), 0.0),
        None => states.clone(),
    };
    graph.enter("decoder");
    let mut ends = match padding {
        Some(padding) => last_valid(graph, &values, padding),
        None => last(graph, &values),
    };
    if config.lstm.bidirectional {
        let size = config.lstm.hidden_size;
        let first = graph.integer(0); //                                where the backward direction ends
        let first = graph.node("Gather", &[&values, &first], &[Attribute::Integer("axis", 1)]);
        let [forward, _] = halves(graph, &ends, size);
        let [_, backward] = halves(graph, &first, size);
        ends = graph.node("Concat", &[&forward, &backward], &[Attribute::Integer("axis", 1)]);
    }
    let bridged = linear(graph, weights, "decoder.bridge", &ends)?;
    let mut start = graph.node("Tanh", &[&bridged], &[]);
    if let Some(missing) = missing {
        start = Missing::said_by(graph, &missing.clip, &start);
    }
    let size = sequence.hidden_size;
    let [hidden, cell] = halves(graph, &start, size);
    graph.output("hidden", &hidden, &state_axes(size));
    graph.output("cell", &cell, &state_axes(size));
    if sequence.attention {
        let keys = linear(graph, weights, "decoder.attention.key", &values)?;
        graph.output("keys", &keys, &frame_axes(size));
        graph.output("values", &values, &frame_axes(config.lstm.output_size()));
    }
    Ok(())
}

/// The graph of one step: `tokens`, the state and what the encoder's file keeps of the clips into `logits` of
/// `[batch, classes + 1]`, and the next state.
pub(super) fn step(
    graph: &mut Graph,
    config: &ModelConfig,
    sequence: SequenceConfig,
    options: OnnxOptions,
    weights: &ModelWeights,
) -> Result<()> {
    let size = sequence.hidden_size;
    graph.enter("decoder");
    let tokens = graph.input("tokens", ElementType::Int32, &[Axis::Free("batch")]);
    let hidden = graph.input("hidden", ElementType::Float, &state_axes(size));
    let cell = graph.input("cell", ElementType::Float, &state_axes(size));
    let (embedding, shape) = weights.read("decoder.embedding.weight")?;
    let embedding = graph.weight("decoder.embedding.weight", &shape, &embedding);
    let read = graph.node("Gather", &[&embedding, &tokens], &[Attribute::Integer("axis", 0)]);
    let first = graph.integers(&[0]);
    let [read, before, memory] = [&read, &hidden, &cell].map(|value| graph.node("Unsqueeze", &[value, &first], &[])); // [1, batch, …]
    let mut states = States {
        hidden: vec![before],
        cell: vec![memory],
        ..States::default()
    };
    let layer = Layer {
        module: "decoder.lstm",
        lstm: LstmConfig {
            cell: Cell::Lstm,
            hidden_size: size,
            num_layers: 1,
            dropout: 0.0,
            bidirectional: false,
        },
        index: 0,
    };
    let outputs = layer.apply(graph, weights, &read, None, Some(&mut states))?; //  [1, batch, hidden_size]
    let mut seen = graph.node("Squeeze", &[&outputs, &first], &[]);
    if sequence.attention {
        let context = attend(graph, config, size, options, weights, &seen)?;
        seen = graph.node("Concat", &[&seen, &context], &[Attribute::Integer("axis", 1)]);
    }
    let logits = linear(graph, weights, "fc", &seen)?;
    // ONNX Runtime's LSTM makes a number of a state that is none.
    let is_nothing = is_nothing(graph, &hidden);
    let logits = Missing::said_by(graph, &is_nothing, &logits);
    let axes = [Axis::Free("batch"), Axis::Size(config.num_outputs())];
    graph.output("logits", &logits, &axes);
    if options.softmax {
        let probabilities = graph.node("Softmax", &[&logits], &[Attribute::Integer("axis", 1)]);
        graph.output("probabilities", &probabilities, &axes);
    }
    for (name, next) in [("next_hidden", &states.next_hidden), ("next_cell", &states.next_cell)] {
        for next in next {
            let next = graph.node("Squeeze", &[next, &first], &[]);
            let next = Missing::said_by(graph, &is_nothing, &next);
            graph.state_output(name, &next, &state_axes(size));
        }
    }
    Ok(())
}

/// What states of `[batch, hidden_size]` see of their clips' frames: `[batch, encoded]`.
fn attend(
    graph: &mut Graph,
    config: &ModelConfig,
    size: i64,
    options: OnnxOptions,
    weights: &ModelWeights,
    states: &Value,
) -> Result<Value> {
    let keys = graph.input("keys", ElementType::Float, &frame_axes(size));
    let values = graph.input("values", ElementType::Float, &frame_axes(config.lstm.output_size()));
    let padding = options.lengths.then(|| {
        let lengths = graph.input("lengths", ElementType::Int32, &[Axis::Free("batch")]);
        let sizes = batch_and_time(graph, &keys);
        Padding::new(graph, lengths, &sizes)
    });
    let query = linear(graph, weights, "decoder.attention.query", states)?;
    let axis = graph.integers(&[1]);
    let query = graph.node("Unsqueeze", &[&query, &axis], &[]); //              [batch, 1, hidden_size]
    let summed = graph.node("Add", &[&query, &keys], &[]);
    let bent = graph.node("Tanh", &[&summed], &[]);
    let energies = linear(graph, weights, "decoder.attention.score", &bent)?; //   [batch, time, 1]
    let axis = graph.integers(&[2]);
    let mut energies = graph.node("Squeeze", &[&energies, &axis], &[]);
    if let Some(padding) = padding {
        energies = padding.filled(graph, &energies, None, f32::NEG_INFINITY);
    }
    let shares = graph.node("Softmax", &[&energies], &[Attribute::Integer("axis", 1)]); // 0 in the padding
    Ok(weighted_sum(graph, &shares, &values))
}

/// The first `size` columns of `[batch, 2 * size]`, and the others.
fn halves(graph: &mut Graph, values: &Value, size: i64) -> [Value; 2] {
    let sizes = graph.integers(&[size, size]);
    graph.node_of("Split", &[values, &sizes], &[Attribute::Integer("axis", 1)])
}

/// Boolean of `[batch, 1]`: whether a state of `[batch, hidden_size]` has a `NaN`.
fn is_nothing(graph: &mut Graph, state: &Value) -> Value {
    graph.enter("missing");
    let axis = graph.integers(&[1]);
    let sum = graph.node("ReduceSum", &[state, &axis], &[Attribute::Integer("keepdims", 1)]);
    graph.node("IsNaN", &[&sum], &[])
}

fn state_axes(size: i64) -> [Axis; 2] {
    [Axis::Free("batch"), Axis::Size(size)]
}

fn frame_axes(size: i64) -> [Axis; 3] {
    [Axis::Free("batch"), Axis::Free("time"), Axis::Size(size)]
}
