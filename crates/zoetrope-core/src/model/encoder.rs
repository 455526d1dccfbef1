//! The CNN: frames into feature vectors.

use tch::{Kind, Tensor};

use super::initializer::Initializer;
use super::paths;
use crate::config::{Activation, BlockConfig, ModelConfig};
use crate::error::Result;
use crate::kernels;

/// Convolution blocks, then the flattening.
pub(super) struct Encoder {
    blocks: Vec<Block>,
}

struct Block {
    config: BlockConfig,
    weight: Tensor,
    bias: Tensor,
}

impl Encoder {
    pub(super) fn new(config: &ModelConfig, init: &mut Initializer<'_>) -> Result<Self> {
        let mut in_channels = config.input.channels;
        let mut blocks = Vec::with_capacity(config.cnn.len());
        for (index, block) in config.cnn.iter().enumerate() {
            let shape = [block.out_channels, in_channels, block.kernel_size, block.kernel_size];
            let (weight, bias) = init.weight_and_bias(&format!("cnn.conv{}", index + 1), &shape)?;
            blocks.push(Block {
                config: *block,
                weight,
                bias,
            });
            in_channels = block.out_channels;
        }
        Ok(Self { blocks })
    }

    /// Encodes frames of `[frames, channels, height, width]`, floats or bytes, into `[frames, features]`, channel-major.
    pub(super) fn forward(&self, frames: &Tensor, kind: Kind) -> Result<Tensor> {
        let mut encoded = frames.shallow_clone();
        let mut is_channels_last = false;
        for block in &self.blocks {
            is_channels_last = paths::takes_conv_block(&block.config, &encoded, &block.weight);
            encoded = if is_channels_last {
                kernels::conv_block(&encoded, &block.weight, &block.bias)?
            } else {
                block.reference(&scaled(&encoded, kind)?)?
            };
        }
        if is_channels_last {
            return kernels::flatten(&encoded);
        }
        Ok(scaled(&encoded, kind)?.f_flatten(1, -1)?)
    }
}

/// Bytes as 0…1; floats as they are.
fn scaled(frames: &Tensor, kind: Kind) -> Result<Tensor> {
    let is_bytes = frames.kind() == Kind::Uint8;
    let frames = frames.f_to_kind(kind)?;
    if is_bytes {
        Ok(frames.f_div_scalar(255.0)?)
    } else {
        Ok(frames)
    }
}

impl Block {
    /// The block by libtorch's own operations: what its kernel is tested against.
    fn reference(&self, frames: &Tensor) -> Result<Tensor> {
        let BlockConfig {
            stride,
            padding,
            activation,
            max_pool,
            ..
        } = self.config;
        let (stride, padding) = ([stride; 2], [padding; 2]);
        let convolved = frames.f_conv2d(&self.weight, Some(&self.bias), stride, padding, [1, 1], 1)?;
        let activated = match activation {
            Activation::Relu => convolved.f_relu()?,
            Activation::None => convolved,
        };
        match max_pool {
            Some(window) => Ok(activated.f_max_pool2d([window; 2], [window; 2], [0, 0], [1, 1], false)?),
            None => Ok(activated),
        }
    }
}
