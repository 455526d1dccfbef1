//! Which part of a model takes which path: the engine's kernels, or the reference on libtorch's operations.
//!
//! | part | kernel | taken where |
//! |---|---|---|
//! | block, up to its dropout | `conv_block` | CPU, float32, kernel 3, stride 1, padding 1, dilation 1, groups 1, no norm, no residual sum, ReLU, max-pool 2, frames of at least 2 × 2 |
//! | the same in inference, with any activation, residual sum, batch norm, padding up to 2, and no pooling or one of 2 | `conv_layer` | CPU, float32, kernel 3, stride 1, dilation 1, groups 1, no layer norm |
//! | the convolution of any other block of frames, with ReLU where nothing stands between | `conv` | CPU, float32, kernel 3, stride 1, dilation 1, groups 1, padding up to 2, at least 24 channels in and out, at least half of the output's tiles of 4 × 4 filled; or up to 4 channels in, where these are the model's input frames and the padding is 1 |
//! | a convolution of several groups, over frames or over time | one for each group, or for some groups whose outputs are at most 16 channels together | CPU, float32, more than one channel in or out of a group; over frames in training only, with a kernel above 1 and at least 8 channels into each |
//! | any other convolution of frames in inference, with any activation, residual sum and batch norm; pooling is a pass of its own | `conv2d_layer` | CPU, float32, groups 1 or each channel alone, no layer norm |
//! | the same in training, with ReLU where nothing stands between | `conv2d` | CPU, float32, groups 1, at least 32 floats of a patch side by side (kernel times channels in), stride or dilation above 1 or a kernel of 1; or a kernel of 1 with a stride above 1 and any channels; or each channel alone |
//! | what follows any other convolution: batch norm, residual sum, activation, pooling of 2 | `finish` | CPU, float32 |
//! | convolution of a block over time, with its ReLU where neither norm nor sum stands between | `conv1d` | CPU, float32, groups 1 or each channel alone |
//! | flattening | `flatten` | CPU, float32, frames in channels-last memory, as such a block leaves them |
//! | the same before a recurrent layer, in inference | none: the layer packs its weights in that order | such frames, weights of at most 64 MiB, or 16 with AMX |
//! | recurrent layer | `recurrent_layer` | CPU, float32 |
//! | one step of a recurrent layer | none: two linear layers, then libtorch's operations | always |
//! | linear layer, in inference | `linear` | CPU, float32, at most 131,072 multiplications |
//! | any other linear layer | `linear_layer` | CPU, float32, at least 4 outputs |
//! | each linear layer of a decoder's step, in inference | `linear` | CPU, float32 |
//! | loss of label strings | none: recursions in Rust, on probabilities | CPU, float32, unless masses are too small for those |
//! | update by an optimizer | `engine_update` | CPU, float32 |
//! | any other | the reference | always |
//!
//! `ZOETROPE_ENGINE=reference` takes the reference everywhere: for comparisons.

use std::sync::OnceLock;

use tch::{Device, Kind, Tensor};

use crate::config::{Activation, Cell, ConvConfig, Norm, Pool};
use crate::kernels;

/// Whether a convolution of frames `[frames, channels, height, width]` takes `kernels::conv_block`.
pub(super) fn takes_conv_block(conv: &ConvConfig, has_residual: bool, frames: &Tensor, weight: &Tensor) -> bool {
    let size = frames.size();
    is_engine_on(weight)
        && (conv.kernel_size, conv.stride, conv.padding) == (3, 1, 1)
        && (conv.dilation, conv.groups, conv.norm, has_residual) == (1, 1, None, false)
        && (conv.activation, conv.pool) == (Activation::Relu, Some(Pool::Max(2)))
        && size[2].min(size[3]) >= 2
        && (frames.kind() == Kind::Float || size[1] <= 4)
}

/// Whether a convolution with this weight `[channels, 1, …kernel]` leaves each channel alone.
fn is_depthwise(conv: &ConvConfig, weight: &Tensor) -> bool {
    let size = weight.size();
    conv.groups > 1 && (size[0], size[1]) == (conv.groups, 1)
}

