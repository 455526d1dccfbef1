//! A convolution as operators, with its norm, sum, activation and pooling.

use crate::config::{Activation, ConvConfig, Norm, Pool};
use crate::error::Result;
use crate::onnx::graph::{Attribute, Graph, Value};
use crate::onnx::weights::ModelWeights;

/// A convolution with what follows it.
pub(super) struct Convolution<'a> {
    /// What the names of its weight and bias begin with.
    pub(super) name: &'a str,
    /// The same of its norm.
    pub(super) norm_name: &'a str,
    pub(super) has_bias: bool,
    pub(super) conv: ConvConfig,
    /// 2 for height and width, 1 for time.
    pub(super) axes: usize,
}

impl Convolution<'_> {
    /// Convolution, norm, residual sum, activation, pooling.
    pub(super) fn apply(
        &self,
        graph: &mut Graph,
        weights: &ModelWeights,
        input: &Value,
        residual: Option<&Value>,
    ) -> Result<Value> {
        graph.enter(self.name);
        let mut values = self.convolve(graph, weights, input)?;
        if let Some(norm) = self.conv.norm.filter(|norm| norm.norm == Norm::Layer) {
            values = self.layer_norm(graph, weights, norm.eps as f32, &values)?;
        }
        if let Some(residual) = residual {
            values = graph.node("Add", &[&values, residual], &[]);
        }
        let activated = activate(graph, &values, self.conv.activation);
        Ok(pool(graph, &activated, self.conv.pool))
    }

    /// The convolution, and a batch norm: within its weights where float32 holds the product.
    fn convolve(&self, graph: &mut Graph, weights: &ModelWeights, input: &Value) -> Result<Value> {
        let Self { name, conv, .. } = *self;
        let (mut weight, shape) = weights.read(&format!("{name}.weight"))?;
        let mut bias = if self.has_bias {
            weights.read(&format!("{name}.bias"))?.0
        } else {
            vec![0.0; shape[0] as usize]
        };
        let norm = match conv.norm {
            Some(norm) if norm.norm == Norm::Batch => Some(BatchNorm::read(weights, self.norm_name, norm.eps)?),
            _ => None,
        };
        let folded = norm.as_ref().is_some_and(|norm| norm.fold_into(&mut weight, &mut bias));
        let weight = graph.weight(&format!("{name}.weight"), &shape, &weight);
        let bias = graph.weight(&format!("{name}.bias"), &[shape[0]], &bias);
        let sizes = |size: i64| vec![size; self.axes];
        let attributes = [
            Attribute::Integers("kernel_shape", &sizes(conv.kernel_size)),
            Attribute::Integers("strides", &sizes(conv.stride)),
            Attribute::Integers("dilations", &sizes(conv.dilation)),
            Attribute::Integers("pads", &sizes(conv.padding).repeat(2)), //    all begins, then all ends
            Attribute::Integer("group", conv.groups),
        ];
        let convolved = graph.node("Conv", &[input, &weight, &bias], &attributes);
        Ok(match norm {
            Some(norm) if !folded => norm.apply(graph, self.norm_name, &convolved),
            _ => convolved,
        })
    }

    /// (values − mean) / √(variance + eps) · weight + bias, with the mean and the variance of all that belongs to one
    /// frame, or to one step of vectors: `torch.nn.GroupNorm(1, channels)`, which ONNX has no operator for at opset 17.
    fn layer_norm(&self, graph: &mut Graph, weights: &ModelWeights, eps: f32, values: &Value) -> Result<Value> {
        let name = self.norm_name;
        graph.enter(name);
        let axes: &[i64] = if self.axes == 2 { &[1, 2, 3] } else { &[1] };
        let mean_of = [Attribute::Integers("axes", axes), Attribute::Integer("keepdims", 1)];
        let mean = graph.node("ReduceMean", &[values], &mean_of);
        let centred = graph.node("Sub", &[values, &mean], &[]);
        let squared = graph.node("Mul", &[&centred, &centred], &[]);
        let variance = graph.node("ReduceMean", &[&squared], &mean_of);
        let eps = graph.float(eps);
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
}

/// A batch norm in evaluation: one factor and one summand for each channel.
struct BatchNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
    var: Vec<f32>,
    eps: f64,
}

impl BatchNorm {
    fn read(weights: &ModelWeights, name: &str, eps: f64) -> Result<Self> {
        let part = |part: &str| -> Result<Vec<f32>> { Ok(weights.read(&format!("{name}.{part}"))?.0) };
        Ok(Self {
            weight: part("weight")?,
            bias: part("bias")?,
            mean: part("running_mean")?,
            var: part("running_var")?,
            eps,
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
            let factor = gamma / (var + self.eps).sqrt();
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

    /// The norm as an operator of its own.
    fn apply(&self, graph: &mut Graph, name: &str, values: &Value) -> Value {
        graph.enter(name);
        let channels = [self.weight.len() as i64];
        let mut part = |part: &str, values: &[f32]| graph.weight(&format!("{name}.{part}"), &channels, values);
        let [weight, bias] = [part("weight", &self.weight), part("bias", &self.bias)];
        let [mean, var] = [part("running_mean", &self.mean), part("running_var", &self.var)];
        let eps = [Attribute::Float("epsilon", self.eps as f32)];
        graph.node("BatchNormalization", &[values, &weight, &bias, &mean, &var], &eps)
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
        Activation::Relu6 => {
            let [lowest, highest] = [0.0, 6.0].map(|value| graph.float(value));
            graph.node("Clip", &[values, &lowest, &highest], &[])
        }
        Activation::Hardswish => graph.node("HardSwish", &[values], &[]),
        Activation::None => values.clone(),
    }
}

/// A rest smaller than the window is dropped, which is ONNX's default.
fn pool(graph: &mut Graph, values: &Value, pool: Option<Pool>) -> Value {
    let (operator, window) = match pool {
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
