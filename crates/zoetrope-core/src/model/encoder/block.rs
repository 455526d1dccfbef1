//! One block: convolution, norm, residual sum, activation, pooling, dropout.

use tch::{Kind, Tensor};

use super::norm::NormLayer;
use super::scaled;
use crate::config::{Activation, BlockConfig, Pool};
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::kernels::{self, ConvFinish, Packed};
use crate::model::dropout::Dropout;
use crate::model::initializer::Initializer;
use crate::model::paths;
use crate::runtime::random::Generator;

/// A block with its parameters, named `cnn.conv1`, `cnn.norm1` and `cnn.shortcut1` in the first.
pub(super) struct Block {
    config: BlockConfig,
    weight: Tensor,
    bias: Tensor,
    packed: Packed,
    norm: Option<NormLayer>,
    /// Weight and bias of the 1 × 1 convolution on the residual sum's input, where it has one.
    shortcut: Option<(Tensor, Tensor)>,
    dropout: Dropout,
}

impl Block {
    /// `kernel` is its size along each axis: height and width, or time.
    pub(super) fn new(
        number: usize,
        config: BlockConfig,
        in_channels: i64,
        kernel: &[i64],
        generator: &Generator,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let out_channels = config.out_channels;
        let shape = [&[out_channels, in_channels / config.groups], kernel].concat();
        let (weight, bias) = init.weight_and_bias(&format!("cnn.conv{number}"), &shape)?;
        let norm = match config.norm {
            Some(norm) => Some(NormLayer::new(norm, &format!("cnn.norm{number}"), out_channels, init)?),
            None => None,
        };
        let shortcut = if config.has_shortcut(in_channels) {
            let shape = [vec![out_channels, in_channels], vec![1; kernel.len()]].concat();
            Some(init.weight_and_bias(&format!("cnn.shortcut{number}"), &shape)?)
        } else {
            None
        };
        Ok(Self {
            config,
            weight,
            bias,
            packed: Packed::new()?,
            norm,
            shortcut,
            dropout: Dropout::new(config.dropout, generator.clone()),
        })
    }

    /// Whether training draws a mask.
    pub(super) fn has_dropout(&self) -> bool {
        self.config.dropout > 0.0
    }

    /// See `Encoder::is_frame_by_frame`.
    pub(super) fn is_frame_by_frame(&self) -> bool {
        self.shortcut.is_none() && paths::is_frame_by_frame(&self.config, &self.weight)
    }