/// How many groups of a convolution are computed together, where its groups are convolutions of one group each; `None`
/// where they are not. libtorch is faster with frames where it is inference, where a kernel is 1 or where groups have few
/// channels: their channels are copied here.
///
/// The weights of groups together are blocks on a diagonal. As long as their outputs are one vector of the kernels, the
/// zeros beside the blocks cost nothing.
pub(super) fn groups_together(conv: &ConvConfig, weight: &Tensor, train: bool) -> Option<i64> {
    const VECTOR: i64 = 16;
    const FEWEST_CHANNELS: i64 = 8;
    let size = weight.size();
    let (groups, out_channels, in_channels) = (conv.groups, size[0] / conv.groups, size[1]);
    if !is_engine_on(weight) || groups == 1 || is_depthwise(conv, weight) {
        return None;
    }
    let fits = |count: &i64| groups % count == 0 && (*count == 1 || count * out_channels <= VECTOR);
    let together = (1..=groups).rev().find(fits)?;
    let is_over_time = size.len() == 3;
    let pays = train && conv.kernel_size > 1 && together * in_channels >= FEWEST_CHANNELS;
    (is_over_time || pays).then_some(together)
}

/// Whether a convolution over time takes `kernels::conv1d`.
pub(super) fn takes_conv1d(conv: &ConvConfig, weight: &Tensor) -> bool {
    is_engine_on(weight) && (conv.groups == 1 || is_depthwise(conv, weight))
}

/// Whether a convolution of frames `[frames, channels, height, width]` takes `kernels::conv_layer` where nothing is
/// trained.
pub(super) fn takes_conv_layer(conv: &ConvConfig, frames: &Tensor, weight: &Tensor) -> bool {
    frames.dim() == 4 && is_frame_by_frame(conv, weight)
}

/// Whether a convolution without a residual sum takes, where nothing is trained, a kernel whose values of a frame are the
/// same bits whatever other frames it computes: tiles of a frame go through Winograd's products one by one, and those
/// behind the last frame are zeros.
pub(super) fn is_frame_by_frame(conv: &ConvConfig, weight: &Tensor) -> bool {
    is_engine_on(weight)
        && weight.dim() == 4
        && (conv.kernel_size, conv.stride, conv.dilation, conv.groups) == (3, 1, 1, 1)
        && conv.padding <= 2
        && takes_folded(conv)
        && takes_pool(conv.pool)
}

/// The fewest channels in and out of `kernels::conv`, but for the few channels of a model's input frames. Its vectors
/// would be half empty otherwise, and libtorch's convolution is faster.
const CONV_CHANNELS: i64 = 24;

/// Whether the convolution of frames `[frames, channels, height, width]` takes `kernels::conv`, under autograd.
pub(super) fn takes_conv(conv: &ConvConfig, frames: &Tensor, weight: &Tensor) -> bool {
    let [out_channels, in_channels] = [weight.size()[0], weight.size()[1]];
    let is_first = in_channels <= 4 && conv.padding == 1 && frames.is_contiguous();
    is_engine_on(weight)
        && (conv.kernel_size, conv.stride, conv.dilation, conv.groups) == (3, 1, 1, 1)
        && conv.padding <= 2
        && out_channels >= CONV_CHANNELS
        && (in_channels >= CONV_CHANNELS || is_first)
        && fills_tiles(frames, conv.padding)
}

/// Whether at least half of the pixels of the tiles of 4 × 4 that cover the output are the output's.
fn fills_tiles(frames: &Tensor, padding: i64) -> bool {
    let [rows, cols] = [2, 3].map(|axis| frames.size()[axis] + 2 * padding - 2);
    let covered = |size: i64| (size + 3) / 4 * 4;
    covered(rows) * covered(cols) <= 2 * rows * cols
}

/// Whether a convolution of frames takes, where nothing is trained, `kernels::conv2d_layer`.
pub(super) fn takes_conv2d_layer(conv: &ConvConfig, frames: &Tensor, weight: &Tensor) -> bool {
    is_engine_on(weight)
        && weight.dim() == 4
        && (conv.groups == 1 || is_depthwise(conv, weight))
        && takes_folded(conv)
        && !takes_conv(conv, frames, weight)
}

/// The fewest floats of a patch that lie side by side, for `kernels::conv2d`: with fewer, libtorch's gradients are faster.
const CONV2D_RUN: i64 = 32;

