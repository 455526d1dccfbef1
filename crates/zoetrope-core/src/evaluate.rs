//! Answers without gradients: evaluation, logits, probabilities.

use tch::Tensor;

use crate::batch::Batch;
use crate::error::Result;
use crate::metrics::Meter;
use crate::model::CnnLstm;
use crate::train::missing_targets;

impl CnnLstm {
    /// Adds the batch's loss, correct count and confusion to the meter.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit.
    pub fn evaluate_batch(&self, batch: &Batch, meter: &mut Meter) -> Result<()> {
        let _guard = tch::no_grad_guard();
        batch.check_fits(self.config())?;
        let batch = batch.to_device(self.device())?;
        let targets = batch.targets.ok_or_else(missing_targets)?;
        meter.record_evaluation(&self.forward_t(&batch.inputs, false)?, &targets)
    }

    /// Logits of `[batch, num_classes]`.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn logits(&self, batch: &Batch) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        batch.check_fits(self.config())?;
        self.forward_t(&batch.to_device(self.device())?.inputs, false)
    }

    /// Probabilities of `[batch, num_classes]`: the softmax of the logits.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn probabilities(&self, batch: &Batch) -> Result<Tensor> {
        Ok(self.logits(batch)?.f_softmax(-1, None::<tch::Kind>)?)
    }
}
