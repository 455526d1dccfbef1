//! The C ABI of `kernels/*.cpp`, made safe.

mod conv;
mod conv2d;
mod ffi;
pub(crate) mod optimizer;
mod packed;

use std::ffi::{CStr, c_char, c_void};

use tch::kind::Element;
use tch::{Kind, Tensor};

use crate::config::{Activation, Cell, Pool};
use crate::error::Result;

pub(crate) use self::conv::{Finish, FinishNorm, conv, finish};
use self::conv::{activation_number, pool_number};
pub(crate) use self::conv2d::{Steps, conv2d, conv2d_layer};
use self::ffi::{Message, TensorOut, TensorPtr, check, pointer_or_null, tensor};
use self::packed::CPacked;
pub(crate) use self::packed::Packed;

/// `at::Generator`, opaque.
#[repr(C)]
struct CGenerator {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn zt_generator_new(seed: u64, generator: *mut *mut CGenerator) -> Message;
    fn zt_generator_free(generator: *mut CGenerator);
    fn zt_generator_seed(generator: *mut CGenerator, seed: u64) -> Message;
    fn zt_uniform(tensor: TensorPtr, low: f64, high: f64, generator: *const CGenerator) -> Message;
    fn zt_normal(tensor: TensorPtr, mean: f64, deviation: f64, generator: *const CGenerator) -> Message;
    fn zt_bernoulli(tensor: TensorPtr, probability: f64, generator: *const CGenerator) -> Message;
    fn zt_conv_block(x: TensorPtr, weight: TensorPtr, bias: TensorPtr, kept: *mut CPacked, y: TensorOut) -> Message;
    fn zt_conv_layer(
        x: TensorPtr,
        weight: TensorPtr,
        bias: TensorPtr,
        norm: *const TensorPtr,
        eps: f64,
        residual: TensorPtr,
        padding: i64,
        activation: i32,
        pool: i32,
        kept: *mut CPacked,
        y: TensorOut,
    ) -> Message;
    fn zt_conv1d(
        x: TensorPtr,
        weight: TensorPtr,
        bias: TensorPtr,
        offsets: TensorPtr,
        time: i64,
        dilation: i64,
        relu: bool,
        y: TensorOut,
    ) -> Message;
    fn zt_flatten(x: TensorPtr, y: TensorOut) -> Message;
    fn zt_in_channels_last(x: TensorPtr, y: TensorOut) -> Message;
    fn zt_linear(x: TensorPtr, weight: TensorPtr, bias: TensorPtr, y: TensorOut) -> Message;
    fn zt_records_gradients() -> bool;
    fn zt_linear_layer(x: TensorPtr, weight: TensorPtr, bias: TensorPtr, y: TensorOut) -> Message;
    fn zt_recurrent_packs(cell: i32, w_ih: TensorPtr, w_hh: TensorPtr, time: i64) -> bool;
    fn zt_recurrent_layer(
        cell: i32,
        x: TensorPtr,
        pixels: i64,
        weights: *const TensorPtr,
        directions: i64,
        offsets: TensorPtr,
        time: i64,
        last_only: bool,
        kept: *const *mut CPacked,
        y: TensorOut,
    ) -> Message;
    fn zt_lent(
        data: *const c_void,
        shape: *const i64,
        axes: i64,
        is_bytes: bool,
        keeper: *mut c_void,
        release: extern "C" fn(*mut c_void),
        tensor: TensorOut,
    ) -> Message;
    fn zt_install_allocator() -> Message;
    fn zt_release_cache();
    fn zt_use_threads(count: i32);
    fn zt_gather_threads();
    fn zt_before_exit(call: extern "C" fn());
    fn zt_isa_name() -> *const c_char;
}

/// A CPU generator of libtorch's, owned.
pub(crate) struct RawGenerator(*mut CGenerator);

// SAFETY: `at::Generator` is a reference-counted handle; libtorch locks its mutex around every draw, and so does
// `zt_generator_seed`.
unsafe impl Send for RawGenerator {}
// SAFETY: as above.
unsafe impl Sync for RawGenerator {}

