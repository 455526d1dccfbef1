//! Features of clips that are kept while a frozen encoder stays as it is.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, Float32Array, Int32Array, Object, Uint8Array, Uint32Array};
use napi_derive::napi;
use zoetrope_core::{Batch, FeatureCache, FeatureUse, Worker};

use crate::batch::{NativeBatch, NativeTargets, used_twice, with_arrays};
use crate::model::NativeModel;
use crate::outcome::{outcome, promise};
use crate::runtime::finish_at_exit;

/// Features of the clips of one dataset, by the clips' indices there.
#[napi]
pub struct NativeFeatures {
    pub(crate) cache: Arc<FeatureCache>,
}

/// How much is kept, and how often it was of use.
#[napi(object, object_from_js = false)]
pub struct NativeFeatureUse {
    /// Clips whose features are kept.
    pub clips: i64,
    /// Their bytes, in memory and in the file.
    pub bytes: i64,
    /// Their bytes in the file.
    pub spilled: i64,
    /// Clips whose features were kept when a batch needed them.
    pub hits: i64,
    /// Clips whose features were computed.
    pub misses: i64,
}

impl From<FeatureUse> for NativeFeatureUse {
    fn from(used: FeatureUse) -> Self {
        let FeatureUse {
            clips,
            bytes,
            spilled,
            hits,
            misses,
        } = used;
        let [clips, bytes, spilled, hits, misses] = [clips, bytes, spilled, hits, misses].map(|count| count as i64);
        Self {
            clips,
            bytes,
            spilled,
            hits,
            misses,
        }
    }
}

#[napi]
impl NativeFeatures {
    /// An empty cache that keeps so many bytes in memory, and what comes then in a temporary file; with `null` it keeps
    /// nothing.
    #[napi(catch_unwind, factory)]
    #[must_use]
    pub fn create(limit: Option<f64>) -> Self {
        Self {
            cache: Arc::new(FeatureCache::new(limit.map(|limit| limit as u64))),
        }
    }

    /// An empty cache of another dataset, with which this one shares its limit.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            cache: Arc::new(self.cache.beside()),
        }
    }

    /// The positions in `indices` of the clips that have no features by the encoder of that `version`.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn missing(&self, indices: Uint32Array, version: u32) -> Uint32Array {
        let keys: Vec<i64> = indices.iter().map(|&index| i64::from(index)).collect();
        let missing = self.cache.missing(&keys, version).into_iter();
        missing.map(|position| position as u32).collect::<Vec<_>>().into()
    }

    /// How much is kept now, and what was of use since it was made.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn used(&self) -> NativeFeatureUse {
        self.cache.used().into()
    }

    /// Keeps features from here on by the model's encoder as it now is, which the caller numbers; those by another one
    /// are dropped. Says whether the encoder gives the same features at each step of training, or of evaluation.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<boolean>>")]
    pub fn renew<'env>(
        &self,
        env: &'env Env,
        model: &NativeModel,
        version: u32,
        trains: bool,
    ) -> napi::Result<Object<'env>> {
        let cache = Arc::clone(&self.cache);
        let (settle, promise) = promise(env, |_env, is_fixed: bool| Ok(is_fixed))?;
        let renew = move |worker: &mut Worker| worker.model.renew_features(&cache, version, trains);
        model.engine.submit(renew, settle);
        Ok(promise)
    }

    /// Frees memory and file, and keeps nothing more. Twice is fine.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        self.cache.release();
    }
}

#[napi]
impl NativeBatch {
    /// As `lent`, of which only the clips at the positions `present`, ascending, have inputs, of the shape `inputsShape`. The
    /// others have features, see `keepFeatures`.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeBatch>")]
    #[allow(clippy::too_many_arguments)] //               of `lent`, and one
    pub fn lent_in_part<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        inputs_shape: Vec<i64>,
        shape: Vec<i64>,
        lengths: Option<Int32Array>,
        targets: Option<NativeTargets>,
        indices: Uint32Array,
    ) -> napi::Result<Object<'env>> {
        finish_at_exit(env)?;
        let inputs = Arc::new(inputs);
        let keeper = Box::new(Arc::clone(&inputs));
        let batch = with_arrays(&inputs, &shape, lengths.as_ref(), targets.as_ref(), |arrays| {
            // SAFETY: as in `lent`.
            unsafe { Batch::lent_in_part(arrays, &inputs_shape, keeper) }
        });
        let indices = indices.iter().map(|&index| i64::from(index)).collect();
        outcome(
            env,
            batch.map(|batch| Self {
                batch: Some(batch.with_indices(indices)),
            }),
        )
    }

    /// Says where features of the clips are kept, each by its place in the dataset, by an encoder that the caller gave that
    /// `version`; and of which clips the frames are here, where they are not all.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
    pub fn keep_features<'env>(
        &mut self,
        env: &'env Env,
        features: &NativeFeatures,
        indices: Uint32Array,
        version: u32,
        present: Option<Uint32Array>,
    ) -> napi::Result<Object<'env>> {
        let keys = indices.iter().map(|&index| i64::from(index)).collect();
        let present = present.map(|present| present.iter().map(|&position| position as usize).collect());
        let keep = |batch: Option<&mut Batch>| {
            let batch = batch.ok_or_else(used_twice)?;
            batch.keep_features(Arc::clone(&features.cache), keys, version, present)
        };
        outcome(env, keep(self.batch.as_mut()))
    }
}
