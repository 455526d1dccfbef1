//! How calls of the C ABI end: messages become errors, new tensors become ours.

use std::ffi::{CStr, c_char};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{Error, Result};

pub(super) type Message = *mut c_char;
pub(super) type TensorPtr = *const C_tensor;
pub(super) type TensorOut = *mut *mut C_tensor;

unsafe extern "C" {
    fn zt_message_free(message: Message);
}

pub(super) fn check(message: Message) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a non-null message is a NUL-terminated string that `zt_guard` made for us.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: it is freed once, here, by the library that made it.
    unsafe { zt_message_free(message) };
    Err(Error::from_libtorch(&text))
}

/// Takes the tensor that a kernel made.
pub(super) fn tensor(call: impl FnOnce(TensorOut) -> Message) -> Result<Tensor> {
    let mut made = std::ptr::null_mut();
    check(call(&raw mut made))?;
    // SAFETY: a call that succeeded has put a new `at::Tensor` there, which nobody else owns.
    Ok(unsafe { Tensor::from_ptr(made) })
}

pub(super) fn pointers(tensors: &[Tensor]) -> Vec<TensorPtr> {
    tensors.iter().map(Tensor::as_ptr).collect()
}

/// Null for no tensor.
pub(super) fn pointer_or_null(tensor: Option<&Tensor>) -> TensorPtr {
    tensor.map_or(std::ptr::null(), Tensor::as_ptr)
}
