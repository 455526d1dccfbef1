//! The blocks of convolutions: over the pixels of each frame, or over the time of vectors; and the projection behind them.

mod backbone;
pub(super) mod conv;

use self::conv::Convolution;
use super::graph::{Attribute, Graph, Value};
use super::inputs::Clips;
use super::linear::linear;
use super::weights::ModelWeights;
use crate::config::{BlockConfig, Cnn, GlobalPool, InputConfig, ModelConfig};
use crate::error::Result;

/// Clips into what the recurrent part reads, `[batch, time, features]`.
pub(super) fn features(
    graph: &mut Graph,
    config: &ModelConfig,
    weights: &ModelWeights,
    clips: &Clips,
) -> Result<Value> {
    let encoded = encode(graph, config, weights, clips)?;
    match config.projection {
        Some(_) => linear(graph, weights, "projection", &encoded),
        None => Ok(encoded),
    }
}

/// Clips into features of the encoder, `[batch, time, features]`.
fn encode(graph: &mut Graph, config: &ModelConfig, weights: &ModelWeights, clips: &Clips) -> Result<Value> {
    match config.input {
        InputConfig::Frame(_) => encode_frames(graph, config, weights, clips),
        InputConfig::Vector(_) => encode_vectors(graph, config, weights, clips),
    }
}

/// Each frame by itself, padding too: it reaches no other frame here.
fn encode_frames(graph: &mut Graph, config: &ModelConfig, weights: &ModelWeights, clips: &Clips) -> Result<Value> {
    let sizes = config.input.sizes();
    let shape = graph.integers(&[&[-1], sizes.as_slice()].concat());
    let mut frames = graph.node("Reshape", &[&clips.values, &shape], &[]); //   [batch * time, channels, height, width]
    frames = match &config.cnn {
        Cnn::Backbone(backbone) => backbone::encode(graph, weights, &backbone.stages(sizes[0]), &frames)?,
        Cnn::Blocks(blocks) => {
            let mut channels = sizes[0];
            for (index, block) in blocks.iter().enumerate() {
                frames = encode_block(graph, weights, (index + 1, block), channels, 2, &frames)?;
                channels = block.out_channels;
            }
            frames
        }
    };
    if config.global_pool == GlobalPool::Average {
        graph.enter("cnn");
        frames = graph.node("GlobalAveragePool", &[&frames], &[]); //           [batch * time, channels, 1, 1]
    }
    graph.enter("cnn");
    Ok(clips.as_sequence(graph, &frames, config.features())) //                 [batch, time, features]
}

/// A convolution mixes steps: before each one the padding is zero, as it is in front of and behind a clip.
fn encode_vectors(graph: &mut Graph, config: &ModelConfig, weights: &ModelWeights, clips: &Clips) -> Result<Value> {
    let blocks = config.cnn.blocks();
    if blocks.is_empty() {
        return Ok(clips.values.clone());
    }
    graph.enter("cnn");
    let exchange = [Attribute::Integers("perm", &[0, 2, 1])];
    let mut vectors = graph.node("Transpose", &[&clips.values], &exchange); //  [batch, features, time]
    let mut channels = config.input.as_frame().channels;
    for (index, block) in blocks.iter().enumerate() {
        graph.enter(&format!("cnn.conv{}", index + 1));
        let masked = match &clips.padding {
            Some(padding) => padding.filled(graph, &vectors, Some(1), 0.0),
            None => vectors,
        };
        vectors = encode_block(graph, weights, (index + 1, block), channels, 1, &masked)?; // [batch, out_channels, time]
        channels = block.out_channels;
    }
    graph.enter("cnn");
    Ok(graph.node("Transpose", &[&vectors], &exchange)) //                      [batch, time, features]
}

/// Convolution, norm, residual sum, activation and pooling of a block, which is counted from 1, over so many `axes`: 2 for
/// height and width, 1 for time.
fn encode_block(
    graph: &mut Graph,
    weights: &ModelWeights,
    (number, block): (usize, &BlockConfig),
    in_channels: i64,
    axes: usize,
    inputs: &Value,
) -> Result<Value> {
    let [name, norm_name, shortcut] = ["conv", "norm", "shortcut"].map(|part| format!("cnn.{part}{number}"));
    let convolution = |name, conv| Convolution {
        name,
        norm_name: &norm_name,
        has_bias: true,
        conv,
        axes,
    };
    let residual = if block.has_shortcut(in_channels) {
        Some(convolution(&shortcut, block.shortcut()).apply(graph, weights, inputs, None)?)
    } else {
        block.residual.then(|| inputs.clone())
    };
    convolution(&name, block.conv()).apply(graph, weights, inputs, residual.as_ref())
}
