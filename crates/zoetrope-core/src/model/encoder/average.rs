//! The mean of each channel over the pixels of a frame.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::model::paths;

/// Maps frames of `[frames, channels, height, width]` to `[frames, channels]`.
///
/// The gradient of a mean over two axes would be written out in the other memory order, and then copied.
pub(super) fn channel_means(frames: &Tensor) -> Result<Tensor> {
    if !paths::takes_flatten(frames) {
        return Ok(frames.f_mean_dim([2, 3].as_slice(), false, None::<Kind>)?);
    }
    let pixels = frames.f_permute([0, 2, 3, 1])?.f_flatten(1, 2)?; //    [frames, pixels, channels], their memory as it is
    let count = pixels.size()[1];
    Ok(pixels.f_sum_dim_intlist(1, false, None::<Kind>)?.f_div_scalar(count)?)
}
