//! The head: what the file answers.

use super::graph::{Attribute, Axis, Graph, Value};
use super::inputs::Padding;
use super::linear::linear;
use super::missing::Missing;
use super::options::OnnxOptions;
use super::weights::ModelWeights;
use crate::config::{HeadKind, ModelConfig};
use crate::error::Result;

/// `[batch, features]` or, of a head that is not pooled, `[batch, time, features]` into the graph's outputs, which are zero in the
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
    let outputs = match (missing, config.head.has_outputs_per_frame()) {
        (None, _) => outputs,
        (Some(missing), false) => Missing::said_by(graph, &missing.clip, &outputs),
        (Some(missing), true) => Missing::said_by(graph, &missing.steps, &outputs),
    };
    let name = match config.head.kind {
        HeadKind::Regression => "values",
        _ => "logits",
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
    match (config.head.has_outputs_per_frame(), padding) {
        (false, _) => graph.output(name, values, &[batch, size]),
        (true, padding) => {
            let values = match padding {
                Some(padding) => padding.filled(graph, values, Some(2), 0.0),
                None => values.clone(),
            };
            graph.output(name, &values, &[batch, Axis::Free("time"), size]);
        }
    }
}
