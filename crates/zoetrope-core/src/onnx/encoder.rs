//! The blocks of convolutions: over the pixels of each frame, or over the time of vectors; and the projection behind them.

use super::graph::{Attribute, Graph, Value};
use super::inputs::Clips;
use super::linear::linear;
use super::norm::{BatchNorm, layer_norm};
use super::weights::ModelWeights;
use crate::config::{Activation, BlockConfig, GlobalPool, InputConfig, ModelConfig, Norm, Pool};
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
    let mut channels = sizes[0];
    for (index, block) in config.cnn.iter().enumerate() {
        let convolution = Convolution {
            number: index + 1,
            channels,
            block,
            axes: 2,
        };
        let activated = convolution.apply(graph, weights, &frames, &frames)?;
        frames = pool(graph, &activated, block);
        channels = block.out_channels;
    }
    if config.global_pool == GlobalPool::Average {
        graph.enter("cnn");
        frames = graph.node("GlobalAveragePool", &[&frames], &[]); //           [batch * time, channels, 1, 1]
    }
    graph.enter("cnn");
    Ok(clips.as_sequence(graph, &frames, config.features())) //                 [batch, time, features]
}

/// A convolution mixes steps: before each one the padding is zero, as it is in front of and behind a clip.
fn encode_vectors(graph: &mut Graph, config: &ModelConfig, weights: &ModelWeights, clips: &Clips) -> Result<Value> {
    if config.cnn.is_empty() {
        return Ok(clips.values.clone());
    }
    graph.enter("cnn");
    let exchange = [Attribute::Integers("perm", &[0, 2, 1])];
    let mut vectors = graph.node("Transpose", &[&clips.values], &exchange); //  [batch, features, time]
    let mut channels = config.input.as_frame().channels;
    for (index, block) in config.cnn.iter().enumerate() {
        graph.enter(&format!("cnn.conv{}", index + 1));
        let masked = match &clips.padding {
            Some(padding) => padding.filled(graph, &vectors, Some(1), 0.0),
            None => vectors,
        };
        let convolution = Convolution {
            number: index + 1,
            channels,
            block,
            axes: 1,
        };
        vectors = convolution.apply(graph, weights, &masked, &masked)?; //      [batch, out_channels, time]
        channels = block.out_channels;
    }
    graph.enter("cnn");
    Ok(graph.node("Transpose", &[&vectors], &exchange)) //                      [batch, time, features]
}

/// A block up to its pooling.
struct Convolution<'a> {
    /// From 1.
    number: usize,
    /// Of its input.
    channels: i64,
    block: &'a BlockConfig,
    /// 2 for height and width, 1 for time.
    axes: usize,
}

impl Convolution<'_> {
    /// Convolution, norm, residual sum, activation.
    fn apply(&self, graph: &mut Graph, weights: &ModelWeights, input: &Value, shortcut: &Value) -> Result<Value> {
        let Self { number, block, .. } = *self;
        graph.enter(&format!("cnn.conv{number}"));
        let mut values = self.convolve(graph, weights, input)?;
        if block.norm == Some(Norm::Layer) {
            values = layer_norm(graph, weights, &format!("cnn.norm{number}"), &values, self.axes)?;
        }
        if block.residual {
            let shortcut = self.shortcut(graph, weights, shortcut)?;
            values = graph.node("Add", &[&values, &shortcut], &[]);
        }
        Ok(activate(graph, &values, block.activation))
    }

    /// The convolution, and a batch norm: within its weights where float32 holds the product.
    fn convolve(&self, graph: &mut Graph, weights: &ModelWeights, input: &Value) -> Result<Value> {
        let Self { number, block, .. } = *self;
        let name = format!("cnn.conv{number}");
        let (mut weight, shape) = weights.read(&format!("{name}.weight"))?;
        let (mut bias, _) = weights.read(&format!("{name}.bias"))?;
        let norm = match block.norm {
            Some(Norm::Batch) => Some(BatchNorm::read(weights, format!("cnn.norm{number}"))?),
            _ => None,
        };
        let folded = norm.as_ref().is_some_and(|norm| norm.fold_into(&mut weight, &mut bias));
        let weight = graph.weight(&format!("{name}.weight"), &shape, &weight);
        let bias = graph.weight(&format!("{name}.bias"), &[block.out_channels], &bias);
        let sizes = |size: i64| vec![size; self.axes];
        let attributes = [
            Attribute::Integers("kernel_shape", &sizes(block.kernel_size)),
            Attribute::Integers("strides", &sizes(block.stride)),
            Attribute::Integers("dilations", &sizes(block.dilation)),
            Attribute::Integers("pads", &sizes(block.padding).repeat(2)), //    all begins, then all ends
            Attribute::Integer("group", block.groups),
        ];
        let convolved = graph.node("Conv", &[input, &weight, &bias], &attributes);
        Ok(match norm {
            Some(norm) if !folded => norm.apply(graph, &convolved),
            _ => convolved,
        })
    }

    /// The residual sum's other side: the block's input, or a convolution of one pixel or step over it.
    fn shortcut(&self, graph: &mut Graph, weights: &ModelWeights, input: &Value) -> Result<Value> {
        if !self.block.has_shortcut(self.channels) {
            return Ok(input.clone());
        }
        let name = format!("cnn.shortcut{}", self.number);
        graph.enter(&name);
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let (values, shape) = weights.read(&weight)?;
        let weight = graph.weight(&weight, &shape, &values);
        let (values, shape) = weights.read(&bias)?;
        let bias = graph.weight(&bias, &shape, &values);
        let strides = vec![self.block.stride; self.axes];
        let kernel = vec![1; self.axes];
        let attributes = [
            Attribute::Integers("kernel_shape", &kernel),
            Attribute::Integers("strides", &strides),
        ];
        Ok(graph.node("Conv", &[input, &weight, &bias], &attributes))
    }
}

pub(super) fn activate(graph: &mut Graph, values: &Value, activation: Activation) -> Value {
    match activation {
        Activation::Relu => graph.node("Relu", &[values], &[]),
        Activation::Gelu => {
            // x / 2 · (1 + erf(x / √2)): Gelu is an operator from opset 20 on. Runtimes know this chain and fuse it.
            let [root, one, half] = [std::f32::consts::SQRT_2, 1.0, 0.5].map(|value| graph.float(value));
            let divided = graph.node("Div", &[values, &root], &[]);
            let error = graph.node("Erf", &[&divided], &[]);
            let raised = graph.node("Add", &[&error, &one], &[]);
            let product = graph.node("Mul", &[values, &raised], &[]);
            graph.node("Mul", &[&product, &half], &[])
        }
        Activation::Silu => {
            let gate = graph.node("Sigmoid", &[values], &[]);
            graph.node("Mul", &[values, &gate], &[])
        }
        Activation::None => values.clone(),
    }
}

/// A rest smaller than the window is dropped, which is ONNX's default.
fn pool(graph: &mut Graph, values: &Value, block: &BlockConfig) -> Value {
    let (operator, window) = match block.pool() {
        Some(Pool::Max(window)) => ("MaxPool", window),
        Some(Pool::Average(window)) => ("AveragePool", window),
        None => return values.clone(),
    };
    let window = [window; 2];
    let attributes = [
        Attribute::Integers("kernel_shape", &window),
        Attribute::Integers("strides", &window),
    ];
    graph.node(operator, &[values], &attributes)
}
