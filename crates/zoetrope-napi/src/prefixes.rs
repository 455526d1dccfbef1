//! How right a model is before clips have ended.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{Cut, Metrics, PrefixMeter, Worker};

use crate::model::NativeModel;
use crate::outcome::promise;
use crate::pass::NativeMetrics;

/// Accumulates the metrics of the clips' first frames.
#[napi]
pub struct NativePrefixes {
    pub(crate) meter: Arc<Mutex<PrefixMeter>>,
}

#[napi]
impl NativePrefixes {
    /// Of so many frames each.
    #[napi(catch_unwind, factory)]
    pub fn of_frames(frames: Vec<i64>) -> Self {
        Self::of(frames.into_iter().map(Cut::Frames))
    }

    /// Of such shares of a clip's frames each, above 0 and up to 1.
    #[napi(catch_unwind, factory)]
    pub fn of_shares(shares: Vec<f64>) -> Self {
        Self::of(shares.into_iter().map(Cut::Share))
    }

    /// Everything accumulated so far, by cut. Waits for the device.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeMetrics[]>>")]
    pub fn metrics<'env>(&self, env: &'env Env, model: &NativeModel) -> napi::Result<Object<'env>> {
        let meter = Arc::clone(&self.meter);
        let convert =
            |_env, metrics: Vec<Metrics>| Ok(metrics.into_iter().map(NativeMetrics::from).collect::<Vec<_>>());
        let (settle, promise) = promise(env, convert)?;
        let read = move |_worker: &mut Worker| meter.lock().unwrap_or_else(PoisonError::into_inner).read();
        model.engine.submit(read, settle);
        Ok(promise)
    }

    fn of(cuts: impl Iterator<Item = Cut>) -> Self {
        Self {
            meter: Arc::new(Mutex::new(PrefixMeter::new(cuts.collect()))),
        }
    }
}
