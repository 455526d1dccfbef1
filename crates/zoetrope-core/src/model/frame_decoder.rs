//! Frames out of numbers: the encoder's blocks in the opposite order, each with a transposed convolution.

use tch::Tensor;

use super::encoder::conv::activate;
use super::encoder::norm::NormLayer;
use super::initializer::Initializer;
use crate::config::{BlockConfig, FrameSize, ModelConfig};
use crate::error::Result;

/// Mirrors the encoder: what it pooled is enlarged, what it convolved is convolved back, and every size on the way is
/// exactly the encoder's.
pub(super) struct FrameDecoder {
    /// The encoder's output, `[channels, height, width]`.
    encoded: FrameSize,
    /// In the order in which they are applied: the mirror of the encoder's last block first.
    blocks: Vec<MirrorBlock>,
}

/// The mirror of one block: activation, enlargement, transposed convolution, norm.
struct MirrorBlock {
    config: BlockConfig,
    /// `[channels, channels' / groups, kernel_size, kernel_size]`, with the block's output channels first.
    weight: Tensor,
    bias: Tensor,
    /// Of all blocks but the one that gives the frame.
    norm: Option<NormLayer>,
    /// The sizes of the block's convolution before its pooling: height and width.
    convolved: [i64; 2],
    /// Rows and columns that the block's convolution left over at the end of its input: a stride larger than 1 skips them.
    rest: [i64; 2],
}

impl FrameDecoder {
    /// The decoder of `frames` frames at a time, which are channels side by side in the last layer's output; `None` where
    /// the encoder has no blocks.
    pub(super) fn new(config: &ModelConfig, frames: i64, init: &mut Initializer<'_>) -> Result<Option<Self>> {
        let cnn = config.cnn.blocks();
        let mut inputs = Vec::with_capacity(cnn.len());
        let mut frame = config.input.as_frame();
        for block in cnn {
            inputs.push(frame);
            frame = block.output(frame);
        }
        let mut blocks = Vec::with_capacity(cnn.len());
        for (index, (block, input)) in cnn.iter().zip(inputs).enumerate().rev() {
            blocks.push(MirrorBlock::new(index, *block, input, frames, init)?);
        }
        Ok((!blocks.is_empty()).then_some(Self { encoded: frame, blocks }))
    }

    /// Encoded frames of `[rows, channels * height * width]` into `[rows, frames * channels, height, width]`.
    pub(super) fn forward_t(&self, encoded: &Tensor, train: bool) -> Result<Tensor> {
        let FrameSize {
            channels,
            height,
            width,
        } = self.encoded;
        let mut frames = encoded.f_view([-1, channels, height, width])?;
        for block in &self.blocks {
            frames = block.forward_t(&frames, train)?;
        }
        Ok(frames)
    }
}

impl MirrorBlock {
    /// The mirror of the block at `index`, which reads frames of the size `input`.
    fn new(
        index: usize,
        config: BlockConfig,
        input: FrameSize,
        frames: i64,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let number = index + 1;
        let is_last = index == 0;
        let out_channels = input.channels * if is_last { frames } else { 1 };
        let shape = [
            config.out_channels,
            out_channels / config.groups,
            config.kernel_size,
            config.kernel_size,
        ];
        let (weight, bias) = init.weight_and_biases(&format!("decoder.deconv{number}"), &shape, out_channels)?;
        let norm = match config.norm {
            Some(norm) if !is_last => Some(NormLayer::new(
                norm.into(),
                &format!("decoder.norm{number}"),
                out_channels,
                init,
            )?),
            _ => None,
        };
        let convolved = config.convolved(input);
        let rest = |size: i64| (size + 2 * config.padding - config.span()) % config.stride;
        Ok(Self {
            config,
            weight,
            bias,
            norm,
            convolved: [convolved.height, convolved.width],
            rest: [rest(input.height), rest(input.width)],
        })
    }

    /// Maps `[rows, out_channels, height', width']` of the block to `[rows, in_channels, height, width]`.
    fn forward_t(&self, frames: &Tensor, train: bool) -> Result<Tensor> {
        let BlockConfig {
            stride,
            padding,
            dilation,
            groups,
            activation,
            ..
        } = self.config;
        let mut values = activate(frames, activation)?;
        if self.config.pool().is_some() {
            values = values.f_upsample_nearest2d(self.convolved, None::<f64>, None::<f64>)?;
        }
        let [stride, padding, dilation] = [stride, padding, dilation].map(|size| [size; 2]);
        let bias = Some(&self.bias);
        values = values.f_conv_transpose2d(&self.weight, bias, stride, padding, self.rest, groups, dilation)?;
        match &self.norm {
            Some(norm) => norm.forward_t(&values, train),
            None => Ok(values),
        }
    }
}
