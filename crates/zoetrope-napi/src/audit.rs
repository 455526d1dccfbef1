//! A model's health on one batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;
use zoetrope_core::{AuditLimits, Engine, Error, ModelAudit, ParameterAudit, Result, Worker};

use crate::batch::NativeBatch;
use crate::model::NativeModel;
use crate::outcome::promise;

/// An audit of a model, which can be stopped between two steps.
#[napi]
pub struct NativeAudit {
    engine: Arc<Engine>,
    is_cancelled: Arc<AtomicBool>,
}

#[napi]
impl NativeAudit {
    /// Nothing is done yet.
    #[napi(catch_unwind, constructor)]
    #[must_use]
    pub fn new(model: &NativeModel) -> Self {
        Self {
            engine: Arc::clone(&model.engine),
            is_cancelled: Arc::default(),
        }
    }

    /// On a copy of the weights: the gradients of a batch, and how well it is learned by heart in at most so many steps of
    /// Adam, of which none begins after so many seconds.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeModelAudit>>")]
    pub fn look_at<'env>(
        &self,
        env: &'env Env,
        batch: &mut NativeBatch,
        steps: u32,
        seconds: f64,
        learning_rate: f64,
    ) -> napi::Result<Object<'env>> {
        let (batch, is_cancelled, engine) = (batch.take(), Arc::clone(&self.is_cancelled), Arc::clone(&self.engine));
        let (settle, promise) = promise(env, |_env, audit: ModelAudit| Ok(NativeModelAudit::from(audit)))?;
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
            let limits = AuditLimits {
                steps: steps as usize,
                time: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
                check: &check,
            };
            worker.model.audit(&batch?, &limits, learning_rate)
        };
        self.engine.submit(job, settle);
        Ok(promise)
    }

    /// Has the audit end before its next step with `ERR_ABORTED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }
}

/// What one batch shows of a model.
#[napi(object, object_from_js = false)]
pub struct NativeModelAudit {
    /// One entry a parameter.
    pub parameters: Vec<NativeParameterAudit>,
    /// Loss before anything was learned.
    pub first_loss: f64,
    /// Of label strings: the mean probability of the blank, where it is the likeliest output of every frame.
    pub all_blank: Option<f64>,
    /// Steps that were made.
    pub steps: i64,
    /// What was not finite in a step, which ended them.
    #[napi(ts_type = "'loss' | 'gradient' | 'update'")]
    pub not_finite: Option<String>,
    /// Loss after the steps; NaN where something in a step was not finite.
    pub last_loss: f64,
    /// Predictions that are right after the steps.
    pub correct: i64,
    /// Predictions of the batch.
    pub predictions: i64,
    /// Median time of a step, in seconds.
    pub step_seconds: f64,
}

/// One parameter.
#[napi(object, object_from_js = false)]
pub struct NativeParameterAudit {
    /// Such as `cnn.conv1.weight`.
    pub name: String,
    /// Norm of its gradient.
    pub gradient_norm: f64,
    /// Whether training leaves it as it is.
    pub is_frozen: bool,
    /// Rows along its first axis.
    pub units: i64,
    /// Rows without gradient.
    pub dead_units: i64,
}

impl From<ModelAudit> for NativeModelAudit {
    fn from(audit: ModelAudit) -> Self {
        let parameter = |parameter: ParameterAudit| NativeParameterAudit {
            name: parameter.name,
            gradient_norm: parameter.gradient_norm,
            is_frozen: parameter.is_frozen,
            units: parameter.units,
            dead_units: parameter.dead_units,
        };
        Self {
            parameters: audit.parameters.into_iter().map(parameter).collect(),
            first_loss: audit.first_loss,
            all_blank: audit.all_blank,
            steps: audit.steps as i64,
            not_finite: audit.not_finite.map(str::to_owned),
            last_loss: audit.last_loss,
            correct: audit.correct,
            predictions: audit.predictions,
            step_seconds: audit.step_seconds,
        }
    }
}
