//! Packed weights: weights in the form that a kernel multiplies, kept between inferences until they change.

use super::ffi::{Message, check};
use crate::error::Result;

/// `zt_packed`, opaque.
#[repr(C)]
pub(super) struct CPacked {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn zt_packed_new(packed: *mut *mut CPacked) -> Message;
    fn zt_packed_free(packed: *mut CPacked);
}

/// The packed weights of one layer. There are none while the weights are trained. They are made at the second inference
/// with the same weights, or at the first if it needs them.
pub(crate) struct Packed(*mut CPacked);

// SAFETY: memory of its own and tensors that nobody else holds. A kernel changes it while it has a `&Packed`, so that
// there is no `Sync`.
unsafe impl Send for Packed {}

impl Packed {
    pub(crate) fn new() -> Result<Self> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: `handle` is a valid place for the pointer, written only on success.
        check(unsafe { zt_packed_new(&raw mut handle) })?;
        Ok(Self(handle))
    }

    pub(super) fn as_ptr(&self) -> *mut CPacked {
        self.0
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        // SAFETY: made by `zt_packed_new`, freed once.
        unsafe { zt_packed_free(self.0) }
    }
}
