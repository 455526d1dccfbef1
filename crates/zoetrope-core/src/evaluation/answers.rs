//! What metrics are made of: outputs and targets side by side.

use tch::Tensor;

use crate::config::ModelConfig;

/// Raw outputs and targets of a batch, one row an answer.
#[derive(Clone, Copy)]
pub(crate) struct Answers<'a> {
    pub config: &'a ModelConfig,
    /// Samples of the batch; of a head per frame there are more answers.
    pub samples: i64,
    /// `[answers, outputs]`.
    pub outputs: &'a Tensor,
    /// int64 of `[answers]` for a classification, else float32 of `[answers, outputs]`.
    pub targets: &'a Tensor,
}
