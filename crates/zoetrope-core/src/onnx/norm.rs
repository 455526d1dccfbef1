//! Norms: of each channel by its running statistics, or of each frame.

use super::graph::{Attribute, Graph, Value};
use super::weights::ModelWeights;
use crate::error::Result;

/// (values − mean) / √(variance + eps) · weight + bias, with the mean and the variance of all that belongs to one
/// frame, or to one step of vectors: `torch.nn.GroupNorm(1, channels)`, which ONNX has no operator for at opset 17.
///
/// `axes` are those behind the channels: 2 for height and width, 1 for time.
pub(super) fn layer_norm(
    graph: &mut Graph,
    weights: &ModelWeights,
    name: &str,
    values: &Value,
    (axes, eps): (usize, f64),
) -> Result<Value> {
    graph.enter(name);
    let of_step: &[i64] = if axes == 2 { &[1, 2, 3] } else { &[1] };
    let mean_of = [Attribute::Integers("axes", of_step), Attribute::Integer("keepdims", 1)];
    let mean = graph.node("ReduceMean", &[values], &mean_of);
    let centred = graph.node("Sub", &[values, &mean], &[]);
    let squared = graph.node("Mul", &[&centred, &centred], &[]);
    let variance = graph.node("ReduceMean", &[&squared], &mean_of);
    let eps = graph.float(eps as f32);
    let shifted = graph.node("Add", &[&variance, &eps], &[]);
    let deviation = graph.node("Sqrt", &[&shifted], &[]);
    let normed = graph.node("Div", &[&centred, &deviation], &[]);
    let mut per_channel = |part: &str| -> Result<Value> {
        let name = format!("{name}.{part}");
        let (values, mut shape) = weights.read(&name)?;
        shape.extend(vec![1; axes]); //                                [channels, 1, 1] or [channels, 1]
        Ok(graph.weight(&name, &shape, &values))
    };
    let [weight, bias] = [per_channel("weight")?, per_channel("bias")?];
    let scaled = graph.node("Mul", &[&normed, &weight], &[]);
    Ok(graph.node("Add", &[&scaled, &bias], &[]))
}

/// A batch norm in evaluation: one factor and one summand for each channel.
pub(super) struct BatchNorm {
    /// Such as `cnn.norm1`.
    name: String,
    weight: Vec<f32>,
    bias: Vec<f32>,
    mean: Vec<f32>,
    var: Vec<f32>,
    eps: f64,
}

impl BatchNorm {
    pub(super) fn read(weights: &ModelWeights, name: &str, eps: f64) -> Result<Self> {
        let part = |part: &str| -> Result<Vec<f32>> { Ok(weights.read(&format!("{name}.{part}"))?.0) };
        Ok(Self {
            weight: part("weight")?,
            bias: part("bias")?,
            mean: part("running_mean")?,
            var: part("running_var")?,
            name: name.to_owned(),
            eps,
        })
    }

    /// Multiplies each channel's factor into the convolution in front, in float64. Leaves that as it is, and says so, where
    /// a product is too large or too small for float32, or a statistic is no number.
    pub(super) fn fold_into(&self, weight: &mut [f32], bias: &mut [f32]) -> bool {
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
    pub(super) fn apply(&self, graph: &mut Graph, values: &Value) -> Value {
        let name = &self.name;
        graph.enter(name);
        let channels = [self.weight.len() as i64];
        let mut part = |part: &str, values: &[f32]| graph.weight(&format!("{name}.{part}"), &channels, values);
        let [weight, bias] = [part("weight", &self.weight), part("bias", &self.bias)];
        let [mean, var] = [part("running_mean", &self.mean), part("running_var", &self.var)];
        let eps = [Attribute::Float("epsilon", self.eps as f32)];
        graph.node("BatchNormalization", &[values, &weight, &bias, &mean, &var], &eps)
    }
}
