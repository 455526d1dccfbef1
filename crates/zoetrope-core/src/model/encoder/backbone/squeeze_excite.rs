//! Squeeze and excitation: a frame decides how much each of its channels counts.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::model::encoder::average::channel_means;
use crate::model::encoder::conv::Conv;

/// Each channel times `hardsigmoid` of two convolutions of the channels' means.
pub(super) struct SqueezeExcite {
    /// Of one pixel, from all channels to fewer, with ReLU.
    pub(super) squeeze: Conv,
    /// Of one pixel, back to all channels.
    pub(super) excite: Conv,
}

impl SqueezeExcite {
    /// Maps frames of `[frames, channels, height, width]` to frames of the same size.
    pub(super) fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        let means = channel_means(frames)?.f_unsqueeze(-1)?.f_unsqueeze(-1)?; //    [frames, channels, 1, 1]
        let squeezed = self.squeeze.forward_t(&means, None, kind, train)?; //       [frames, squeezed, 1, 1]
        let factors = self.excite.forward_t(&squeezed, None, kind, train)?; //      [frames, channels, 1, 1]
        Ok(frames.f_mul(&factors.f_hardsigmoid()?)?)
    }
}