impl RawGenerator {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: `handle` is a valid place for the pointer, written only on success.
        check(unsafe { zt_generator_new(seed, &raw mut handle) })?;
        Ok(Self(handle))
    }

    pub(crate) fn seed(&self, seed: u64) -> Result<()> {
        // SAFETY: the handle is alive until drop.
        check(unsafe { zt_generator_seed(self.0, seed) })
    }

    /// Fills a CPU tensor from the uniform distribution on [low, high).
    pub(crate) fn uniform(&self, tensor: &mut Tensor, low: f64, high: f64) -> Result<()> {
        // SAFETY: tensor and handle are alive for the call, and the tensor is borrowed mutably.
        check(unsafe { zt_uniform(tensor.as_ptr(), low, high, self.0) })
    }

    /// Fills a CPU tensor from the normal distribution.
    pub(crate) fn normal(&self, tensor: &mut Tensor, mean: f64, deviation: f64) -> Result<()> {
        // SAFETY: as in `uniform`.
        check(unsafe { zt_normal(tensor.as_ptr(), mean, deviation, self.0) })
    }

    /// Fills a CPU tensor with ones, each with the given probability, and zeros.
    pub(crate) fn bernoulli(&self, tensor: &mut Tensor, probability: f64) -> Result<()> {
        // SAFETY: as in `uniform`.
        check(unsafe { zt_bernoulli(tensor.as_ptr(), probability, self.0) })
    }
}

impl Drop for RawGenerator {
    fn drop(&mut self) {
        // SAFETY: made by `zt_generator_new`, freed once.
        unsafe { zt_generator_free(self.0) }
    }
}

/// Convolution 3×3 (stride 1, padding 1), bias, ReLU, max-pooling 2×2, under autograd.
///
/// `frames` are `[frames, channels, height, width]` on the CPU, height and width at least 2, float32 or, with at most
/// four channels, bytes that count as byte / 255; weight and bias are contiguous float32, and `packed` is theirs; no bias
/// is one of zeros. The result is in channels-last memory.
pub(crate) fn conv_block(frames: &Tensor, weight: &Tensor, bias: Option<&Tensor>, packed: &Packed) -> Result<Tensor> {
    let bias = pointer_or_null(bias);
    // SAFETY: live tensors of ours, of the kinds and sizes that `model/paths.rs` has checked; `bias` may be null.
    tensor(|y| unsafe { zt_conv_block(frames.as_ptr(), weight.as_ptr(), bias, packed.as_ptr(), y) })
}

/// A convolution over the time of each clip with its bias, if any, and with ReLU where `relu`, under autograd: `[frames, in_channels]`,
/// clip after clip, into `[frames, out_channels]`. Outside of a clip there are zeros.
///
/// The weight is `[out_channels, in_channels, kernel]`, or `[channels, 1, kernel]` for each channel alone, with an odd kernel; all tensors are contiguous float32 on the CPU,
/// which the kernel checks.
pub(crate) fn conv1d(
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rows: Rows<'_>,
    dilation: i64,
    relu: bool,
) -> Result<Tensor> {
    let (x, weight, bias) = (frames.as_ptr(), weight.as_ptr(), pointer_or_null(bias));
    let offsets = pointer_or_null(rows.offsets);
    // SAFETY: live tensors of ours, `bias` and `offsets` may be null; `Lengths` has made these ascend by 1 … time from 0.
    tensor(|y| unsafe { zt_conv1d(x, weight, bias, offsets, rows.time, dilation, relu, y) })
}

