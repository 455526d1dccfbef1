//! What a convolution computes, and what follows it.

use super::block::{Activation, BlockConfig, Norm, Pool};
use super::input::FrameSize;

/// A convolution and what follows it: norm, residual sum, activation, pooling, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvConfig {
    /// Height and width of the kernel, or its time.
    pub kernel_size: i64,
    /// Step of the kernel along each axis.
    pub stride: i64,
    /// Zeros added on each side.
    pub padding: i64,
    /// Distance of the kernel's taps.
    pub dilation: i64,
    /// Groups of channels that are not mixed.
    pub groups: i64,
    /// The normalisation after the convolution.
    pub norm: Option<NormConfig>,
    /// The function after the norm and the residual sum.
    pub activation: Activation,
    /// The pooling, where there is one.
    pub pool: Option<Pool>,
}

/// A norm and its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormConfig {
    /// What is normalised.
    pub norm: Norm,
    /// Added to the variance.
    pub eps: f64,
    /// The share of a batch's statistics in batch norm's running ones.
    pub momentum: f64,
}

impl From<Norm> for NormConfig {
    /// The norm with PyTorch's default constants.
    fn from(norm: Norm) -> Self {
        Self {
            norm,
            eps: 1e-5,
            momentum: 0.1,
        }
    }
}

impl ConvConfig {
    /// Size of the frame after the convolution, before pooling.
    #[must_use]
    pub fn convolved(&self, out_channels: i64, frame: FrameSize) -> FrameSize {
        let span = self.dilation * (self.kernel_size - 1) + 1;
        let side = |size: i64| (size + 2 * self.padding - span).div_euclid(self.stride) + 1;
        FrameSize {
            channels: out_channels,
            height: side(frame.height),
            width: side(frame.width),
        }
    }
}

impl BlockConfig {
    /// The block's convolution with all that follows it but the dropout.
    #[must_use]
    pub fn conv(&self) -> ConvConfig {
        ConvConfig {
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            norm: self.norm.map(NormConfig::from),
            activation: self.activation,
            pool: self.pool(),
        }
    }

    /// The convolution of one pixel or step on the residual sum's other side, where `has_shortcut`.
    #[must_use]
    pub fn shortcut(&self) -> ConvConfig {
        ConvConfig {
            kernel_size: 1,
            stride: self.stride,
            padding: 0,
            dilation: 1,
            groups: 1,
            norm: None,
            activation: Activation::None,
            pool: None,
        }
    }
}
