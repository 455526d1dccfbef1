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

    /// `[…, inputs]` into `[…, outputs]`.
    pub(super) fn forward(&self, inputs: &Tensor) -> Result<Tensor> {
        linear(inputs, &self.weight, &self.bias)
    }
}

/// `[…, inputs]` into `[…, outputs]` by a weight of `[outputs, inputs]` and a bias of `[outputs]`.
pub(super) fn linear(inputs: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if paths::takes_linear(inputs, weight) {
        return kernels::linear(inputs, weight, bias);
    }
    Ok(inputs.f_linear(weight, Some(bias))?)
}
