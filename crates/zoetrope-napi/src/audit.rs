//! A model's health on one batch.

use napi_derive::napi;
use zoetrope_core::{ModelAudit, ParameterAudit};

/// What one batch shows of a model.
#[napi(object, object_from_js = false)]
pub struct NativeModelAudit {
    /// One entry a parameter.
    pub parameters: Vec<NativeParameterAudit>,
    /// Loss before anything was learned.
    pub first_loss: f64,
    /// Loss after the steps; NaN where a step's was not finite.
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
            last_loss: audit.last_loss,
            correct: audit.correct,
            predictions: audit.predictions,
            step_seconds: audit.step_seconds,
        }
    }
}
