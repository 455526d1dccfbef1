//! Panics become errors: a bug of ours must not take the process, or a thread that others wait for, with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Turns a panic of `body` into `Internal`, with the panic's own words.
///
/// # Errors
/// Those of `body`.
pub fn contain<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch(body).unwrap_or_else(|reason| Err(Error::Internal { reason }))
}

/// What `body` returns, or what its panic says.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let text = words(&*panic).to_owned();
        std::mem::forget(panic); //                       dropping it could panic again
        text
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