/// What follows a convolution in [`conv_layer`], in this order.
pub(crate) struct ConvFinish<'a> {
    /// Batch norm by its running statistics: weight, bias, mean and variance of `[channels]`, the count of its batches,
    /// which changes with the statistics, and eps.
    pub(crate) norm: Option<([&'a Tensor; 5], f64)>,
    /// The residual sum's other side, of the convolution's output shape.
    pub(crate) residual: Option<&'a Tensor>,
    pub(crate) activation: Activation,
    /// Of a window of 2.
    pub(crate) pool: Option<Pool>,
}

/// Convolution 3×3 with stride 1 and a padding of 0 to 2, and what follows it, without autograd.
///
/// Frames, weight, bias, `packed` and result as of [`conv_block`]; bytes with a padding of 1 only. The output has at
/// least one pixel.
pub(crate) fn conv_layer(
    frames: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    padding: i64,
    finish: &ConvFinish<'_>,
    packed: &Packed,
) -> Result<Tensor> {
    let norm = finish.norm.map(|(tensors, eps)| (tensors.map(Tensor::as_ptr), eps));
    // SAFETY: live tensors of ours, of the kinds and sizes that `model/paths.rs` has checked; `norm` is null
    // or five; `bias` and `residual` may be null.
    tensor(|y| unsafe {
        zt_conv_layer(
            frames.as_ptr(),
            weight.as_ptr(),
            pointer_or_null(bias),
            norm.as_ref()
                .map_or(std::ptr::null(), |(pointers, _)| pointers.as_ptr().cast()),
            norm.map_or(0.0, |(_, eps)| eps),
            pointer_or_null(finish.residual),
            padding,
            activation_number(finish.activation),
            pool_number(finish.pool),
            packed.as_ptr(),
            y,
        )
    })
}

/// Frames of `[frames, channels, height, width]` in channels-last memory, under autograd.
pub(crate) fn channels_last(frames: &Tensor) -> Result<Tensor> {
    // SAFETY: a live tensor of ours, of four axes.
    tensor(|y| unsafe { zt_in_channels_last(frames.as_ptr(), y) })
}

/// `[frames, channels, height, width]` on the CPU into `[frames, channels * height * width]`, channel-major, under
/// autograd.
pub(crate) fn flatten(frames: &Tensor) -> Result<Tensor> {
    // SAFETY: a live float32 tensor of ours.
    tensor(|y| unsafe { zt_flatten(frames.as_ptr(), y) })
}

/// `[…, inputs]` into `[…, outputs]` by a weight of `[outputs, inputs]` and a bias of `[outputs]`, all contiguous
/// float32 on the CPU, where no gradients are recorded.
pub(crate) fn linear(inputs: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    // SAFETY: live float32 tensors of ours.
    tensor(|y| unsafe { zt_linear(inputs.as_ptr(), weight.as_ptr(), bias.as_ptr(), y) })
}

/// Whether autograd records the operations of the calling thread.
pub(crate) fn records_gradients() -> bool {
    // SAFETY: it reads a setting of the calling thread.
    unsafe { zt_records_gradients() }
}

/// As [`linear`], as a long product, and differentiable.
pub(crate) fn linear_layer(inputs: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    // SAFETY: live float32 tensors of ours.
    tensor(|y| unsafe { zt_linear_layer(inputs.as_ptr(), weight.as_ptr(), bias.as_ptr(), y) })
}

/// Which rows of a layer's frames belong to which clip.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Frames of every clip, or with offsets the most that one has.
    pub(crate) time: i64,
    /// int64 of `[batch + 1]` on the CPU: the row at which each clip begins, last the number of rows.
    pub(crate) offsets: Option<&'a Tensor>,
}

/// The weights of one direction of a recurrent layer: `weight_ih, weight_hh, bias_ih, bias_hh`, and them packed.
pub(crate) struct Direction {
    pub(crate) weights: [Tensor; 4],
    pub(crate) packed: Packed,
}

/// `zt_cell` of `kernels/cpu/recurrent/recurrent.h`.
fn cell_number(cell: Cell) -> i32 {
    match cell {
        Cell::Lstm => 0,
        Cell::Gru => 1,
    }
}

