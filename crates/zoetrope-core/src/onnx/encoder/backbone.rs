//! The stages of a backbone as operators.

use super::conv::Convolution;
use crate::config::{NamedConv, SqueezeExcite, Stage};
use crate::error::Result;
use crate::onnx::graph::{Attribute, Graph, Value};
use crate::onnx::weights::ModelWeights;

/// Frames of `[frames, channels, height, width]` through every stage.
pub(super) fn encode(graph: &mut Graph, weights: &ModelWeights, stages: &[Stage], frames: &Value) -> Result<Value> {
    let mut frames = frames.clone();
    for stage in stages {
        frames = apply(graph, weights, stage, &frames)?;
    }
    Ok(frames)
}

fn apply(graph: &mut Graph, weights: &ModelWeights, stage: &Stage, frames: &Value) -> Result<Value> {
    match stage {
        Stage::Conv(conv) => convolve(graph, weights, conv, frames, None),
        Stage::MaxPool(name) => {
            graph.enter(&format!("cnn.{name}"));
            let attributes = [
                Attribute::Integers("kernel_shape", &[3, 3]),
                Attribute::Integers("strides", &[2, 2]),
                Attribute::Integers("pads", &[1, 1, 1, 1]),
            ];
            Ok(graph.node("MaxPool", &[frames], &attributes))
        }
        Stage::SqueezeExcite(excitation) => squeeze_excite(graph, weights, excitation, frames),
        Stage::Sequence(stages) => encode(graph, weights, stages, frames),
        Stage::Residual(residual) => {
            let shortcut = match &residual.shortcut {
                Some(shortcut) => convolve(graph, weights, shortcut, frames, None)?,
                None => frames.clone(),
            };
            let body = encode(graph, weights, &residual.body, frames)?;
            convolve(graph, weights, &residual.last, &body, Some(&shortcut))
        }
    }
}

/// Each channel times a factor of 0…1, which two convolutions make of the channels' means.
fn squeeze_excite(
    graph: &mut Graph,
    weights: &ModelWeights,
    excitation: &SqueezeExcite,
    frames: &Value,
) -> Result<Value> {
    let SqueezeExcite { squeeze, excite } = excitation;
    graph.enter(&format!("cnn.{}", squeeze.name));
    let means = graph.node("GlobalAveragePool", &[frames], &[]); //             [frames, channels, 1, 1]
    let squeezed = convolve(graph, weights, squeeze, &means, None)?;
    let excited = convolve(graph, weights, excite, &squeezed, None)?;
    let slope = [Attribute::Float("alpha", 1.0 / 6.0), Attribute::Float("beta", 0.5)];
    let factors = graph.node("HardSigmoid", &[&excited], &slope);
    Ok(graph.node("Mul", &[frames, &factors], &[]))
}

fn convolve(
    graph: &mut Graph,
    weights: &ModelWeights,
    named: &NamedConv,
    frames: &Value,
    residual: Option<&Value>,
) -> Result<Value> {
    let [name, norm_name] = [&named.name, &named.norm_name].map(|name| format!("cnn.{name}"));
    let convolution = Convolution {
        name: &name,
        norm_name: &norm_name,
        has_bias: named.has_bias,
        conv: named.conv,
        axes: 2,
    };
    convolution.apply(graph, weights, frames, residual)
}
