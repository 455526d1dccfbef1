//! Answers while clips run: their states stay on the model's thread, only ids cross.

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{Array, NextOf, Worker};

use crate::batch::NativeBatch;
use crate::model::{NativeArray, NativeModel};
use crate::outcome::{outcome, promise};

/// A stream whose next frame has come.
#[napi(object, object_to_js = false)]
pub struct NativeNext {
    /// The stream's.
    pub id: u32,
    /// Whether the frame is a clip's first.
    pub is_first: bool,
}

impl From<NativeNext> for NextOf {
    fn from(NativeNext { id, is_first }: NativeNext) -> Self {
        Self { id, is_first }
    }
}

/// Fails for a model that cannot answer frame by frame.
#[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
pub fn check_streams<'env>(env: &'env Env, model: &NativeModel) -> napi::Result<Object<'env>> {
    outcome(env, model.config.check_streams())
}

/// Takes the next frame of each of some streams, `[streams, channels, height, width]` or `[streams, features]`, and
/// gives the answers so far, `[streams, outputs]`: probabilities, a regression's values, or raw outputs of a CTC head.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeArray>>")]
pub fn push_frames<'env>(
    env: &'env Env,
    model: &NativeModel,
    frames: &mut NativeBatch,
    streams: Vec<NativeNext>,
) -> napi::Result<Object<'env>> {
    let frames = frames.take();
    let clips: Vec<NextOf> = streams.into_iter().map(NextOf::from).collect();
    let (settle, promise) = promise(env, |_env, answers: Array| Ok(NativeArray::from(answers)))?;
    let push = move |worker: &mut Worker| Array::from_tensor(&worker.push(&frames?, &clips)?);
    model.engine.submit(push, settle);
    Ok(promise)
}

/// Drops what is kept for a stream, after the jobs so far.
#[napi(catch_unwind)]
pub fn forget_stream(model: &NativeModel, id: u32) {
    model.engine.forget_clip(id);
}