/// One recurrent layer under autograd: `[frames, features]`, clip after clip, into `[frames, directions * hidden]`, or
/// with `last_only` and one direction into each clip's last output, `[batch, hidden]`. The second direction reads each
/// clip from its end.
///
/// All tensors are contiguous float32 on the CPU, which the kernel checks. `pixels` is 1, or, where
/// [`recurrent_packs`], features are `[pixels][channels]` and those of the weights `[channels][pixels]`.
pub(crate) fn recurrent_layer(
    cell: Cell,
    frames: &Tensor,
    pixels: i64,
    rows: Rows<'_>,
    directions: &[Direction],
    last_only: bool,
) -> Result<Tensor> {
    let weights: Vec<TensorPtr> = directions
        .iter()
        .flat_map(|direction| direction.weights.iter().map(Tensor::as_ptr))
        .collect();
    let kept: Vec<*mut CPacked> = directions.iter().map(|direction| direction.packed.as_ptr()).collect();
    let (x, time, count) = (frames.as_ptr(), rows.time, directions.len() as i64);
    let offsets = pointer_or_null(rows.offsets);
    // SAFETY: live tensors of ours, four for each direction; `Lengths` has made the offsets ascend by 1 … time from 0.
    tensor(|y| unsafe {
        zt_recurrent_layer(
            cell_number(cell),
            x,
            pixels,
            weights.as_ptr(),
            count,
            offsets,
            time,
            last_only,
            kept.as_ptr(),
            y,
        )
    })
}

/// Whether [`recurrent_layer`] packs these weights for clips of up to `time` frames: without gradients, unless they are
/// too large.
pub(crate) fn recurrent_packs(cell: Cell, weights: &[Tensor; 4], time: i64) -> bool {
    // SAFETY: live float32 matrices of ours.
    unsafe { zt_recurrent_packs(cell_number(cell), weights[0].as_ptr(), weights[1].as_ptr(), time) }
}

/// What keeps lent memory alive until it is dropped.
pub(crate) type Keeper = Box<dyn Send>;

/// A CPU tensor over values, f32 or u8, that stay where they are, as many as the shape has elements. The last tensor
/// over them drops `keeper`, whichever thread that is on.
///
/// # Safety
/// Until `keeper` is dropped, the values must stay valid, and nothing may write to them.
pub(crate) unsafe fn lent<T: Element>(values: &[T], shape: &[i64], keeper: Keeper) -> Result<Tensor> {
    extern "C" fn release(keeper: *mut c_void) {
        // SAFETY: `zt_lent` hands back what it was given, once.
        drop(unsafe { Box::from_raw(keeper.cast::<Keeper>()) });
    }
    let (data, is_bytes) = (values.as_ptr().cast::<c_void>(), T::KIND == Kind::Uint8);
    let keeper = Box::into_raw(Box::new(keeper)).cast::<c_void>();
    let axes = shape.len() as i64;
    // SAFETY: the caller's promise; the shape outlives the call.
    tensor(|made| unsafe { zt_lent(data, shape.as_ptr(), axes, is_bytes, keeper, release, made) })
}

/// Has libtorch keep freed CPU memory for the next step. To be called before any other thread allocates tensors.
pub(crate) fn install_allocator() -> Result<()> {
    // SAFETY: the caller's promise; the allocator is never taken away again.
    check(unsafe { zt_install_allocator() })
}

/// Gives the memory that is kept for reuse back to the system.
pub(crate) fn release_cache() {
    // SAFETY: the cache has a lock of its own, and memory in use is not touched.
    unsafe { zt_release_cache() }
}

/// Has operations that the calling thread begins run on so many threads, which OpenMP makes now. Where the system refuses
/// one, OpenMP ends the process.
pub(crate) fn use_threads(count: i32) {
    // SAFETY: it changes a setting of the calling thread only.
    unsafe { zt_use_threads(count) }
}

/// Has the threads that share the calling thread's operations come together, each on a core of its own.
pub(crate) fn gather_threads() {
    // SAFETY: it wakes the calling thread's own team, and changes nothing that lasts.
    unsafe { zt_gather_threads() }
}

/// Has `call` called as the first thing of the process's exit, where the calling thread is the main one.
pub(crate) fn before_exit(call: extern "C" fn()) {
    // SAFETY: the function is there as long as the process.
    unsafe { zt_before_exit(call) }
}

/// The name of the instruction set that the kernels use.
pub(crate) fn instruction_set() -> String {
    // SAFETY: it returns a constant string.
    unsafe { CStr::from_ptr(zt_isa_name()) }.to_string_lossy().into_owned()
}