    /// Maps frames of `[frames, in_channels, height, width]`, floats or bytes, to
    /// `[frames, out_channels, height', width']`.
    pub(super) fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        let output = if paths::takes_conv_block(&self.config, frames, &self.weight) {
            kernels::conv_block(frames, &self.weight, &self.bias, &self.packed)?
        } else if !train && paths::takes_conv_layer(&self.config, frames, &self.weight) {
            self.inferred(frames, kind)?
        } else {
            self.reference(&scaled(frames, kind)?, train)?
        };
        self.dropout.forward_t(&output, train)
    }

    /// The block by one kernel, without gradients: a batch norm is folded into the convolution's weights.
    fn inferred(&self, frames: &Tensor, kind: Kind) -> Result<Tensor> {
        let frames = if paths::takes_bytes(&self.config, frames) {
            frames.shallow_clone()
        } else {
            scaled(frames, kind)?
        };
        let residual = if self.config.residual {
            Some(self.shortcut(&scaled(&frames, kind)?)?)
        } else {
            None
        };
        let norm = self.norm.as_ref().and_then(|norm| norm.by_running_statistics(false));
        let finish = ConvFinish {
            norm,
            residual: residual.as_ref(),
            activation: self.config.activation,
            pool: self.config.pool(),
        };
        kernels::conv_layer(
            &frames,
            [&self.weight, &self.bias],
            self.config.padding,
            &finish,
            &self.packed,
        )
    }

    /// The other side of the residual sum: the block's frames, or a convolution of 1 × 1 pixels of them.
    fn shortcut(&self, frames: &Tensor) -> Result<Tensor> {
        match &self.shortcut {
            Some((weight, bias)) => {
                let stride = [self.config.stride; 2];
                Ok(frames.f_conv2d(weight, Some(bias), stride, [0, 0], [1, 1], 1)?)
            }
            None => Ok(frames.shallow_clone()),
        }
    }

    /// Maps vectors of `[frames, in_channels]` to `[frames, out_channels]`: a convolution over the time of each clip,
    /// in front of and behind which there is nothing but zeros. Norm, sum, activation and dropout see valid steps only.
    pub(super) fn forward_over_time_t(&self, vectors: &Tensor, layout: &Layout<'_>, train: bool) -> Result<Tensor> {
        let BlockConfig {
            dilation,
            activation,
            residual,
            ..
        } = self.config;
        let output = if paths::takes_conv1d(&self.config, &self.weight) {
            let vectors = vectors.f_contiguous()?;
            let has_relu = activation == Activation::Relu && self.norm.is_none() && !residual;
            let rows = layout.rows();
            let steps = kernels::conv1d(&vectors, &self.weight, &self.bias, rows, dilation, has_relu)?;
            if has_relu {
                steps
            } else {
                self.finish_over_time(steps, &vectors, train)?
            }
        } else {
            self.finish_over_time(self.convolved_over_time(vectors, layout)?, vectors, train)?
        };
        self.dropout.forward_t(&output, train)
    }

    /// The convolution over time by libtorch's own operation, which knows padded sequences only: what its kernel is
    /// tested against.
    fn convolved_over_time(&self, vectors: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
        let BlockConfig {
            padding,
            dilation,
            groups,
            ..
        } = self.config;
        let clips = layout.unpack(vectors)?.f_transpose(1, 2)?; //                          [batch, in_channels, time]
        let convolved = clips.f_conv1d(&self.weight, Some(&self.bias), 1, padding, dilation, groups)?;
        layout.pack(&convolved.f_transpose(1, 2)?) //                                       [frames, out_channels]
    }

    /// What follows the convolution over time of `vectors`.
    fn finish_over_time(&self, steps: Tensor, vectors: &Tensor, train: bool) -> Result<Tensor> {
        let shortcut = || match &self.shortcut {
            Some((weight, bias)) => Ok(vectors.f_linear(&weight.f_squeeze_dim(-1)?, Some(bias))?),
            None => Ok(vectors.shallow_clone()),
        };
        self.finish(steps, shortcut, train)
    }

    /// What follows the convolution up to the pooling: norm, residual sum, activation.
    fn finish(&self, convolved: Tensor, shortcut: impl FnOnce() -> Result<Tensor>, train: bool) -> Result<Tensor> {
        let mut values = match &self.norm {
            Some(norm) => norm.forward_t(&convolved, train)?,
            None => convolved,
        };
        if self.config.residual {
            values = values.f_add(&shortcut()?)?;
        }
        activate(&values, self.config.activation)
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
        let convolved = frames.f_conv2d(&self.weight, Some(&self.bias), stride, padding, dilation, groups)?;
        let activated = self.finish(convolved, || self.shortcut(frames), train)?;
        match self.config.pool() {
            Some(Pool::Max(window)) => Ok(activated.f_max_pool2d([window; 2], [window; 2], [0, 0], [1, 1], false)?),
            Some(Pool::Average(window)) => {
                Ok(activated.f_avg_pool2d([window; 2], [window; 2], [0, 0], false, true, None::<i64>)?)
            }
            None => Ok(activated),
        }
    }
}

/// The function after a convolution, value by value.
pub(in crate::model) fn activate(values: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => Ok(values.f_relu()?),
        Activation::Gelu => Ok(values.f_gelu("none")?),
        Activation::Silu => Ok(values.f_silu()?),
        Activation::None => Ok(values.shallow_clone()),
    }
}
