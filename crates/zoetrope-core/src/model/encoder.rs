//! The CNN: frames into feature vectors, or vectors into others that know their neighbours in time.

mod average;
mod backbone;
mod block;
pub(super) mod conv;
mod groups;
mod layers;
pub(super) mod norm;

use tch::{Kind, Tensor};

use self::average::channel_means;
use self::backbone::Backbone;
use self::block::Block;
use super::initializer::Initializer;
use super::paths;
use crate::config::{Cnn, GlobalPool, ModelConfig};
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::kernels;
use crate::runtime::random::Generator;

/// Convolutions, then the flattening or the global pooling.
pub(super) struct Encoder {
    cnn: Network,
    global_pool: GlobalPool,
}

/// The convolutions.
enum Network {
    Blocks(Vec<Block>),
    Backbone(Backbone),
}

/// The features of frames.
pub(super) struct Features {
    /// `[frames, features]`
    pub(super) values: Tensor,
    /// 1 where the features are channel-major, `[channels][pixels]`, as PyTorch's weights expect them; otherwise they
    /// are `[pixels][channels]`.
    pub(super) pixels: i64,
}

impl Features {
    pub(super) fn channel_major(values: Tensor) -> Self {
        Self { values, pixels: 1 }
    }
}

impl Encoder {
    pub(super) fn new(config: &ModelConfig, generator: &Generator, init: &mut Initializer<'_>) -> Result<Self> {
        let mut in_channels = config.input.as_frame().channels;
        let cnn = match &config.cnn {
            Cnn::Backbone(backbone) => Network::Backbone(Backbone::new(*backbone, in_channels, init)?),
            Cnn::Blocks(configs) => {
                let mut blocks = Vec::with_capacity(configs.len());
                for (index, block) in configs.iter().enumerate() {
                    let kernel = vec![block.kernel_size; config.input.num_kernel_axes()];
                    blocks.push(Block::new(index + 1, *block, in_channels, &kernel, generator, init)?);
                    in_channels = block.out_channels;
                }
                Network::Blocks(blocks)
            }
        };
        Ok(Self {
            cnn,
            global_pool: config.global_pool,
        })
    }

    /// Whether training draws masks in it.
    pub(super) fn has_dropout(&self) -> bool {
        self.cnn.blocks().iter().any(Block::has_dropout)
    }

    /// Whether the features of a frame are the same bits whatever other frames they are computed with, without autograd:
    /// known of the kernels, and of no product or sum of libtorch's.
    pub(super) fn is_frame_by_frame(&self) -> bool {
        let are_blocks = matches!(&self.cnn, Network::Blocks(blocks) if blocks.iter().all(Block::is_frame_by_frame));
        are_blocks && self.global_pool == GlobalPool::None
    }

    /// Encodes frames of `[frames, channels, height, width]` or `[frames, features]`, floats or bytes, into
    /// `[frames, features]`, channel-major unless what follows `takes_pixel_major`.
    pub(super) fn forward_t(
        &self,
        frames: &Tensor,
        layout: &Layout<'_>,
        kind: Kind,
        takes_pixel_major: bool,
        train: bool,
    ) -> Result<Features> {
        if frames.dim() == 2 {
            let mut encoded = scaled(frames, kind)?;
            for block in self.cnn.blocks() {
                encoded = block.forward_over_time_t(&encoded, layout, train)?; // [frames, out_channels]
            }
            return Ok(Features::channel_major(encoded));
        }
        let encoded = self.cnn.forward_t(frames, kind, train)?; //           [frames, out_channels, height, width]
        if self.global_pool == GlobalPool::Average {
            return Ok(Features::channel_major(channel_means(&scaled(&encoded, kind)?)?));
        }
        if !paths::takes_flatten(&encoded) {
            return Ok(Features::channel_major(scaled(&encoded, kind)?.f_flatten(1, -1)?));
        }
        if takes_pixel_major {
            return Ok(Features {
                values: encoded.f_permute([0, 2, 3, 1])?.f_flatten(1, -1)?, // their memory, as it is
                pixels: encoded.size()[2] * encoded.size()[3],
            });
        }
        Ok(Features::channel_major(kernels::flatten(&encoded)?))
    }
}

impl Network {
    /// The blocks; none of a backbone.
    fn blocks(&self) -> &[Block] {
        match self {
            Self::Blocks(blocks) => blocks,
            Self::Backbone(_) => &[],
        }
    }

    /// Frames of `[frames, channels, height, width]`, floats or bytes, into `[frames, out_channels, height', width']`.
    fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        if let Self::Backbone(backbone) = self {
            return backbone.forward_t(frames, kind, train);
        }
        let mut encoded = frames.shallow_clone();
        for block in self.blocks() {
            encoded = block.forward_t(&encoded, kind, train)?;
        }
        Ok(encoded)
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
