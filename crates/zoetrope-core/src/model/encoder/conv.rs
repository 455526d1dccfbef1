//! A convolution with what follows it: norm, residual sum, activation, pooling.

use tch::{Kind, Tensor};

use super::norm::NormLayer;
use super::scaled;
use crate::config::{Activation, ConvConfig, Pool};
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::kernels::{self, ConvFinish, Packed};
use crate::model::paths;

/// A convolution with its parameters, over the pixels of each frame or over the time of vectors.
pub(super) struct Conv {
    config: ConvConfig,
    /// `[out_channels, in_channels / groups, …kernel]`
    weight: Tensor,
    /// `[out_channels]`
    bias: Option<Tensor>,
    packed: Packed,
    norm: Option<NormLayer>,
}

impl Conv {
    pub(super) fn new(
        config: ConvConfig,
        weight: Tensor,
        bias: Option<Tensor>,
        norm: Option<NormLayer>,
    ) -> Result<Self> {
        Ok(Self {
            config,
            weight,
            bias,
            packed: Packed::new()?,
            norm,
        })
    }

    /// See `Encoder::is_frame_by_frame`.
    pub(super) fn is_frame_by_frame(&self) -> bool {
        paths::is_frame_by_frame(&self.config, &self.weight)
    }

    /// Maps frames of `[frames, in_channels, height, width]`, floats or bytes in either memory layout, to
    /// `[frames, out_channels, height', width']`. The residual has the size that the convolution gives, before pooling.
    pub(super) fn forward_t(
        &self,
        frames: &Tensor,
        residual: Option<&Tensor>,
        kind: Kind,
        train: bool,
    ) -> Result<Tensor> {
        let has_residual = residual.is_some();
        if paths::takes_conv_block(&self.config, has_residual, frames, &self.weight) {
            return kernels::conv_block(frames, &self.weight, self.bias.as_ref(), &self.packed);
        }
        if !train && paths::takes_conv_layer(&self.config, frames, &self.weight) {
            return self.inferred(frames, residual, kind);
        }
        self.reference(&scaled(frames, kind)?, residual, train)
    }

    /// By one kernel, without gradients: a batch norm is folded into the convolution's weights.
    fn inferred(&self, frames: &Tensor, residual: Option<&Tensor>, kind: Kind) -> Result<Tensor> {
        let frames = if paths::takes_bytes(&self.config, frames) {
            frames.shallow_clone()
        } else {
            scaled(frames, kind)?
        };
        let finish = ConvFinish {
            norm: self.norm.as_ref().and_then(|norm| norm.by_running_statistics(false)),
            residual,
            activation: self.config.activation,
            pool: self.config.pool,
        };
        kernels::conv_layer(
            &frames,
            &self.weight,
            self.bias.as_ref(),
            self.config.padding,
            &finish,
            &self.packed,
        )
    }

    /// By libtorch's own operations: what the kernels are tested against. Keeps the frames' memory layout.
    fn reference(&self, frames: &Tensor, residual: Option<&Tensor>, train: bool) -> Result<Tensor> {
        let ConvConfig {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = self.config;
        let [stride, padding, dilation] = [stride, padding, dilation].map(|size| [size; 2]);
        let convolved = frames.f_conv2d(&self.weight, self.bias.as_ref(), stride, padding, dilation, groups)?;
        let activated = self.finish(convolved, residual, train)?;
        match self.config.pool {
            Some(Pool::Max(window)) => Ok(activated.f_max_pool2d([window; 2], [window; 2], [0, 0], [1, 1], false)?),
            Some(Pool::Average(window)) => {
                Ok(activated.f_avg_pool2d([window; 2], [window; 2], [0, 0], false, true, None::<i64>)?)
            }
            None => Ok(activated),
        }
    }

    /// Maps vectors of `[frames, in_channels]` to `[frames, out_channels]`: a convolution over the time of each clip,
    /// in front of and behind which there is nothing but zeros. Norm, sum and activation see valid steps only. The
    /// residual has the output's size.
    pub(super) fn forward_over_time_t(
        &self,
        vectors: &Tensor,
        residual: Option<&Tensor>,
        layout: &Layout<'_>,
        train: bool,
    ) -> Result<Tensor> {
        if !paths::takes_conv1d(&self.config, &self.weight) {
            return self.finish(self.convolved_over_time(vectors, layout)?, residual, train);
        }
        let vectors = vectors.f_contiguous()?;
        let (bias, rows, dilation) = (self.bias.as_ref(), layout.rows(), self.config.dilation);
        let has_relu = self.config.activation == Activation::Relu && self.norm.is_none() && residual.is_none();
        let steps = kernels::conv1d(&vectors, &self.weight, bias, rows, dilation, has_relu)?;
        if has_relu {
            return Ok(steps);
        }
        self.finish(steps, residual, train)
    }

    /// The convolution over time by libtorch's own operation, which knows padded sequences only: what its kernel is
    /// tested against.
    fn convolved_over_time(&self, vectors: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
        let ConvConfig {
            padding,
            dilation,
            groups,
            ..
        } = self.config;
        let clips = layout.unpack(vectors)?.f_transpose(1, 2)?; //                          [batch, in_channels, time]
        let convolved = clips.f_conv1d(&self.weight, self.bias.as_ref(), 1, padding, dilation, groups)?;
        layout.pack(&convolved.f_transpose(1, 2)?) //                                       [frames, out_channels]
    }

    /// What follows the convolution up to the pooling: norm, residual sum, activation.
    fn finish(&self, convolved: Tensor, residual: Option<&Tensor>, train: bool) -> Result<Tensor> {
        let mut values = match &self.norm {
            Some(norm) => norm.forward_t(&convolved, train)?,
            None => convolved,
        };
        if let Some(residual) = residual {
            values = values.f_add(residual)?;
        }
        activate(&values, self.config.activation)
    }
}

/// The function after a convolution, value by value.
pub(in crate::model) fn activate(values: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Relu => Ok(values.f_relu()?),
        Activation::Gelu => Ok(values.f_gelu("none")?),
        Activation::Silu => Ok(values.f_silu()?),
        Activation::Relu6 => Ok(values.f_relu6()?),
        Activation::Hardswish => Ok(values.f_hardswish()?),
        Activation::None => Ok(values.shallow_clone()),
    }
}
