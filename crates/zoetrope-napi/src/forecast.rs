//! Forecasts, and how far they are off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::bindgen_prelude::{BigUint64Array, Env, Object};
use napi_derive::napi;
use zoetrope_core::{Array, Engine, Error, ForecastErrors, Result, StepSampling, Worker};

use crate::batch::NativeBatch;
use crate::model::{NativeArray, NativeModel};
use crate::outcome::promise;

/// A forecast, which can be stopped between two steps.
#[napi]
pub struct NativeForecast {
    engine: Arc<Engine>,
    is_cancelled: Arc<AtomicBool>,
}

/// How steps are drawn.
#[napi(object, object_to_js = false)]
pub struct NativeStepSampling {
    /// Logits are divided by it.
    pub temperature: f64,
    /// One a clip.
    pub seeds: BigUint64Array,
}

#[napi]
impl NativeForecast {
    /// Nothing is done yet.
    #[napi(catch_unwind, constructor)]
    #[must_use]
    pub fn new(model: &NativeModel) -> Self {
        Self {
            engine: Arc::clone(&model.engine),
            is_cancelled: Arc::default(),
        }
    }

    /// The steps after each clip, `[batch, steps, …step]`.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeArray>>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        batch: &mut NativeBatch,
        steps: i64,
        sampling: Option<NativeStepSampling>,
    ) -> napi::Result<Object<'env>> {
        let (batch, is_cancelled, engine) = (batch.take(), Arc::clone(&self.is_cancelled), Arc::clone(&self.engine));
        let sampling = sampling.map(|NativeStepSampling { temperature, seeds }| StepSampling {
            temperature,
            seeds: seeds.to_vec(),
        });
        let (settle, promise) = promise(env, |_env, steps: Array| Ok(NativeArray::from(steps)))?;
        let check = move || -> Result<()> {
            if engine.is_disposed() {
                return Err(Error::Disposed);
            }
            if is_cancelled.load(Ordering::Relaxed) {
                Err(Error::Aborted)
            } else {
                Ok(())
            }
        };
        let job = move |worker: &mut Worker| {
            let steps = worker.model.forecast(&batch?, steps, sampling.as_ref(), &check)?;
            Array::from_tensor(&steps)
        };
        self.engine.submit(job, settle);
        Ok(promise)
    }

    /// Has the forecast end before its next step with `ERR_ABORTED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }
}

/// Sums of what evaluated forecasts are off by, in the units of the data.
#[napi(object, object_from_js = false)]
pub struct NativeForecastErrors {
    /// Clips that were forecast.
    pub clips: i64,
    /// Steps that were forecast of each.
    pub horizon: i64,
    /// Numbers in one step.
    pub numbers: i64,
    /// Row-major `[forecasts, horizon, 2]`: sums of |error| and error² of the model, of persistence and, with a season, of
    /// the seasonal-naive forecast.
    pub sums: Vec<f64>,
    /// With binary cross-entropy, `[horizon]`: sums of the negative log-likelihood of whole steps.
    pub likelihoods: Vec<f64>,
    /// Sum of the absolute differences between each number that was read and the one a season, or a step, before.
    pub differences: f64,
    /// Number of these differences.
    pub num_differences: i64,
}

impl From<ForecastErrors> for NativeForecastErrors {
    fn from(errors: ForecastErrors) -> Self {
        let ForecastErrors {
            clips,
            horizon,
            numbers,
            sums,
            likelihoods,
            differences,
            num_differences,
        } = errors;
        Self {
            clips,
            horizon,
            numbers,
            sums,
            likelihoods,
            differences,
            num_differences,
        }
    }
}
