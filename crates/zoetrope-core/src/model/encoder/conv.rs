//! A convolution with what follows it: norm, residual sum, activation, pooling.

use tch::{Kind, Tensor};

use super::groups::Groups;
use super::norm::NormLayer;
use super::scaled;
use crate::config::{Activation, ConvConfig, Pool};
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::kernels::{self, ConvFinish, Finish, Packed, Steps};
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
        if !train && paths::takes_conv2d_layer(&self.config, frames, &self.weight) {
            let (frames, finish) = (scaled(frames, kind)?, self.finish_of_inference(residual));
            let (weight, bias, steps) = (&self.weight, self.bias.as_ref(), steps(&self.config));
            let values = kernels::conv2d_layer(&frames, weight, bias, steps, &finish, &self.packed)?;
            return self.pooled(&values);
        }
        self.trained(frames, residual, kind, train)
    }

    /// Under autograd: the convolution, with ReLU where nothing stands between, and then the rest.
    fn trained(&self, frames: &Tensor, residual: Option<&Tensor>, kind: Kind, train: bool) -> Result<Tensor> {
        let has_relu = self.has_only_relu(residual) && self.config.pool.is_none();
        let bias = self.bias.as_ref();
        let convolved = match paths::groups_together(&self.config, &self.weight, train) {
            None => convolve(&self.config, frames, &self.weight, bias, kind, has_relu)?,
            Some(together) => {
                let groups = Groups::new(&self.weight, bias, self.config.groups, together)?;
                let config = ConvConfig {
                    groups: 1,
                    ..self.config
                };
                groups.convolve(&scaled(frames, kind)?, |frames, weight, bias| {
                    convolve(&config, frames, weight, bias, kind, has_relu)
                })?
            }
        };
        if has_relu {
            Ok(convolved)
        } else {
            self.finish(convolved, residual, train)
        }
    }

    /// What follows in inference, a batch norm by its running statistics.
    fn finish_of_inference<'a>(&'a self, residual: Option<&'a Tensor>) -> ConvFinish<'a> {
        ConvFinish {
            norm: self.norm.as_ref().and_then(|norm| norm.by_running_statistics(false)),
            residual,
            activation: self.config.activation,
            pool: self.config.pool,
        }
    }

    /// The pooling alone.
    fn pooled(&self, values: &Tensor) -> Result<Tensor> {
        if !paths::takes_pool(self.config.pool) || self.config.pool.is_none() {
            return pooled(values, self.config.pool);
        }
        let finish = Finish {
            norm: None,
            residual: None,
            activation: Activation::None,
            pool: self.config.pool,
        };
        kernels::finish(values, &finish)
    }

    /// By one kernel, without gradients: a batch norm is folded into the convolution's weights.
    fn inferred(&self, frames: &Tensor, residual: Option<&Tensor>, kind: Kind) -> Result<Tensor> {
        let frames = as_taken(&self.config, frames, kind)?;
        let finish = self.finish_of_inference(residual);
        kernels::conv_layer(
            &frames,
            &self.weight,
            self.bias.as_ref(),
            self.config.padding,
            &finish,
            &self.packed,
        )
    }

    /// Whether ReLU follows the convolution at once.
    fn has_only_relu(&self, residual: Option<&Tensor>) -> bool {
        self.config.activation == Activation::Relu && self.norm.is_none() && residual.is_none()
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
        if let Some(together) = paths::groups_together(&self.config, &self.weight, train) {
            let groups = Groups::new(&self.weight, self.bias.as_ref(), self.config.groups, together)?;
            let (rows, dilation) = (layout.rows(), self.config.dilation);
            let convolved = groups.convolve(vectors, |vectors, weight, bias| {
                kernels::conv1d(&vectors.f_contiguous()?, weight, bias, rows, dilation, false)
            })?;
            return self.finish(convolved, residual, train);
        }
        if !paths::takes_conv1d(&self.config, &self.weight) {
            return self.finish(self.convolved_over_time(vectors, layout)?, residual, train);
        }
        let vectors = vectors.f_contiguous()?;
        let (bias, rows, dilation) = (self.bias.as_ref(), layout.rows(), self.config.dilation);
        let has_relu = self.has_only_relu(residual);
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

    /// What follows the convolution: norm, residual sum, activation, pooling.
    fn finish(&self, convolved: Tensor, residual: Option<&Tensor>, train: bool) -> Result<Tensor> {
        if !paths::takes_finish(&convolved) {
            let mut values = match &self.norm {
                Some(norm) => norm.forward_t(&convolved, train)?,
                None => convolved,
            };
            if let Some(residual) = residual {
                values = values.f_add(residual)?;
            }
            return pooled(&activate(&values, self.config.activation)?, self.config.pool);
        }
        let (values, norm) = match &self.norm {
            None => (convolved, None),
            Some(norm) => match norm.for_kernel(&convolved, train)? {
                None => (norm.forward_t(&convolved, train)?, None), // layer norm has no kernel
                batch_norm => (convolved, batch_norm),
            },
        };
        let ConvConfig { activation, pool, .. } = self.config;
        let (pool, other_pool) = if paths::takes_pool(pool) {
            (pool, None)
        } else {
            (None, pool)
        };
        if norm.is_none() && residual.is_none() && pool.is_none() && activation == Activation::None {
            return pooled(&values, other_pool);
        }
        let finish = Finish {
            norm,
            residual,
            activation,
            pool,
        };
        pooled(&kernels::finish(&values, &finish)?, other_pool)
    }
}

