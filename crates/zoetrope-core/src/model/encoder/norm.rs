//! The normalisation between a convolution and its activation: batch norm, or layer norm.

use tch::{Kind, Tensor};

use crate::config::{Norm, NormConfig};
use crate::error::{Error, Result};
use crate::kernels::FinishNorm;
use crate::model::initializer::Initializer;

/// A norm with its parameters, `weight` and `bias` of `[channels]`.
pub(in crate::model) struct NormLayer {
    config: NormConfig,
    weight: Tensor,
    bias: Tensor,
    /// Batch norm's, `None` for layer norm.
    statistics: Option<RunningStatistics>,
}

/// The running statistics of batch norm. Training updates them, and evaluation normalises by them. They are buffers:
/// they have no gradient, and no optimizer changes them.
struct RunningStatistics {
    /// `[channels]`.
    mean: Tensor,
    /// `[channels]`, unbiased.
    var: Tensor,
    /// Batches, int64 of `[]`.
    num_batches_tracked: Tensor,
}

impl NormLayer {
    pub(in crate::model) fn new(
        config: NormConfig,
        name: &str,
        channels: i64,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let weight = init.constant(format!("{name}.weight"), &[channels], 1.0)?;
        let bias = init.constant(format!("{name}.bias"), &[channels], 0.0)?;
        let statistics = match config.norm {
            Norm::Layer => None,
            Norm::Batch => Some(RunningStatistics {
                mean: init.buffer(format!("{name}.running_mean"), &[channels], Kind::Float, 0.0)?,
                var: init.buffer(format!("{name}.running_var"), &[channels], Kind::Float, 1.0)?,
                num_batches_tracked: init.buffer(format!("{name}.num_batches_tracked"), &[], Kind::Int64, 0.0)?,
            }),
        };
        Ok(Self {
            config,
            weight,
            bias,
            statistics,
        })
    }

    /// A batch norm's weight, bias, running mean and variance and its count of batches, with eps, where its running
    /// statistics are what it normalises by.
    pub(super) fn by_running_statistics(&self, train: bool) -> Option<([&Tensor; 5], f64)> {
        let statistics = self.statistics.as_ref().filter(|_| !self.is_updated(train))?;
        let RunningStatistics {
            mean,
            var,
            num_batches_tracked,
        } = statistics;
        Some((
            [&self.weight, &self.bias, mean, var, num_batches_tracked],
            self.config.eps,
        ))
    }

    /// Whether a batch enters the running statistics.
    fn is_updated(&self, train: bool) -> bool {
        train && (self.weight.requires_grad() || self.bias.requires_grad())
    }

    /// A batch norm of `values` for a kernel, which normalises by their statistics in training and updates the running
    /// ones; `None` for layer norm.
    pub(super) fn for_kernel(&self, values: &Tensor, train: bool) -> Result<Option<FinishNorm<'_>>> {
        let Some(statistics) = &self.statistics else {
            return Ok(None);
        };
        let is_updated = self.is_updated(train);
        if is_updated {
            statistics.count(&values.size())?;
        }
        Ok(Some(FinishNorm {
            tensors: [&self.weight, &self.bias, &statistics.mean, &statistics.var],
            eps: self.config.eps,
            momentum: is_updated.then_some(self.config.momentum),
        }))
    }

    /// Normalises `[frames, channels, height, width]` or `[frames, channels]`: layer norm each frame by itself; batch norm each channel, in
    /// training by the batch, whose statistics enter the running ones, else by the running ones.
    ///
    /// A batch norm whose weight and bias are both frozen is frozen as a whole: also in training it normalises by the
    /// running statistics, and keeps them.
    pub(in crate::model) fn forward_t(&self, values: &Tensor, train: bool) -> Result<Tensor> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let NormConfig { eps, momentum, .. } = self.config;
        let Some(statistics) = &self.statistics else {
            return Ok(match values.size().as_slice() {
                [_, channels] => values.f_layer_norm(&[*channels][..], weight, bias, eps, true)?, // as vectors, backward too
                _ => values.f_group_norm(1, weight, bias, eps, true)?,
            });
        };
        let is_updated = self.is_updated(train);
        if is_updated {
            statistics.count(&values.size())?;
        }
        let (mean, var) = (Some(&statistics.mean), Some(&statistics.var));
        Ok(values.f_batch_norm(weight, bias, mean, var, is_updated, momentum, eps, true)?)
    }
}

impl RunningStatistics {
    /// Counts a batch of values of that size. One value for each channel has no variance: PyTorch refuses it too.
    fn count(&self, size: &[i64]) -> Result<()> {
        if size[0] * size[2..].iter().product::<i64>() > 1 {
            let _ = self.num_batches_tracked.shallow_clone().f_add_scalar_(1)?;
            return Ok(());
        }
        Err(Error::Data {
            reason:
                "Expected more than one value for each channel of a batch norm in training, received one frame of one \
                 pixel; use a larger batch or norm: 'layer'"
                    .to_owned(),
        })
    }
}
