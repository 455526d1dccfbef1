//! The linear head: the last hidden state into logits.

use tch::Tensor;

use super::initializer::Initializer;
use crate::config::ModelConfig;
use crate::error::Result;

/// `torch.nn.Linear`, named `fc`.
pub(super) struct Head {
    weight: Tensor,
    bias: Tensor,
}

impl Head {
    pub(super) fn new(config: &ModelConfig, init: &mut Initializer<'_>) -> Result<Self> {
        let (weight, bias) = init.weight_and_bias("fc", &[config.num_classes, config.lstm.output_size()])?;
        Ok(Self { weight, bias })
    }

    /// Maps `[batch, directions * hidden_size]` to logits of `[batch, num_classes]`.
    pub(super) fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(hidden.f_linear(&self.weight, Some(&self.bias))?)
    }
}