/// The convolution of frames, and ReLU, under autograd.
fn convolve(
    config: &ConvConfig,
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    kind: Kind,
    relu: bool,
) -> Result<Tensor> {
    if paths::takes_conv(config, frames, weight) {
        return kernels::conv(&as_taken(config, frames, kind)?, weight, bias, config.padding, relu);
    }
    let frames = scaled(frames, kind)?;
    if paths::takes_conv2d(config, weight) {
        return kernels::conv2d(&frames, weight, bias, steps(config), relu);
    }
    let frames = if paths::is_engine_on(weight) {
        channels_last(&frames)? // where libtorch's own operation is fastest
    } else {
        frames
    };
    let [stride, padding, dilation] = [config.stride, config.padding, config.dilation].map(|size| [size; 2]);
    let mut convolved = frames.f_conv2d(weight, bias, stride, padding, dilation, config.groups)?;
    Ok(if relu { convolved.f_relu_()? } else { convolved }) // backward needs the result alone
}

fn steps(config: &ConvConfig) -> Steps {
    Steps {
        stride: config.stride,
        padding: config.padding,
        dilation: config.dilation,
    }
}

/// Frames as the kernels of 3×3 take them: bytes as they are where they can.
fn as_taken(config: &ConvConfig, frames: &Tensor, kind: Kind) -> Result<Tensor> {
    if paths::takes_bytes(config, frames) {
        Ok(frames.shallow_clone())
    } else {
        scaled(frames, kind)
    }
}

/// Pools frames of `[frames, channels, height, width]`, where there is pooling.
fn pooled(frames: &Tensor, pool: Option<Pool>) -> Result<Tensor> {
    match pool {
        Some(Pool::Max(window)) => Ok(frames.f_max_pool2d([window; 2], [window; 2], [0, 0], [1, 1], false)?),
        Some(Pool::Average(window)) => {
            Ok(frames.f_avg_pool2d([window; 2], [window; 2], [0, 0], false, true, None::<i64>)?)
        }
        None => Ok(frames.shallow_clone()),
    }
}

/// Frames of `[frames, channels, height, width]` in channels-last memory.
///
/// That of a single channel is the other memory order as well, and libtorch's convolution would take it for that one. Its
/// result would have to be copied.
fn channels_last(frames: &Tensor) -> Result<Tensor> {
    let (count, channels, height, width) = frames.size4()?;
    if channels > 1 {
        return kernels::channels_last(frames);
    }
    let strides = [height * width, 1, width, 1];
    Ok(frames
        .f_contiguous()?
        .f_as_strided([count, channels, height, width], strides, None::<i64>)?)
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
