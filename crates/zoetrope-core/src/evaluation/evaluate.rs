//! Without gradients: evaluation, raw outputs, predictions.

use tch::Tensor;

use super::metrics::Meter;
use super::predictions::Predictions;
use crate::config::{HeadKind, Per};
use crate::data::batch::Batch;
use crate::data::targets::missing_targets;
use crate::error::Result;
use crate::model::cnn_lstm::CnnLstm;

impl CnnLstm {
    /// Adds the batch's loss and counts to the meter.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit.
    pub fn evaluate_batch(&self, batch: &Batch, meter: &mut Meter) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let len = batch.len();
        let batch = batch.to_device(self.config(), self.device())?;
        meter.record_evaluation(&Predictions {
            config: self.config(),
            samples: len,
            targets: &batch.targets.ok_or_else(missing_targets)?,
            outputs: &self.forward_t(&batch.clips, false)?,
        })
    }

    /// Raw outputs of `[batch, outputs]`, or of `[batch, time, outputs]` where the head is per frame, zeros for padding:
    /// logits, or a regression's values.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn logits(&self, batch: &Batch) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let len = batch.len();
        let batch = batch.to_device(self.config(), self.device())?;
        let outputs = self.forward_t(&batch.clips, false)?;
        if self.config().head.per == Per::Clip {
            return Ok(outputs);
        }
        let longest = batch.clips.inputs.size()[1];
        let padded = match &batch.clips.lengths {
            Some(lengths) => lengths.unpack(&outputs)?,
            None => outputs.f_view([len, longest, -1])?,
        };
        if longest == batch.time {
            return Ok(padded);
        }
        Ok(padded.f_constant_pad_nd([0, 0, 0, batch.time - longest])?)
    }

    /// The predictions as they are read: probabilities of classes (they sum to 1) or of labels (each from 0 to 1), or a
    /// regression's values. Shapes as of [`Self::logits`].
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn predict(&self, batch: &Batch) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        self.read_outputs(&self.logits(batch)?)
    }

    /// Raw outputs, `[…, outputs]`, as they are read: probabilities, or a regression's values.
    ///
    /// # Errors
    /// Of libtorch, such as `OutOfMemory`.
    pub(crate) fn read_outputs(&self, outputs: &Tensor) -> Result<Tensor> {
        Ok(match self.config().head.kind {
            HeadKind::Classification => outputs.f_softmax(-1, None::<tch::Kind>)?,
            HeadKind::MultiLabel => outputs.f_sigmoid()?,
            HeadKind::Regression => outputs.shallow_clone(),
        })
    }
}
