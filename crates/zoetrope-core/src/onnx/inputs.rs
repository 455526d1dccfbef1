//! What goes into the graph: clips, and which of their steps are valid.

use super::graph::{Attribute, Axis, ElementType, Graph, Value};
use super::options::{InputType, OnnxOptions};
use crate::config::{InputConfig, ModelConfig};

/// Clips as they enter the encoder.
pub(super) struct Clips {
    /// float32 of `[batch, time, channels, height, width]` or `[batch, time, features]`, scaled and normalised.
    pub(super) values: Value,
    /// As they come in.
    pub(super) raw: Value,
    /// int64 of `[2]`: batch and time.
    pub(super) batch_and_time: Value,
    /// Where there are lengths.
    pub(super) padding: Option<Padding>,
}

/// Which steps are padding.
pub(super) struct Padding {
    /// int32 of `[batch]`, as it comes in.
    pub(super) lengths: Value,
    /// int64 of `[batch, 1]`.
    pub(super) counts: Value,
    /// Boolean of `[batch, time]`.
    valid: Value,
}

impl Clips {
    /// The inputs `clips` and `lengths`, and what the graph does to them first.
    pub(super) fn new(graph: &mut Graph, config: &ModelConfig, options: OnnxOptions) -> Self {
        graph.enter("inputs");
        let mut axes = vec![Axis::Free("batch"), Axis::Free("time")];
        axes.extend(config.input.sizes().into_iter().map(Axis::Size));
        let element = match options.input_type {
            InputType::Float32 => ElementType::Float,
            InputType::Uint8 => ElementType::Uint8,
        };
        let clips = graph.input("clips", element, &axes);
        let lengths = options
            .lengths
            .then(|| graph.input("lengths", ElementType::Int32, &[Axis::Free("batch")]));
        let batch_and_time = batch_and_time(graph, &clips);
        let scaled = scaled(graph, &clips, options.input_type);
        Self {
            values: normalised(graph, config, scaled),
            padding: lengths.map(|lengths| Padding::new(graph, lengths, &batch_and_time)),
            raw: clips,
            batch_and_time,
        }
    }

    /// Frames or vectors of `[batch, time, …]` that the graph itself has made, in the units of floats that come in. All of them are
    /// valid.
    pub(super) fn made(graph: &mut Graph, config: &ModelConfig, raw: Value) -> Self {
        graph.enter("inputs");
        let batch_and_time = batch_and_time(graph, &raw);
        Self {
            values: normalised(graph, config, raw.clone()),
            padding: None,
            raw,
            batch_and_time,
        }
    }

    /// The number of steps, int64 without axes, and the steps from 0 on, int64 of `[time]`.
    pub(super) fn time_and_steps(&self, graph: &mut Graph) -> [Value; 2] {
        time_and_steps(graph, &self.batch_and_time)
    }

    /// `[batch * time, …]` as `[batch, time, features]`.
    pub(super) fn as_sequence(&self, graph: &mut Graph, frames: &Value, features: i64) -> Value {
        let features = graph.integers(&[features]);
        let shape = graph.node(
            "Concat",
            &[&self.batch_and_time, &features],
            &[Attribute::Integer("axis", 0)],
        );
        graph.node("Reshape", &[frames, &shape], &[])
    }
}

impl Padding {
    /// Of lengths of `[batch]` and the sizes of the first two axes, int64 of `[2]`.
    pub(super) fn new(graph: &mut Graph, lengths: Value, batch_and_time: &Value) -> Self {
        let [_, steps] = time_and_steps(graph, batch_and_time);
        let wide = graph.node(
            "Cast",
            &[&lengths],
            &[Attribute::Integer("to", ElementType::Int64 as i64)],
        );
        let last_axis = graph.integers(&[1]);
        let counts = graph.node("Unsqueeze", &[&wide, &last_axis], &[]); //          [batch, 1]
        Self {
            valid: graph.node("Less", &[&steps, &counts], &[]), //                   [batch, time]
            lengths,
            counts,
        }
    }

    /// Fills the padding of `[batch, time]`, or with an axis of size 1 at `axis` of something of three axes.
    pub(super) fn filled(&self, graph: &mut Graph, values: &Value, axis: Option<i64>, fill: f32) -> Value {
        let fill = graph.float(fill);
        let valid = match axis {
            Some(axis) => {
                let axis = graph.integers(&[axis]);
                graph.node("Unsqueeze", &[&self.valid, &axis], &[])
            }
            None => self.valid.clone(),
        };
        graph.node("Where", &[&valid, values, &fill], &[])
    }
}

/// The sizes of the first two axes, int64 of `[2]`.
pub(super) fn batch_and_time(graph: &mut Graph, clips: &Value) -> Value {
    let bounds = [Attribute::Integer("start", 0), Attribute::Integer("end", 2)];
    graph.node("Shape", &[clips], &bounds)
}

fn time_and_steps(graph: &mut Graph, batch_and_time: &Value) -> [Value; 2] {
    let [zero, one] = [0, 1].map(|number| graph.integer(number));
    let time = graph.node("Gather", &[batch_and_time, &one], &[Attribute::Integer("axis", 0)]);
    let steps = graph.node("Range", &[&zero, &time, &one], &[]);
    [time, steps]
}

/// Bytes as 0…1; floats as they are.
fn scaled(graph: &mut Graph, clips: &Value, input_type: InputType) -> Value {
    match input_type {
        InputType::Float32 => clips.clone(),
        InputType::Uint8 => {
            let floats = graph.node("Cast", &[clips], &[Attribute::Integer("to", ElementType::Float as i64)]);
            let largest = graph.float(255.0);
            graph.node("Div", &[&floats, &largest], &[])
        }
    }
}

/// (clips − mean) / std, where the model does so.
fn normalised(graph: &mut Graph, config: &ModelConfig, clips: Value) -> Value {
    let Some(normalize) = &config.normalize else {
        return clips;
    };
    let count = normalize.mean.len() as i64;
    let shape = match config.input {
        InputConfig::Frame(_) => vec![count, 1, 1],
        InputConfig::Vector(_) => vec![count],
    };
    let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    let mean = graph.floats(&shape, &narrow(&normalize.mean));
    let std = graph.floats(&shape, &narrow(&normalize.std));
    let centred = graph.node("Sub", &[&clips, &mean], &[]);
    graph.node("Div", &[&centred, &std], &[])
}