/// Whether a convolution of frames takes `kernels::conv2d`, under autograd. With stride 1 and a kernel of 5 or more,
/// libtorch's is as fast.
pub(super) fn takes_conv2d(conv: &ConvConfig, weight: &Tensor) -> bool {
    is_engine_on(weight)
        && weight.dim() == 4
        && (is_depthwise(conv, weight)
            || conv.groups == 1
                && (is_subsampled_alone(conv)
                    || weight.size()[1] * conv.kernel_size >= CONV2D_RUN
                        && (conv.stride > 1 || conv.dilation > 1 || conv.kernel_size == 1)))
}

/// Whether a kernel of 1 skips pixels. libtorch's gradient of its weights, of frames in channels-last memory, reads where
/// no memory is and ends the process (oneDNN 3.10, with AVX-512).
fn is_subsampled_alone(conv: &ConvConfig) -> bool {
    conv.kernel_size == 1 && conv.stride > 1
}

/// Whether, where nothing is trained, a kernel computes all that follows a convolution but for the pooling.
pub(super) fn takes_folded(conv: &ConvConfig) -> bool {
    conv.norm.is_none_or(|norm| norm.norm != Norm::Layer)
}

/// Whether what follows a convolution takes `kernels::finish`.
pub(super) fn takes_finish(convolved: &Tensor) -> bool {
    is_engine_on(convolved)
}

/// Whether it pools too.
pub(super) fn takes_pool(pool: Option<Pool>) -> bool {
    matches!(pool, None | Some(Pool::Max(2) | Pool::Average(2)))
}

/// Whether the kernels take a convolution's frames as they are, where they are bytes.
pub(super) fn takes_bytes(conv: &ConvConfig, frames: &Tensor) -> bool {
    frames.kind() == Kind::Float || frames.size()[1] <= 4 && conv.padding == 1
}

/// Whether frames of `[frames, channels, height, width]` take `kernels::flatten`.
pub(super) fn takes_flatten(frames: &Tensor) -> bool {
    is_engine_on(frames) && frames.dim() == 4 && frames.size()[1] > 1 && frames.stride()[1] == 1
}

/// Whether a recurrent layer with these weights takes `kernels::recurrent_layer`.
pub(super) fn takes_recurrent_layer(weight: &Tensor) -> bool {
    is_engine_on(weight)
}

/// Whether a recurrent layer with these weights takes features position by position, as frames in channels-last memory
/// have them, of clips of up to `time` frames.
pub(super) fn takes_pixel_major(cell: Cell, weights: &[Tensor; 4], time: i64) -> bool {
    takes_recurrent_layer(&weights[0]) && kernels::recurrent_packs(cell, weights, time)
}

/// Whether a linear layer of `[…, inputs]` by `[outputs, inputs]` takes `kernels::linear` where nothing is trained. For a
/// small product, the calls around it take longer than the product.
pub(super) fn takes_linear(inputs: &Tensor, weight: &Tensor) -> bool {
    is_engine_on(weight) && !kernels::records_gradients() && inputs.numel() as i64 * weight.size()[0] <= 131_072
}

/// Whether any other linear layer by `[outputs, inputs]` takes `kernels::linear_layer`. For a few outputs its vectors
/// would be mostly empty, and libtorch is faster.
pub(super) fn takes_linear_layer(weight: &Tensor) -> bool {
    const FEWEST_OUTPUTS: i64 = 4;
    is_engine_on(weight) && weight.size()[0] >= FEWEST_OUTPUTS
}

/// Whether the loss of label strings with these outputs is computed on probabilities, not on logarithms.
pub(super) fn takes_ctc(outputs: &Tensor) -> bool {
    is_engine_on(outputs)
}

/// Whether a layer with these weights may take a kernel of the engine's.
pub(crate) fn is_engine_on(weight: &Tensor) -> bool {
    static REFERENCE: OnceLock<bool> = OnceLock::new();
    let reference = REFERENCE.get_or_init(|| std::env::var("ZOETROPE_ENGINE").is_ok_and(|path| path == "reference"));
    !reference && weight.device() == Device::Cpu && weight.kind() == Kind::Float
}
