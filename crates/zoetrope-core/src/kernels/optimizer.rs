//! `kernels/torch/optimizer.cpp`: updates of parameters, norms and sums of gradients.

use tch::Tensor;

use super::ffi::{Message, TensorOut, TensorPtr, check, pointers, tensor};
use crate::error::Result;

/// `zt_rule`: the numbers of a rule. A number that the rule does not have is zero.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawRule {
    pub kind: i32,
    pub nesterov: bool,
    pub centered: bool,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub momentum: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
}

pub(crate) const SGD: i32 = 0;
pub(crate) const ADAM: i32 = 1;
pub(crate) const ADAM_W: i32 = 2;
pub(crate) const RMS_PROP: i32 = 3;

/// `zt_parameter_tensors`.
#[repr(C)]
struct RawParameter {
    value: TensorPtr,
    gradient: TensorPtr,
    step: TensorPtr,
    first: TensorPtr,
    second: TensorPtr,
    third: TensorPtr,
    average: TensorPtr,
}

unsafe extern "C" {
    fn zt_engine_update(
        parameters: *const RawParameter,
        rules: *const *const RawRule,
        count: usize,
        scale: f64,
        clip: f64,
        decay: f64,
    ) -> Message;
    fn zt_engine_gradient_norm(gradients: *const TensorPtr, count: usize, norm: *mut f64) -> Message;
    fn zt_reference_update(
        parameters: *const RawParameter,
        count: usize,
        rule: *const RawRule,
        decay: f64,
        found_inf: TensorPtr,
    ) -> Message;
    fn zt_reference_gradient_norm(gradients: *const TensorPtr, count: usize, norm: TensorOut) -> Message;
    fn zt_reference_scale(
        gradients: *const TensorPtr,
        count: usize,
        scale: f64,
        factor: TensorPtr,
        clip: f64,
    ) -> Message;
    fn zt_versions(tensors: *const TensorPtr, count: usize, mark: *mut u64) -> Message;
    fn zt_accumulate(sums: *const TensorPtr, gradients: *const TensorPtr, count: usize, alpha: f64) -> Message;
}

/// A parameter, its gradient, and the state that its rule keeps: all of one shape, kind, device and dense layout;
/// `step` is float32 of `[]`.
pub(crate) struct Updated<'a> {
    pub value: &'a Tensor,
    pub gradient: &'a Tensor,
    pub step: &'a Tensor,
    /// SGD and RMSprop: momentum buffer, none with momentum 0. Adam: mean of gradients.
    pub first: Option<&'a Tensor>,
    /// Adam and RMSprop: mean of squares.
    pub second: Option<&'a Tensor>,
    /// Centered RMSprop: mean of gradients.
    pub third: Option<&'a Tensor>,
    /// Running average of the parameter, where one is kept.
    pub average: Option<&'a Tensor>,
}

impl Updated<'_> {
    fn raw(&self) -> RawParameter {
        let pointer = |tensor: Option<&Tensor>| tensor.map_or(std::ptr::null(), Tensor::as_ptr);
        RawParameter {
            value: self.value.as_ptr(),
            gradient: self.gradient.as_ptr(),
            step: self.step.as_ptr(),
            first: pointer(self.first),
            second: pointer(self.second),
            third: pointer(self.third),
            average: pointer(self.average),
        }
    }
}

/// One pass of the engine's kernel over parameters (contiguous float32 on the CPU, which it checks), each by its rule.
///
/// Gradients count as `clamp(scale * gradient, -clip, clip)`; averages move by `1 - decay` of the way.
pub(crate) fn engine_update(parameters: &[(Updated<'_>, RawRule)], scale: f64, clip: f64, decay: f64) -> Result<()> {
    let raw: Vec<RawParameter> = parameters.iter().map(|(updated, _)| updated.raw()).collect();
    let rules: Vec<*const RawRule> = parameters.iter().map(|(_, rule)| &raw const *rule).collect();
    // SAFETY: as many rules as parameters, alive for the call, as are the tensors, which nobody else holds mutably; the
    // rule's kind says which state is read, and `optimizer/state.rs` makes it by the same kind.
    check(unsafe { zt_engine_update(raw.as_ptr(), rules.as_ptr(), raw.len(), scale, clip, decay) })
}

/// The norm of all gradients (contiguous float32 on the CPU) as one vector: not finite where one of them is not.
pub(crate) fn engine_gradient_norm(gradients: &[Tensor]) -> Result<f64> {
    let mut norm = 0.0;
    // SAFETY: live tensors of ours, and a valid place for the norm.
    check(unsafe { zt_engine_gradient_norm(pointers(gradients).as_ptr(), gradients.len(), &raw mut norm) })?;
    Ok(norm)
}

/// libtorch's update of parameters that share a rule; nothing changes where `found_inf` is 1.
pub(crate) fn reference_update(
    parameters: &[Updated<'_>],
    rule: &RawRule,
    decay: f64,
    found_inf: &Tensor,
) -> Result<()> {
    let raw: Vec<RawParameter> = parameters.iter().map(Updated::raw).collect();
    // SAFETY: as in `engine_update`.
    check(unsafe { zt_reference_update(raw.as_ptr(), raw.len(), rule, decay, found_inf.as_ptr()) })
}

/// The norm of all gradients as one vector, of `[]` on their device. At least one gradient.
pub(crate) fn reference_gradient_norm(gradients: &[Tensor]) -> Result<Tensor> {
    // SAFETY: live tensors of ours.
    tensor(|norm| unsafe { zt_reference_gradient_norm(pointers(gradients).as_ptr(), gradients.len(), norm) })
}

/// `clamp(scale * factor * gradient, -clip, clip)` in place; `factor` is of `[]`.
pub(crate) fn reference_scale(gradients: &[Tensor], scale: f64, factor: Option<&Tensor>, clip: f64) -> Result<()> {
    let factor = factor.map_or(std::ptr::null(), Tensor::as_ptr);
    // SAFETY: live tensors of ours; a null factor is none.
    check(unsafe { zt_reference_scale(pointers(gradients).as_ptr(), gradients.len(), scale, factor, clip) })
}

/// `sums += alpha * gradients` in place.
pub(crate) fn accumulate(sums: &[Tensor], gradients: &[Tensor], alpha: f64) -> Result<()> {
    debug_assert!(sums.len() == gradients.len());
    // SAFETY: live tensors of ours, as many of one as of the other.
    check(unsafe { zt_accumulate(pointers(sums).as_ptr(), pointers(gradients).as_ptr(), sums.len(), alpha) })
}

/// A hash of which tensors these are and of how often each was changed.
pub(crate) fn versions(tensors: &[Tensor]) -> Result<u64> {
    let mut mark = 0;
    // SAFETY: live tensors of ours, and a valid place for the number.
    check(unsafe { zt_versions(pointers(tensors).as_ptr(), tensors.len(), &raw mut mark) })?;
    Ok(mark)
}
