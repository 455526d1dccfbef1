//! Weights on their way in.

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{Error, NamedTensor, Result, StateDict};

use crate::model::NativeNamedArray;
use crate::outcome::outcome;

/// A copy of a state dict in native memory, for one job: using it hands its memory over. JavaScript may change its
/// arrays as soon as the copy is there.
#[napi]
pub struct NativeStateDict {
    state: Option<StateDict>,
}

impl NativeStateDict {
    /// Hands the state dict over.
    pub(crate) fn take(&mut self) -> Result<StateDict> {
        self.state.take().ok_or_else(|| Error::Internal {
            reason: "a state dict was used twice".to_owned(),
        })
    }
}

#[napi]
impl NativeStateDict {
    /// Copies entries.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeStateDict>")]
    pub fn from_arrays<'env>(env: &'env Env, entries: Vec<NativeNamedArray>) -> napi::Result<Object<'env>> {
        let named = |entry: NativeNamedArray| NamedTensor::new(entry.name, &entry.data, &entry.shape);
        let state = entries.into_iter().map(named).collect::<Result<StateDict>>();
        outcome(env, state.map(|state| Self { state: Some(state) }))
    }
}
