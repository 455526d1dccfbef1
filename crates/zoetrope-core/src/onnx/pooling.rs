//! The steps of a clip into one vector, over its valid steps; in a streaming file over those of all parts so far.

use super::graph::{Attribute, Axis, ElementType, Graph, Value};
use super::inputs::{Clips, Padding};
use super::linear::linear;
use super::weights::ModelWeights;
use crate::config::{LstmConfig, Pooling};
use crate::error::Result;

/// Pools outputs of `[batch, time, features]` into `[batch, features]`.
pub(super) fn pool(
    graph: &mut Graph,
    pooling: Pooling,
    weights: &ModelWeights,
    outputs: &Value,
    padding: Option<&Padding>,
) -> Result<Value> {
    graph.enter("pooling");
    let filled = |graph: &mut Graph, values: &Value, axis: Option<i64>, fill: f32| match padding {
        Some(padding) => padding.filled(graph, values, axis, fill),
        None => values.clone(),
    };
    Ok(match (pooling, padding) {
        (Pooling::Last, Some(padding)) => last_valid(graph, outputs, padding),
        (Pooling::Last, None) => last(graph, outputs),
        (Pooling::Mean, None) => reduced(graph, "ReduceMean", outputs),
        (Pooling::Mean, Some(padding)) => {
            let valid = padding.filled(graph, outputs, Some(2), 0.0);
            let sum = sum_over_time(graph, &valid, false);
            let counts = as_float(graph, &padding.counts);
            graph.node("Div", &[&sum, &counts], &[])
        }
        (Pooling::Max, _) => {
            let hidden = filled(graph, outputs, Some(2), f32::NEG_INFINITY);
            reduced(graph, "ReduceMax", &hidden)
        }
        (Pooling::Attention, _) => {
            let scores = scores(graph, weights, outputs)?; //                   [batch, time]
            let hidden = filled(graph, &scores, None, f32::NEG_INFINITY);
            let shares = graph.node("Softmax", &[&hidden], &[Attribute::Integer("axis", 1)]); // 0 in the padding
            let valid = filled(graph, outputs, Some(2), 0.0);
            weighted_sum(graph, &shares, &valid)
        }
    })
}

/// As [`pool`], of parts of clips without padding: what is known of the parts before comes in, and goes out with this part
/// in it. A stream begins with zeros.
pub(super) fn pool_so_far(
    graph: &mut Graph,
    pooling: Pooling,
    weights: &ModelWeights,
    outputs: &Value,
    clips: &Clips,
    lstm: LstmConfig,
) -> Result<Value> {
    graph.enter("pooling");
    let features = lstm.output_size();
    match pooling {
        Pooling::Last => Ok(last(graph, outputs)),
        Pooling::Mean => {
            let (_, count) = steps_so_far(graph, clips);
            let before = state(graph, "sum", features);
            let part = sum_over_time(graph, outputs, false);
            let sum = graph.node("Add", &[&before, &part], &[]);
            next_state(graph, "sum", &sum, features);
            Ok(graph.node("Div", &[&sum, &count], &[]))
        }
        Pooling::Max => {
            let (count, _) = steps_so_far(graph, clips);
            let before = state(graph, "max", features);
            let before = unless_new(graph, &count, &before);
            let part = reduced(graph, "ReduceMax", outputs);
            let max = graph.node("Max", &[&before, &part], &[]);
            next_state(graph, "max", &max, features);
            Ok(max)
        }
        Pooling::Attention => attend_so_far(graph, weights, outputs, features),
    }
}

/// The softmax over all steps so far, whose exponents are kept relative to the largest score so far: else they overflow.
fn attend_so_far(graph: &mut Graph, weights: &ModelWeights, outputs: &Value, features: i64) -> Result<Value> {
    let [largest, total] = ["largest", "total"].map(|name| state(graph, name, 1));
    let sum = state(graph, "sum", features);
    let scores = scores(graph, weights, outputs)?; //                           [batch, time]
    graph.enter("pooling");
    let before = unless_new(graph, &total, &largest);
    let over_time = [Attribute::Integers("axes", &[1]), Attribute::Integer("keepdims", 1)];
    let part = graph.node("ReduceMax", &[&scores], &over_time);
    let largest = graph.node("Max", &[&before, &part], &[]); //                 [batch, 1]
    let mut relative = |scores: &Value| {
        let below = graph.node("Sub", &[scores, &largest], &[]);
        graph.node("Exp", &[&below], &[])
    };
    let [fade, shares] = [relative(&before), relative(&scores)]; //             [batch, 1], [batch, time]
    let faded_with = |graph: &mut Graph, before: &Value, part: &Value| {
        let faded = graph.node("Mul", &[before, &fade], &[]);
        graph.node("Add", &[&faded, part], &[])
    };
    let part = sum_over_time(graph, &shares, true);
    let total = faded_with(graph, &total, &part);
    let part = weighted_sum(graph, &shares, outputs);
    let sum = faded_with(graph, &sum, &part);
    next_state(graph, "largest", &largest, 1);
    next_state(graph, "total", &total, 1);
    next_state(graph, "sum", &sum, features);
    Ok(graph.node("Div", &[&sum, &total], &[]))
}

