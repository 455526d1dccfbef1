//! What data is like.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{ChannelStatistics, DataStatistics, Per, run_beside};

use crate::batch::NativeBatch;
use crate::outcome::promise;

/// Accumulates over batches what their values are like, on a thread beside the models'.
#[napi]
#[derive(Default)]
pub struct NativeDataStatistics(Arc<Mutex<DataStatistics>>);

/// One channel of a frame, or one feature of a vector.
#[napi(object, object_from_js = false)]
pub struct NativeChannelStatistics {
    /// Finite values; the others below are of these.
    pub count: f64,
    /// Values that are NaN or infinite.
    pub not_finite: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
    /// The mean.
    pub mean: f64,
    /// The deviation.
    pub std: f64,
}

/// How often a whole number came as a target.
#[napi(object, object_from_js = false)]
pub struct NativeClassCount {
    /// The target.
    pub target: i64,
    /// How often.
    pub count: i64,
}

/// What a profile has come to.
#[napi(object, object_from_js = false)]
pub struct NativeStatistics {
    /// One a channel or feature.
    pub channels: Vec<NativeChannelStatistics>,
    /// In the order of the targets.
    pub classes: Vec<NativeClassCount>,
    /// Samples seen.
    pub samples: i64,
}

impl From<&ChannelStatistics> for NativeChannelStatistics {
    fn from(channel: &ChannelStatistics) -> Self {
        Self {
            count: channel.count as f64,
            not_finite: channel.not_finite as f64,
            minimum: channel.minimum,
            maximum: channel.maximum,
            mean: channel.mean(),
            std: channel.std(),
        }
    }
}

#[napi]
impl NativeDataStatistics {
    /// Without any data.
    #[napi(catch_unwind, constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch, whose targets belong to frames or to clips.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn add<'env>(&self, env: &'env Env, batch: &mut NativeBatch, is_per_frame: bool) -> napi::Result<Object<'env>> {
        let batch = batch.take();
        let profile = Arc::clone(&self.0);
        let per = if is_per_frame { Per::Frame } else { Per::Clip };
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        let add = move || profile.lock().unwrap_or_else(PoisonError::into_inner).add(&batch?, per);
        run_beside(add, settle);
        Ok(promise)
    }

    /// Everything so far.
    #[napi(catch_unwind)]
    pub fn read(&self) -> NativeStatistics {
        let profile = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let class = |(&target, &count): (&i64, &i64)| NativeClassCount { target, count };
        NativeStatistics {
            channels: profile.channels().iter().map(NativeChannelStatistics::from).collect(),
            classes: profile.classes().iter().map(class).collect(),
            samples: profile.samples(),
        }
    }
}
