//! Outputs and targets side by side, from which metrics are computed.

use tch::Tensor;

use crate::config::ModelConfig;

/// Raw outputs and targets of a batch, one row an answer.
#[derive(Clone, Copy)]
pub(crate) struct Predictions<'a> {
    pub config: &'a ModelConfig,
    /// `[predictions, outputs]`.
    pub outputs: &'a Tensor,
    /// int64 of `[predictions]` for a classification, else float32 of `[predictions, outputs]`.
    pub targets: &'a Tensor,
}
