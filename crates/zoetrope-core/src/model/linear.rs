//! `torch.nn.Linear`: the projection, the attention's score and the head.

use tch::Tensor;

use super::initializer::Initializer;
use super::paths;
use crate::error::Result;
use crate::kernels;

/// A weight of `[outputs, inputs]` and a bias of `[outputs]`.
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Named `name.weight` and `name.bias`.
    pub(super) fn new(name: &str, inputs: i64, outputs: i64, init: &mut Initializer<'_>) -> Result<Self> {
        let (weight, bias) = init.weight_and_bias(name, &[outputs, inputs])?;
        Ok(Self { weight, bias })
    }

    /// Of a weight and a bias that somebody else has named.
    pub(super) fn of(weight: Tensor, bias: Tensor) -> Self {
        Self { weight, bias }
    }

    /// `[outputs, inputs]`.
    pub(super) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[outputs]`.
    pub(super) fn bias(&self) -> &Tensor {
        &self.bias
    }

    /// `[…, inputs]` into `[…, outputs]`.
    pub(super) fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        linear(inputs, &self.weight, &self.bias)
    }

    /// As [`Self::forward`]. Without gradients, on the engine, a row is the same bit for bit whichever rows stand beside
    /// it: libtorch sums in an order that depends on their number.
    pub(super) fn forward_rows(&self, inputs: &Tensor) -> Result<Tensor> {
        if paths::is_engine_on(&self.weight) && !kernels::records_gradients() {
            return kernels::linear(inputs, &self.weight, &self.bias);
        }
        self.forward(inputs)
    }
}

/// `[…, inputs]` into `[…, outputs]` by a weight of `[outputs, inputs]` and a bias of `[outputs]`.
pub(super) fn linear(inputs: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if paths::takes_linear(inputs, weight) {
        return kernels::linear(inputs, weight, bias);
    }
    if paths::takes_linear_layer(weight) {
        return kernels::linear_layer(inputs, weight, bias);
    }
    Ok(inputs.f_linear(weight, Some(bias))?)
}
