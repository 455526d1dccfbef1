//! Weights as a kernel multiplies them, kept from one inference to the next for as long as they stay.

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

/// What kernels keep of the weights of one layer: nothing while they are trained, nor before the
/// second inference with the same weights, unless the first one needs it.
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
