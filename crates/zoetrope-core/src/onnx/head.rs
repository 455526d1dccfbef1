//! The head: what the file answers.

use super::graph::{Attribute, Axis, Graph, Value};
use super::inputs::Padding;
use super::linear::linear;
use super::missing::Missing;
use super::options::OnnxOptions;
use super::weights::ModelWeights;
use crate::config::{HeadKind, ModelConfig, Per};
use crate::error::Result;

/// `[batch, features]` or, of a head per frame, `[batch, time, features]` into the graph's outputs, which are zero in the
/// padding.
pub(super) fn answer(
    graph: &mut Graph,
    config: &ModelConfig,
    options: OnnxOptions,
    weights: &ModelWeights,
    pooled: &Value,
    padding: Option<&Padding>,
    missing: Option<&Missing>,
) -> Result<()> {
    let outputs = linear(graph, weights, "fc", pooled)?;
    let outputs = match (missing, config.head.per) {
        (None, _) => outputs,
        (Some(missing), Per::Clip) => Missing::said_by(graph, &missing.clip, &outputs),
        (Some(missing), Per::Frame) => Missing::said_by(graph, &missing.steps, &outputs),
    };
    let name = match config.head.kind {
        HeadKind::Regression => "values",
        HeadKind::Classification | HeadKind::MultiLabel => "logits",
    };
    leave(graph, config, name, &outputs, padding);
    if options.softmax {
        let probabilities = match config.head.kind {
            HeadKind::MultiLabel => graph.node("Sigmoid", &[&outputs], &[]),
            _ => graph.node("Softmax", &[&outputs], &[Attribute::Integer("axis", -1)]),
        };
        leave(graph, config, "probabilities", &probabilities, padding);
    }
    Ok(())
}

fn leave(graph: &mut Graph, config: &ModelConfig, name: &str, values: &Value, padding: Option<&Padding>) {
    let size = Axis::Size(config.num_outputs());
    let batch = Axis::Free("batch");
    match (config.head.per, padding) {
        (Per::Clip, _) => graph.output(name, values, &[batch, size]),
        (Per::Frame, padding) => {
            let values = match padding {
                Some(padding) => padding.filled(graph, values, Some(2), 0.0),
                None => values.clone(),
            };
            graph.output(name, &values, &[batch, Axis::Free("time"), size]);
        }
    }
}
