//! Weights that are kept in native memory, to be put back later.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{Error, Result, StateDict, Worker};

use crate::model::NativeModel;
use crate::outcome::promise;

/// Parameters and buffers of a model as they were, in CPU memory.
#[napi]
pub struct NativeSnapshot {
    /// None once it was released.
    state: Arc<Mutex<Option<StateDict>>>,
}

#[napi]
impl NativeSnapshot {
    /// Copies what the model's state dict holds.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSnapshot>>")]
    pub fn take<'env>(env: &'env Env, model: &NativeModel) -> napi::Result<Object<'env>> {
        let (settle, promise) = promise(env, |_env, state: StateDict| {
            Ok(Self {
                state: Arc::new(Mutex::new(Some(state))),
            })
        })?;
        model
            .engine
            .submit(|worker: &mut Worker| worker.model.state_dict(), settle);
        Ok(promise)
    }

    /// Copies it back into the model; without `withFrozen`, frozen parameters stay as they are.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn restore<'env>(&self, env: &'env Env, model: &NativeModel, with_frozen: bool) -> napi::Result<Object<'env>> {
        let state = Arc::clone(&self.state);
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        let restore = move |worker: &mut Worker| -> Result<()> {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let state = state.as_ref().ok_or_else(|| Error::Internal {
                reason: "a snapshot was used after its release".to_owned(),
            })?;
            if with_frozen {
                worker.model.load_state_dict(state)
            } else {
                worker.model.load_trainable(state)
            }
        };
        model.engine.submit(restore, settle);
        Ok(promise)
    }

    /// Frees its memory. Twice is fine.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Copies the running averages of the weights that an optimizer keeps into the model, where it keeps any.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
pub fn copy_averages<'env>(env: &'env Env, model: &NativeModel, optimizer: u32) -> napi::Result<Object<'env>> {
    let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
    model
        .engine
        .submit(move |worker: &mut Worker| worker.copy_averages(optimizer), settle);
    Ok(promise)
}

/// Forgets the running averages of the weights that an optimizer keeps; its next update begins them anew.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
pub fn drop_averages<'env>(env: &'env Env, model: &NativeModel, optimizer: u32) -> napi::Result<Object<'env>> {
    let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
    let forget = move |worker: &mut Worker| -> Result<()> {
        worker.drop_averages(optimizer);
        Ok(())
    };
    model.engine.submit(forget, settle);
    Ok(promise)
}
