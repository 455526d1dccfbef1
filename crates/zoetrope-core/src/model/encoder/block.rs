//! One block: convolution, norm, residual sum, activation, pooling, dropout.

use tch::{Kind, Tensor};

use super::conv::Conv;
use super::norm::NormLayer;
use super::scaled;
use crate::config::BlockConfig;
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::model::dropout::Dropout;
use crate::model::initializer::Initializer;
use crate::runtime::random::Generator;

/// A block with its parameters, named `cnn.conv1`, `cnn.norm1` and `cnn.shortcut1` in the first.
pub(super) struct Block {
    conv: Conv,
    is_residual: bool,
    /// The convolution of one pixel or step on the residual sum's other side, where it has one.
    shortcut: Option<Conv>,
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
        let conv = config.conv();
        let shape = [&[out_channels, in_channels / config.groups], kernel].concat();
        let (weight, bias) = init.weight_and_bias(&format!("cnn.conv{number}"), &shape)?;
        let norm = match conv.norm {
            Some(norm) => Some(NormLayer::new(norm, &format!("cnn.norm{number}"), out_channels, init)?),
            None => None,
        };
        let shortcut = if config.has_shortcut(in_channels) {
            let shape = [vec![out_channels, in_channels], vec![1; kernel.len()]].concat();
            let (weight, bias) = init.weight_and_bias(&format!("cnn.shortcut{number}"), &shape)?;
            Some(Conv::new(config.shortcut(), weight, Some(bias), None)?)
        } else {
            None
        };
        Ok(Self {
            conv: Conv::new(conv, weight, Some(bias), norm)?,
            is_residual: config.residual,
            shortcut,
            dropout: Dropout::new(config.dropout, generator.clone()),
        })
    }

    /// Whether training draws a mask.
    pub(super) fn has_dropout(&self) -> bool {
        self.dropout.drops()
    }

    /// See `Encoder::is_frame_by_frame`.
    pub(super) fn is_frame_by_frame(&self) -> bool {
        self.shortcut.is_none() && self.conv.is_frame_by_frame()
    }

    /// Maps frames of `[frames, in_channels, height, width]`, floats or bytes, to
    /// `[frames, out_channels, height', width']`.
    pub(super) fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        let output = if self.is_residual {
            let frames = scaled(frames, kind)?;
            let residual = match &self.shortcut {
                Some(shortcut) => shortcut.forward_t(&frames, None, kind, train)?,
                None => frames.shallow_clone(),
            };
            self.conv.forward_t(&frames, Some(&residual), kind, train)?
        } else {
            self.conv.forward_t(frames, None, kind, train)?
        };
        self.dropout.forward_t(&output, train)
    }

    /// Maps vectors of `[frames, in_channels]` to `[frames, out_channels]`, over the time of each clip.
    pub(super) fn forward_over_time_t(&self, vectors: &Tensor, layout: &Layout<'_>, train: bool) -> Result<Tensor> {
        let residual = match &self.shortcut {
            Some(shortcut) => Some(shortcut.forward_over_time_t(vectors, None, layout, train)?),
            None => self.is_residual.then(|| vectors.shallow_clone()),
        };
        let output = self
            .conv
            .forward_over_time_t(vectors, residual.as_ref(), layout, train)?;
        self.dropout.forward_t(&output, train)
    }
}
