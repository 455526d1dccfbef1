//! `kernels/torch/conv2d.cpp`: convolutions of frames of any kernel, stride, padding and dilation.

use tch::Tensor;

use super::ConvFinish;
use super::conv::activation_number;
use super::ffi::{Message, TensorOut, TensorPtr, pointer_or_null, tensor};
use super::packed::{CPacked, Packed};
use crate::error::Result;

unsafe extern "C" {
    fn zt_conv2d(
        x: TensorPtr,
        weight: TensorPtr,
        bias: TensorPtr,
        stride: i64,
        padding: i64,
        dilation: i64,
        relu: bool,
        y: TensorOut,
    ) -> Message;
    fn zt_conv2d_layer(
        x: TensorPtr,
        weight: TensorPtr,
        bias: TensorPtr,
        norm: *const TensorPtr,
        eps: f64,
        residual: TensorPtr,
        stride: i64,
        padding: i64,
        dilation: i64,
        activation: i32,
        kept: *mut CPacked,
        y: TensorOut,
    ) -> Message;
}

/// How a convolution moves over the frames.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) stride: i64,
    pub(crate) padding: i64,
    pub(crate) dilation: i64,
}

/// Convolution of one group or of each channel alone, with ReLU where `relu`, under autograd.
///
/// `frames` are float32 of `[frames, channels, height, width]` on the CPU, weight and bias contiguous float32, which the
/// kernel checks. The result is in channels-last memory and has at least one pixel.
pub(crate) fn conv2d(
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    steps: Steps,
    relu: bool,
) -> Result<Tensor> {
    let (x, weight, bias) = (frames.as_ptr(), weight.as_ptr(), pointer_or_null(bias));
    let Steps {
        stride,
        padding,
        dilation,
    } = steps;
    // SAFETY: live tensors of ours, of the sizes that `model/paths.rs` has checked; `bias` may be null.
    tensor(|y| unsafe { zt_conv2d(x, weight, bias, stride, padding, dilation, relu, y) })
}

/// The same and what follows it, but for pooling, without autograd.
pub(crate) fn conv2d_layer(
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    steps: Steps,
    finish: &ConvFinish<'_>,
    packed: &Packed,
) -> Result<Tensor> {
    let norm = finish.norm.map(|(tensors, eps)| (tensors.map(Tensor::as_ptr), eps));
    // SAFETY: as in `conv2d`; `norm` is null or five; `residual` may be null.
    tensor(|y| unsafe {
        zt_conv2d_layer(
            frames.as_ptr(),
            weight.as_ptr(),
            pointer_or_null(bias),
            norm.as_ref()
                .map_or(std::ptr::null(), |(pointers, _)| pointers.as_ptr().cast()),
            norm.map_or(0.0, |(_, eps)| eps),
            pointer_or_null(finish.residual),
            steps.stride,
            steps.padding,
            steps.dilation,
            activation_number(finish.activation),
            packed.as_ptr(),
            y,
        )
    })
}
