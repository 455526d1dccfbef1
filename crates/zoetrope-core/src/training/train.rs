//! One optimizer update.

use tch::Tensor;

use crate::data::batch::Batch;
use crate::error::Result;
use crate::evaluation::metrics::Meter;
use crate::model::cnn_lstm::CnnLstm;
use crate::model::head::options::LossOptions;
use crate::model::head::scored::Scored;
use crate::optimizer::update::Optimizer;

impl CnnLstm {
    /// Forward, loss, backward, update; adds the batch to the meter.
    ///
    /// On CUDA nothing here waits for the device: a loss or gradient that is not finite skips this update and all later
    /// ones of the pass there, and shows at the meter's next reading.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit; `InvalidConfig` where every parameter is frozen;
    /// `NonFiniteLoss`, `NonFiniteGradient` or `NonFiniteUpdate`, with the parameters as they were before the step.
    pub fn train_step(&mut self, batch: &Batch, optimizer: &mut Optimizer, meter: &mut Meter) -> Result<()> {
        self.train_step_by(&LossOptions::default(), batch, optimizer, meter)
    }

    /// [`Self::train_step`] with options of the loss.
    ///
    /// # Errors
    /// As [`Self::train_step`]; `InvalidConfig` for options that the head does not have.
    pub fn train_step_by(
        &mut self,
        options: &LossOptions,
        batch: &Batch,
        optimizer: &mut Optimizer,
        meter: &mut Meter,
    ) -> Result<()> {
        self.accumulate(options, batch, meter)?;
        self.update(optimizer, meter)
    }

    /// Forward, loss, backward: adds the batch to the meter, and its gradients to those that [`Self::update`] will
    /// take. The gradients of several batches become those of one batch of all their samples, whatever their sizes.
    ///
    /// # Errors
    /// As those of [`Self::train_step_by`]; what was gathered since the last update is then forgotten.
    pub fn accumulate(&mut self, options: &LossOptions, batch: &Batch, meter: &mut Meter) -> Result<()> {
        if meter.gradients.statistics.is_none() {
            meter.gradients.statistics = Some(self.save_statistics()?);
        }
        let gathered = self.gather(options, batch, meter);
        if gathered.is_err() {
            meter.gradients.forget()?;
        }
        gathered
    }

    /// Updates the parameters by the gradients gathered in the meter since the last update; does nothing without any, or
    /// where no prediction that they are of has a weight.
    ///
    /// # Errors
    /// `NonFiniteGradient` or `NonFiniteUpdate`, with the parameters as they were; `InvalidConfig` for a group that no parameter is in.
    pub fn update(&mut self, optimizer: &mut Optimizer, meter: &mut Meter) -> Result<()> {
        let step = meter.steps();
        let updated = optimizer.step(self, &mut meter.gradients, step);
        if updated.is_err() {
            meter.gradients.forget()?;
            return updated;
        }
        meter.gradients.keep_statistics(self.device())
    }

    fn gather(&mut self, options: &LossOptions, batch: &Batch, meter: &mut Meter) -> Result<()> {
        let scored = self.score_training(options, batch)?;
        meter.record_training(self.config(), &scored, batch.len())?;
        meter
            .gradients
            .add(self.gradients(&scored.loss.mean)?, scored.loss.weight)
    }

    /// The training loss of a batch and its gradient by every parameter, in their order, undefined for frozen ones;
    /// nothing is updated.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit; `InvalidConfig` for options that the head does not
    /// have.
    pub fn loss_and_gradients(&self, batch: &Batch) -> Result<(f64, Vec<Tensor>)> {
        self.loss_and_gradients_by(&LossOptions::default(), batch)
    }

    /// [`Self::loss_and_gradients`] with options of the loss.
    ///
    /// # Errors
    /// As [`Self::loss_and_gradients`].
    pub fn loss_and_gradients_by(&self, options: &LossOptions, batch: &Batch) -> Result<(f64, Vec<Tensor>)> {
        let statistics = self.save_statistics()?;
        let Scored { loss, .. } = self.score_training(options, batch)?;
        let gradients = self.gradients(&loss.mean)?;
        statistics.restore()?;
        Ok((loss.mean.f_double_value(&[])?, gradients))
    }

    fn score_training(&self, options: &LossOptions, batch: &Batch) -> Result<Scored> {
        self.check_trainable()?;
        options.validate(self.config())?;
        self.score(&self.device_batch(batch, true)?, Some(options))
    }

    /// Gradients of a loss by every parameter, undefined for frozen ones, whose part of the backward pass is not run.
    /// Each is laid out as its parameter is, which the fused optimizers rely on.
    fn gradients(&self, loss: &Tensor) -> Result<Vec<Tensor>> {
        let parameters = self.parameters().iter().map(|parameter| &parameter.tensor);
        let trained: Vec<&Tensor> = parameters.clone().filter(|tensor| tensor.requires_grad()).collect();
        let mut gradients = Tensor::f_run_backward(&[loss], &trained, false, false)?.into_iter();
        parameters
            .map(|parameter| {
                let gradient = if parameter.requires_grad() {
                    gradients.next()
                } else {
                    None
                };
                gradient.map_or_else(|| Ok(Tensor::new()), |gradient| Ok(gradient.f_contiguous()?))
            })
            .collect()
    }
}
