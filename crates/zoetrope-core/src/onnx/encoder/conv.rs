//! A convolution as operators, with its norm, sum, activation and pooling.

use crate::config::{Activation, ConvConfig, Norm, Pool};
use crate::error::Result;
use crate::onnx::graph::{Attribute, Graph, Value};
use crate::onnx::norm::{BatchNorm, layer_norm};
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
            values = layer_norm(graph, weights, self.norm_name, &values, (self.axes, norm.eps))?;
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
            Some(norm) if !folded => norm.apply(graph, &convolved),
            _ => convolved,
        })
    }
}

pub(in crate::onnx) fn activate(graph: &mut Graph, values: &Value, activation: Activation) -> Value {
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
