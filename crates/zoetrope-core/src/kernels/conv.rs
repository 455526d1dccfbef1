//! `kernels/torch/conv.cpp` and `finish.cpp`: a convolution in training, and what follows it.

use tch::Tensor;

use super::ffi::{Message, TensorOut, TensorPtr, pointer_or_null, tensor};
use crate::config::{Activation, Pool};
use crate::error::Result;

unsafe extern "C" {
    fn zt_conv(x: TensorPtr, weight: TensorPtr, bias: TensorPtr, padding: i64, relu: bool, y: TensorOut) -> Message;
    fn zt_finish(
        x: TensorPtr,
        norm: *const TensorPtr,
        eps: f64,
        of_batch: bool,
        momentum: f64,
        residual: TensorPtr,
        activation: i32,
        pool: i32,
        y: TensorOut,
    ) -> Message;
}

/// `zt_conv_activation` of `kernels/cpu/conv/conv.h`.
pub(super) fn activation_number(activation: Activation) -> i32 {
    match activation {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::Gelu => 2,
        Activation::Silu => 3,
        Activation::Relu6 => 4,
        Activation::Hardswish => 5,
    }
}

/// `zt_conv_pool`, whose windows are of 2.
pub(super) fn pool_number(pool: Option<Pool>) -> i32 {
    match pool {
        None => 0,
        Some(Pool::Max(_)) => 1,
        Some(Pool::Average(_)) => 2,
    }
}

/// Convolution 3×3 with stride 1 and a padding of 0 to 2, with ReLU where `relu`, under autograd.
///
/// `frames` are `[frames, channels, height, width]` on the CPU, float32 or, with at most four channels and a padding of
/// 1, bytes that count as byte / 255; weight and bias are contiguous float32. The output has at least one pixel and is in
/// channels-last memory.
pub(crate) fn conv(
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    padding: i64,
    relu: bool,
) -> Result<Tensor> {
    let bias = pointer_or_null(bias);
    // SAFETY: live tensors of ours, of the kinds and sizes that `model/paths.rs` has checked; `bias` may be null.
    tensor(|y| unsafe { zt_conv(frames.as_ptr(), weight.as_ptr(), bias, padding, relu, y) })
}

/// What follows a convolution in [`finish`], in this order.
pub(crate) struct Finish<'a> {
    pub(crate) norm: Option<FinishNorm<'a>>,
    /// The residual sum's other side, of the convolution's output shape.
    pub(crate) residual: Option<&'a Tensor>,
    pub(crate) activation: Activation,
    /// Of a window of 2.
    pub(crate) pool: Option<Pool>,
}

/// A batch norm.
pub(crate) struct FinishNorm<'a> {
    /// Weight, bias, running mean and running variance, contiguous float32 of `[channels]`.
    pub(crate) tensors: [&'a Tensor; 4],
    pub(crate) eps: f64,
    /// The share of the batch's statistics in the running ones, where it normalises by the batch's.
    pub(crate) momentum: Option<f64>,
}

/// What follows a convolution, under autograd: `[frames, channels, height, width]`, or `[frames, channels]` without
/// pooling, of float32 on the CPU.
pub(crate) fn finish(convolved: &Tensor, finish: &Finish<'_>) -> Result<Tensor> {
    let norm = finish.norm.as_ref();
    let pointers = norm.map(|norm| norm.tensors.map(Tensor::as_ptr));
    let momentum = norm.and_then(|norm| norm.momentum);
    // SAFETY: live tensors of ours, of the kinds and sizes that `model/paths.rs` has checked; `norm` is null or four.
    tensor(|y| unsafe {
        zt_finish(
            convolved.as_ptr(),
            pointers.as_ref().map_or(std::ptr::null(), |norm| norm.as_ptr().cast()),
            norm.map_or(0.0, |norm| norm.eps),
            momentum.is_some(),
            momentum.unwrap_or_default(),
            pointer_or_null(finish.residual),
            activation_number(finish.activation),
            pool_number(finish.pool),
            y,
        )
    })
}
