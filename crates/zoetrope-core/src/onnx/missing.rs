//! Missing values: what follows from a `NaN` among a clip's valid steps.
//!
//! The model's answers are `NaN` then. Runtimes lose it on the way: ONNX Runtime's `Relu`, `MaxPool` and `LSTM` make numbers of
//! it, and the file would answer as if nothing were missing. So the graph looks for it at the door, and says it at the end.

use super::graph::{Attribute, ElementType, Graph, Value};
use super::inputs::Clips;
use crate::config::{InputConfig, ModelConfig};

/// Which answers a missing value reaches.
pub(super) struct Missing {
    /// Boolean of `[batch, 1]`: those of a clip.
    pub(super) clip: Value,
    /// Boolean of `[batch, time, 1]`: those of its steps.
    pub(super) steps: Value,
}

impl Missing {
    /// `before` is the hidden state of `[layers, batch, hidden_size]` that a stream goes on from.
    pub(super) fn new(graph: &mut Graph, config: &ModelConfig, clips: &Clips, before: Option<&Value>) -> Self {
        graph.enter("missing");
        let of_step: Vec<i64> = (2..2 + config.input.sizes().len() as i64).collect();
        let mut found = is_missing(graph, &clips.raw, &of_step); //                  [batch, time], 0 or 1
        if let Some(padding) = &clips.padding {
            found = padding.filled(graph, &found, None, 0.0);
        }
        if let Some(before) = before {
            let before = is_missing(graph, before, &[0, 2]); //              [batch]
            let axis = graph.integers(&[1]);
            let before = graph.node("Unsqueeze", &[&before, &axis], &[]);
            found = graph.node("Add", &[&found, &before], &[]); //              every step
        }
        let over_time = [Attribute::Integers("axes", &[1]), Attribute::Integer("keepdims", 1)];
        let any = graph.node("ReduceMax", &[&found], &over_time); //            [batch, 1]
        let axis = graph.integers(&[2]);
        let steps = if config.lstm.bidirectional {
            any.clone()
        } else {
            let axis = graph.integer(1);
            let so_far = graph.node("CumSum", &[&found, &axis], &[]); //        that step and all after it
            at_reach(graph, config, clips, &so_far)
        };
        let steps = graph.node("Unsqueeze", &[&steps, &axis], &[]); //          [batch, time or 1, 1]
        Self {
            clip: is_positive(graph, &any),
            steps: is_positive(graph, &steps),
        }
    }

    /// `NaN` where a value is missing.
    pub(super) fn said_by(graph: &mut Graph, is_missing: &Value, values: &Value) -> Value {
        let nothing = graph.float(f32::NAN);
        graph.node("Where", &[is_missing, &nothing, values], &[])
    }
}

/// 1 where one of the values over those axes is `NaN`: their sum is then, which takes one pass over them.
fn is_missing(graph: &mut Graph, values: &Value, axes: &[i64]) -> Value {
    let axes = graph.integers(axes);
    let sum = graph.node("ReduceSum", &[values, &axes], &[Attribute::Integer("keepdims", 0)]);
    let is_nan = graph.node("IsNaN", &[&sum], &[]);
    graph.node(
        "Cast",
        &[&is_nan],
        &[Attribute::Integer("to", ElementType::Float as i64)],
    )
}

/// Of `[batch, time]` the entry of the last step that a step looks at, by the convolutions over time of vectors.
fn at_reach(graph: &mut Graph, config: &ModelConfig, clips: &Clips, values: &Value) -> Value {
    let reach: i64 = match config.input {
        InputConfig::Frame(_) => 0,
        InputConfig::Vector(_) => config.cnn.blocks().iter().map(|block| block.padding).sum(),
    };
    if reach == 0 {
        return values.clone();
    }
    let [time, steps] = clips.time_and_steps(graph);
    let [reach, one] = [reach, 1].map(|number| graph.integer(number));
    let ahead = graph.node("Add", &[&steps, &reach], &[]);
    let end = graph.node("Sub", &[&time, &one], &[]);
    let indices = graph.node("Min", &[&ahead, &end], &[]); //                   [time]
    graph.node("Gather", &[values, &indices], &[Attribute::Integer("axis", 1)])
}

fn is_positive(graph: &mut Graph, values: &Value) -> Value {
    let zero = graph.float(0.0);
    graph.node("Greater", &[values, &zero], &[])
}
