//! Long recordings and wide images into windows.

use napi::bindgen_prelude::{Either, Env, Float32Array, Object, Uint8Array};
use napi_derive::napi;
use zoetrope_core::{Inputs, Values, Windows, run_beside};

use crate::batch::{NativeInputs, array};
use crate::outcome::promise;

/// How an array is cut.
#[napi(object, object_to_js = false)]
pub struct NativeWindows {
    /// Entries of a window along the axis.
    pub size: i64,
    /// Entries from one window to the next.
    pub step: i64,
    /// The axis that is cut.
    pub axis: u32,
    /// Whether a last window that is not full is filled up with zeros.
    pub pad: bool,
}

/// An array as overlapping windows, `[windows, …]`, cut by a thread beside the models'.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeInputs>>")]
pub fn windows<'env>(
    env: &'env Env,
    data: Either<Float32Array, Uint8Array>,
    shape: Vec<i64>,
    options: NativeWindows,
) -> napi::Result<Object<'env>> {
    let values = match &data {
        Either::A(values) => Values::F32(values.to_vec()),
        Either::B(values) => Values::U8(values.to_vec()),
    }; //                                                copied before JavaScript can change it
    let windows = Windows {
        size: options.size,
        step: options.step,
        axis: options.axis as usize,
        pad: options.pad,
    };
    let (settle, promise) = promise(env, |_env, (values, shape): (Values, Vec<i64>)| {
        Ok(NativeInputs {
            data: array(values),
            shape,
            lengths: None,
        })
    })?;
    let cut = move || match &values {
        Values::F32(values) => windows.cut(Inputs::F32(values), &shape),
        Values::U8(values) => windows.cut(Inputs::U8(values), &shape),
    };
    run_beside(cut, settle);
    Ok(promise)
}
