//! The CNN: frames into feature vectors, or vectors into others that know their neighbours in time.

mod block;
mod layers;
mod norm;

use tch::{Kind, Tensor};

use self::block::Block;
use super::initializer::Initializer;
use super::lengths::Layout;
use super::paths;
use crate::config::{GlobalPool, ModelConfig};
use crate::error::Result;
use crate::kernels;
use crate::random::Generator;

/// Convolution blocks, then the flattening or the global pooling.
pub(super) struct Encoder {
    blocks: Vec<Block>,
    global_pool: GlobalPool,
}

impl Encoder {
    pub(super) fn new(config: &ModelConfig, generator: &Generator, init: &mut Initializer<'_>) -> Result<Self> {
        let mut in_channels = config.input.as_frame().channels;
        let mut blocks = Vec::with_capacity(config.cnn.len());
        for (index, block) in config.cnn.iter().enumerate() {
            let kernel = vec![block.kernel_size; config.input.num_kernel_axes()];
            blocks.push(Block::new(index + 1, *block, in_channels, &kernel, generator, init)?);
            in_channels = block.out_channels;
        }
        Ok(Self {
            blocks,
            global_pool: config.global_pool,
        })
    }

    /// Encodes frames of `[frames, channels, height, width]` or `[frames, features]`, floats or bytes, into
    /// `[frames, features]`, channel-major.
    pub(super) fn forward_t(&self, frames: &Tensor, layout: &Layout<'_>, kind: Kind, train: bool) -> Result<Tensor> {
        if frames.dim() == 2 {
            let mut encoded = scaled(frames, kind)?;
            for block in &self.blocks {
                encoded = block.forward_over_time_t(&encoded, layout, train)?; // [frames, out_channels]
            }
            return Ok(encoded);
        }
        let mut encoded = frames.shallow_clone();
        for block in &self.blocks {
            encoded = block.forward_t(&encoded, kind, train)?; // [frames, out_channels, height, width]
        }
        if self.global_pool == GlobalPool::Average {
            return Ok(scaled(&encoded, kind)?.f_mean_dim([2, 3].as_slice(), false, None::<Kind>)?);
        }
        if paths::takes_flatten(&encoded) {
            return kernels::flatten(&encoded);
        }
        Ok(scaled(&encoded, kind)?.f_flatten(1, -1)?)
    }
}

/// Bytes as 0…1; floats as they are.
pub(super) fn scaled(frames: &Tensor, kind: Kind) -> Result<Tensor> {
    let is_bytes = frames.kind() == Kind::Uint8;
    let frames = frames.f_to_kind(kind)?;
    if is_bytes {
        Ok(frames.f_div_scalar(255.0)?)
    } else {
        Ok(frames)
    }
}
