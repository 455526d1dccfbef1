//! Without gradients: evaluation, raw outputs, predictions.

use tch::Tensor;

use super::metrics::Meter;
use crate::config::HeadKind;
use crate::data::batch::Batch;
use crate::error::Result;
use crate::model::cnn_lstm::CnnLstm;

impl CnnLstm {
    /// Adds the batch's loss and counts to the meter.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit.
    pub fn evaluate_batch(&self, batch: &Batch, meter: &mut Meter) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let scored = self.score(&self.device_batch(batch, false)?, None)?;
        meter.record_evaluation(self.config(), &scored, batch.len())
    }

    /// Raw outputs of `[batch, outputs]`, or of `[batch, time, outputs]` where they are per frame, zeros for padding:
    /// logits, or a regression's values. Of a forecast `[batch, horizon, …step]`, or where it is recursive
    /// `[batch, time, …step]`.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn logits(&self, batch: &Batch) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let len = batch.len();
        let batch = batch.to_device(self.config(), self.device())?;
        let outputs = self.forward_t(&batch.clips, false)?;
        if !self.config().head.has_outputs_per_frame() {
            return self.with_step_axes(outputs);
        }
        let longest = batch.clips.inputs.size()[1];
        let padded = match &batch.clips.lengths {
            Some(lengths) => lengths.unpack(&outputs)?,
            None => outputs.f_view([len, longest, -1])?,
        };
        if longest == batch.time {
            return self.with_step_axes(padded);
        }
        self.with_step_axes(padded.f_constant_pad_nd([0, 0, 0, batch.time - longest])?)
    }

    /// A forecast's raw outputs of `[batch, horizon * numbers]` or `[batch, time, numbers]` as `[batch, horizon, …step]` or
    /// `[batch, time, …step]`; those of other heads as they are.
    fn with_step_axes(&self, outputs: Tensor) -> Result<Tensor> {
        if self.config().head.kind != HeadKind::Forecast {
            return Ok(outputs);
        }
        let shape = [&[outputs.size()[0], -1], self.config().forecast_step().as_slice()].concat();
        Ok(outputs.f_reshape(shape.as_slice())?)
    }

    /// The predictions as they are read: probabilities of classes (they sum to 1) or of labels (each from 0 to 1), or a
    /// regression's values. Shapes as of [`Self::logits`]; of a forecast always `[batch, horizon, …step]`.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn predict(&self, batch: &Batch) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        if let Some(forecast) = &self.config().head.forecast {
            return self.forecast(batch, forecast.horizon, None, &|| Ok(()));
        }
        self.read_outputs(&self.logits(batch)?)
    }

    /// Raw outputs, `[…, outputs]`, as they are read: probabilities, or a regression's values.
    ///
    /// # Errors
    /// Of libtorch, such as `OutOfMemory`.
    pub(crate) fn read_outputs(&self, outputs: &Tensor) -> Result<Tensor> {
        Ok(match self.config().head.kind {
            HeadKind::Classification | HeadKind::Ctc => outputs.f_softmax(-1, None::<tch::Kind>)?,
            HeadKind::MultiLabel => outputs.f_sigmoid()?,
            HeadKind::Regression | HeadKind::Forecast | HeadKind::Sequence => outputs.shallow_clone(),
        })
    }
}
