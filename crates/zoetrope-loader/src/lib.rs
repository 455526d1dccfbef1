//! Opens shared libraries by their absolute paths.
//!
//! The dynamic linker takes a library that the process has already for one of the same name that an addon needs. So an
//! addon without a search path of its own runs on whichever libtorch was opened before it: the one that npm installed, or
//! a user's own `PyTorch`. `process.dlopen` cannot do that: it closes again what is no addon.

// Node-API hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use napi_derive::napi;

/// Opens a library for as long as the process lives; what is open already stays as it is.
///
/// Returns the dynamic linker's own words where it cannot be opened, else nothing.
#[napi(catch_unwind)]
#[must_use]
pub fn open_library(path: String) -> Option<String> {
    // SAFETY: the initialisers of libtorch and libgomp run as they do when an addon needs them.
    match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) } {
        Ok(library) => {
            std::mem::forget(library);
            None
        }
        Err(error) => Some(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)),
    }
}
