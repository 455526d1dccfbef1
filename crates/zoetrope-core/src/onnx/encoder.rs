//! The blocks of convolutions: over the pixels of each frame, or over the time of vectors.

use super::graph::{Attribute, Graph, Value};
use super::inputs::Clips;
use super::weights::ModelWeights;
use crate::config::{Activation, BlockConfig, GlobalPool, InputConfig, ModelConfig, Norm, Pool};
use crate::error::Result;

/// Added to the variance: PyTorch's default.
const EPS: f32 = 1e-5;

/// Clips into features of `[batch, time, features]`.
pub(super) fn encode(graph: &mut Graph, config: &ModelConfig, weights: &ModelWeights, clips: &Clips) -> Result<Value> {
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
            values = self.layer_norm(graph, weights, &values)?;
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
            Some(Norm::Batch) => Some(BatchNorm::read(weights, number)?),
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
            Some(norm) if !folded => norm.apply(graph, number, &convolved),
            _ => convolved,
        })
    }

    /// (values − mean) / √(variance + eps) · weight + bias, with the mean and the variance of all that belongs to one
    /// frame, or to one step of vectors: `torch.nn.GroupNorm(1, channels)`, which ONNX has no operator for at opset 17.
    fn layer_norm(&self, graph: &mut Graph, weights: &ModelWeights, values: &Value) -> Result<Value> {
        let name = format!("cnn.norm{}", self.number);
        graph.enter(&name);
        let axes: &[i64] = if self.axes == 2 { &[1, 2, 3] } else { &[1] };
        let mean_of = [Attribute::Integers("axes", axes), Attribute::Integer("keepdims", 1)];
        let mean = graph.node("ReduceMean", &[values], &mean_of);
        let centred = graph.node("Sub", &[values, &mean], &[]);
        let squared = graph.node("Mul", &[&centred, &centred], &[]);
        let variance = graph.node("ReduceMean", &[&squared], &mean_of);
        let eps = graph.float(EPS);
        let shifted = graph.node("Add", &[&variance, &eps], &[]);
        let deviation = graph.node("Sqrt", &[&shifted], &[]);
        let normed = graph.node("Div", &[&centred, &deviation], &[]);
        let mut per_channel = |part: &str| -> Result<Value> {
            let name = format!("{name}.{part}");
            let (values, mut shape) = weights.read(&name)?;
            shape.extend(vec![1; self.axes]); //                                [channels, 1, 1] or [channels, 1]
            Ok(graph.weight(&name, &shape, &values))
        };
        let [weight, bias] = [per_channel("weight")?, per_channel("bias")?];
        let scaled = graph.node("Mul", &[&normed, &weight], &[]);
        Ok(graph.node("Add", &[&scaled, &bias], &[]))
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

/// A batch norm in evaluation: one factor and one summand for each channel.
struct BatchNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
    var: Vec<f32>,
}

impl BatchNorm {
    fn read(weights: &ModelWeights, number: usize) -> Result<Self> {
        let part = |part: &str| -> Result<Vec<f32>> { Ok(weights.read(&format!("cnn.norm{number}.{part}"))?.0) };
        Ok(Self {
            weight: part("weight")?,
            bias: part("bias")?,
            mean: part("running_mean")?,
            var: part("running_var")?,
        })
    }

    /// Multiplies each channel's factor into the convolution in front, in float64. Leaves that as it is, and says so, where
    /// a product is too large or too small for float32, or a statistic is no number.
    fn fold_into(&self, weight: &mut [f32], bias: &mut [f32]) -> bool {
        let taps = weight.len() / bias.len();
        let mut folded = (weight.to_vec(), bias.to_vec());
        for channel in 0..bias.len() {
            let [gamma, beta, mean, var] =
                [&self.weight, &self.bias, &self.mean, &self.var].map(|values| f64::from(values[channel]));
            let factor = gamma / (var + f64::from(EPS)).sqrt();
            for value in &mut folded.0[channel * taps..][..taps] {
                let product = f64::from(*value) * factor;
                let narrow = product as f32;
                if product != 0.0 && !narrow.is_normal() {
                    return false;
                }
                *value = narrow;
            }
            let summand = (f64::from(bias[channel]) - mean) * factor + beta;
            if !(summand as f32).is_finite() {
                return false;
            }
            folded.1[channel] = summand as f32;
        }
        weight.copy_from_slice(&folded.0);
        bias.copy_from_slice(&folded.1);
        true
    }

    /// The norm as an operator of its own, whose eps is 1e-5 by default.
    fn apply(&self, graph: &mut Graph, number: usize, values: &Value) -> Value {
        let name = format!("cnn.norm{number}");
        graph.enter(&name);
        let channels = [self.weight.len() as i64];
        let mut part = |part: &str, values: &[f32]| graph.weight(&format!("{name}.{part}"), &channels, values);
        let [weight, bias] = [part("weight", &self.weight), part("bias", &self.bias)];
        let [mean, var] = [part("running_mean", &self.mean), part("running_var", &self.var)];
        graph.node("BatchNormalization", &[values, &weight, &bias, &mean, &var], &[])
    }
}

fn activate(graph: &mut Graph, values: &Value, activation: Activation) -> Value {
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