/// The number of steps before this part and after it, `[batch, 1]`.
fn steps_so_far(graph: &mut Graph, clips: &Clips) -> (Value, Value) {
    let before = state(graph, "count", 1);
    let one = graph.integers(&[1]);
    let time = graph.node(
        "Gather",
        &[&clips.batch_and_time, &one],
        &[Attribute::Integer("axis", 0)],
    );
    let time = as_float(graph, &time); //                                       [1]
    let count = graph.node("Add", &[&before, &time], &[]);
    next_state(graph, "count", &count, 1);
    (before, count)
}

/// A state, or minus infinity where nothing was counted yet.
fn unless_new(graph: &mut Graph, counted: &Value, state: &Value) -> Value {
    let [zero, least] = [0.0, f32::NEG_INFINITY].map(|value| graph.float(value));
    let began = graph.node("Greater", &[counted, &zero], &[]);
    graph.node("Where", &[&began, state, &least], &[])
}

fn state(graph: &mut Graph, name: &str, size: i64) -> Value {
    graph.input(name, ElementType::Float, &[Axis::Free("batch"), Axis::Size(size)])
}

fn next_state(graph: &mut Graph, name: &str, value: &Value, size: i64) {
    graph.state_output(&format!("next_{name}"), value, &[Axis::Free("batch"), Axis::Size(size)]);
}

/// The last step of each clip.
pub(super) fn last(graph: &mut Graph, outputs: &Value) -> Value {
    let index = graph.integer(-1);
    graph.node("Gather", &[outputs, &index], &[Attribute::Integer("axis", 1)])
}

/// The last valid step of each clip, of either direction. An LSTM's `Y_h` is another thing: there the other direction has
/// run to the clip's begin.
pub(super) fn last_valid(graph: &mut Graph, outputs: &Value, padding: &Padding) -> Value {
    let one = graph.integer(1);
    let indices = graph.node("Sub", &[&padding.counts, &one], &[]); //          [batch, 1]
    graph.node("GatherND", &[outputs, &indices], &[Attribute::Integer("batch_dims", 1)])
}

/// The attention's score of each step: `[batch, time]`.
fn scores(graph: &mut Graph, weights: &ModelWeights, outputs: &Value) -> Result<Value> {
    let scores = linear(graph, weights, "attention", outputs)?; //              [batch, time, 1]
    let axis = graph.integers(&[2]);
    Ok(graph.node("Squeeze", &[&scores, &axis], &[]))
}

/// Σ shares · outputs over time: `[batch, time]` with `[batch, time, features]` into `[batch, features]`.
pub(super) fn weighted_sum(graph: &mut Graph, shares: &Value, outputs: &Value) -> Value {
    let axis = graph.integers(&[1]);
    let rows = graph.node("Unsqueeze", &[shares, &axis], &[]); //               [batch, 1, time]
    let sums = graph.node("MatMul", &[&rows, outputs], &[]); //                 [batch, 1, features]
    graph.node("Squeeze", &[&sums, &axis], &[])
}

fn reduced(graph: &mut Graph, operator: &str, values: &Value) -> Value {
    let over_time = [Attribute::Integers("axes", &[1]), Attribute::Integer("keepdims", 0)];
    graph.node(operator, &[values], &over_time)
}

/// At opset 17 this is the one reduction whose axes are an input.
fn sum_over_time(graph: &mut Graph, values: &Value, keeps_axis: bool) -> Value {
    let axis = graph.integers(&[1]);
    graph.node(
        "ReduceSum",
        &[values, &axis],
        &[Attribute::Integer("keepdims", i64::from(keeps_axis))],
    )
}

fn as_float(graph: &mut Graph, integers: &Value) -> Value {
    graph.node(
        "Cast",
        &[integers],
        &[Attribute::Integer("to", ElementType::Float as i64)],
    )
}
