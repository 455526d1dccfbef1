//! One block: convolution, norm, residual sum, activation, pooling, dropout.

use tch::{Kind, Tensor};

use super::norm::NormLayer;
use super::scaled;
use crate::config::{Activation, BlockConfig, Pool};
use crate::error::Result;
use crate::kernels;
use crate::model::initializer::Initializer;
use crate::model::paths;
use crate::random::Generator;

/// A block with its parameters, named `cnn.conv1`, `cnn.norm1` and `cnn.shortcut1` in the first.
pub(super) struct Block {
    config: BlockConfig,
    weight: Tensor,
    bias: Tensor,
    norm: Option<NormLayer>,
    /// Weight and bias of the 1 × 1 convolution on the residual sum's input, where it has one.
    shortcut: Option<(Tensor, Tensor)>,
    /// The stream that dropout masks are drawn from.
    generator: Generator,
}

impl Block {
    pub(super) fn new(
        number: usize,
        config: BlockConfig,
        in_channels: i64,
        generator: &Generator,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let BlockConfig {
            out_channels,
            kernel_size,
            groups,
            ..
        } = config;
        let shape = [out_channels, in_channels / groups, kernel_size, kernel_size];
        let (weight, bias) = init.weight_and_bias(&format!("cnn.conv{number}"), &shape)?;
        let norm = match config.norm {
            Some(norm) => Some(NormLayer::new(norm, &format!("cnn.norm{number}"), out_channels, init)?),
            None => None,
        };
        let shortcut = if config.has_shortcut(in_channels) {
            let shape = [out_channels, in_channels, 1, 1];
            Some(init.weight_and_bias(&format!("cnn.shortcut{number}"), &shape)?)
        } else {
            None
        };
        Ok(Self {
            config,
            weight,
            bias,
            norm,
            shortcut,
            generator: generator.clone(),
        })
    }

    /// Maps frames of `[frames, in_channels, height, width]`, floats or bytes, to
    /// `[frames, out_channels, height', width']`.
    pub(super) fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        let output = if paths::takes_conv_block(&self.config, frames, &self.weight) {
            kernels::conv_block(frames, &self.weight, &self.bias)?
        } else {
            self.reference(&scaled(frames, kind)?, train)?
        };
        if train && self.config.dropout > 0.0 {
            return self.generator.drop(&output, self.config.dropout);
        }
        Ok(output)
    }

    /// The block by libtorch's own operations, up to the dropout: what its kernel is tested against. Takes frames in
    /// either memory layout and keeps it.
    fn reference(&self, frames: &Tensor, train: bool) -> Result<Tensor> {
        let BlockConfig {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = self.config;
        let [stride, padding, dilation] = [stride, padding, dilation].map(|size| [size; 2]);
        let mut values = frames.f_conv2d(&self.weight, Some(&self.bias), stride, padding, dilation, groups)?;
        if let Some(norm) = &self.norm {
            values = norm.forward_t(&values, train)?;
        }
        if self.config.residual {
            values = match &self.shortcut {
                Some((weight, bias)) => {
                    let projected = frames.f_conv2d(weight, Some(bias), stride, [0, 0], [1, 1], 1)?;
                    values.f_add(&projected)?
                }
                None => values.f_add(frames)?,
            };
        }
        let activated = activate(&values, self.config.activation)?;
        match self.config.pool() {
            Some(Pool::Max(window)) => Ok(activated.f_max_pool2d([window; 2], [window; 2], [0, 0], [1, 1], false)?),
            Some(Pool::Average(window)) => {
                Ok(activated.f_avg_pool2d([window; 2], [window; 2], [0, 0], false, true, None::<i64>)?)
            }
            None => Ok(activated),
        }
    }
}

fn activate(values: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => Ok(values.f_relu()?),
        Activation::Gelu => Ok(values.f_gelu("none")?),
        Activation::Silu => Ok(values.f_silu()?),
        Activation::None => Ok(values.shallow_clone()),
    }
}
