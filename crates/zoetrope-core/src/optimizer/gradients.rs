//! Gradients between the backward pass and the update: gathered over batches, and watched for what is not finite.

use tch::{Device, Kind, Tensor};

use super::finite::FirstNotFinite;
use crate::error::{Error, Result};
use crate::kernels::optimizer::accumulate;
use crate::model::statistics::SavedStatistics;

/// The gradients of a pass of training.
#[derive(Default)]
pub(crate) struct Gradients {
    sum: Option<Sum>,
    /// Batch-norm statistics as they were at the last update.
    pub(crate) statistics: Option<SavedStatistics>,
    /// Of the latest update's gradients, before clipping: float64 of `[]`.
    norm: Option<Tensor>,
    bad_loss: Option<FirstNotFinite>,
    bad_norm: Option<FirstNotFinite>,
    bad_update: Option<FirstNotFinite>,
}

/// What an update is made of.
pub(crate) struct Gathered {
    /// One a parameter, undefined where it has none.
    pub tensors: Vec<Tensor>,
    /// To multiply them with.
    pub scale: f64,
    /// What the mean was taken over, float64 of `[]`: where it is 0, nothing is to be learned.
    pub weight: Tensor,
}

/// The gradients of one batch and its weight; or of several, as `unit` × the tensors = the sum of weight × gradient, 1
/// standing in for a weight of 0.
enum Sum {
    One {
        tensors: Vec<Tensor>,
        weight: Tensor,
    },
    Several {
        tensors: Vec<Tensor>,
        unit: f64,
        weight: f64,
    },
}

impl Gradients {
    /// Adds the gradients of a batch's mean loss, undefined where a parameter has none. `weight` (`[]`) is what the mean
    /// was taken over, such as the number of samples: the weighted sum over all batches divided by the sum of their
    /// weights is the gradient of the mean over all. Where it is 0 the loss was not divided. It is read only where a second
    /// batch comes.
    pub(crate) fn add(&mut self, tensors: Vec<Tensor>, weight: Tensor) -> Result<()> {
        let (sum, unit, before) = match self.sum.take() {
            None => {
                self.sum = Some(Sum::One { tensors, weight });
                return Ok(());
            }
            Some(Sum::One { tensors, weight }) => {
                let weight = weight.f_double_value(&[])?;
                (tensors, divisor(weight), weight)
            }
            Some(Sum::Several { tensors, unit, weight }) => (tensors, unit, weight),
        };
        let added = weight.f_double_value(&[])?;
        let pairs = || {
            sum.iter()
                .zip(&tensors)
                .filter(|(to, from)| to.defined() && from.defined())
        };
        let to: Vec<Tensor> = pairs().map(|(to, _)| to.shallow_clone()).collect();
        let from: Vec<Tensor> = pairs().map(|(_, from)| from.shallow_clone()).collect();
        accumulate(&to, &from, divisor(added) / unit)?;
        self.sum = Some(Sum::Several {
            tensors: sum,
            unit,
            weight: before + added,
        });
        Ok(())
    }

    /// What was gathered.
    pub(crate) fn take(&mut self) -> Option<Gathered> {
        Some(match self.sum.take()? {
            Sum::One { tensors, weight } => Gathered {
                tensors,
                scale: 1.0,
                weight,
            },
            Sum::Several { tensors, unit, weight } => Gathered {
                tensors,
                scale: unit / divisor(weight),
                weight: Tensor::from(weight),
            },
        })
    }

    /// Forgets what was gathered since the last update, and puts the statistics back to where they were then.
    pub(crate) fn forget(&mut self) -> Result<()> {
        self.sum = None;
        self.statistics.take().map_or(Ok(()), SavedStatistics::restore)
    }

    /// After an update: the statistics stay as they are, unless it was skipped, which on the CPU is an error before.
    pub(crate) fn keep_statistics(&mut self, device: Device) -> Result<()> {
        match self.statistics.take() {
            Some(statistics) if device != Device::Cpu => statistics.restore_where(&self.found_inf(device)?),
            _ => Ok(()),
        }
    }

    /// Takes note of the loss of a batch, float64 of `[]`. On the CPU, where that costs nothing, one that is not finite is
    /// an error at once.
    pub(crate) fn record_loss(&mut self, loss: &Tensor, step: i64) -> Result<()> {
        watch(&mut self.bad_loss, loss, step)?;
        self.check_on_cpu(loss.device())
    }

    /// The same of the norm (`[]`) of the gradients of a step.
    pub(crate) fn record_norm(&mut self, norm: &Tensor, step: i64) -> Result<()> {
        let norm = norm.f_to_kind(Kind::Double)?;
        watch(&mut self.bad_norm, &norm, step)?;
        let device = norm.device();
        self.norm = Some(norm);
        self.check_on_cpu(device)
    }

    /// Takes note of an update of which `largest` (float64 of `[]`), the largest magnitude that it left, was not finite.
    pub(super) fn record_update(&mut self, largest: &Tensor, step: i64) -> Result<()> {
        watch(&mut self.bad_update, largest, step)
    }

    fn check_on_cpu(&self, device: Device) -> Result<()> {
        match device {
            Device::Cpu => self.check_finite(),
            _ => Ok(()),
        }
    }

    /// 1 (float32 of `[]`) where a loss, gradient or update of the pass is not finite, else 0.
    pub(crate) fn found_inf(&self, device: Device) -> Result<Tensor> {
        let mut found = Tensor::f_zeros([], (Kind::Float, device))?;
        for bad in [&self.bad_loss, &self.bad_norm, &self.bad_update].into_iter().flatten() {
            found = found.f_maximum(&bad.found_inf()?)?;
        }
        Ok(found)
    }

    /// Fails where a loss, gradients or an update were not finite. Waits for the device.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let found = |bad: &Option<FirstNotFinite>| bad.as_ref().map_or(Ok(None), FirstNotFinite::found);
        if let Some((step, loss)) = found(&self.bad_loss)? {
            return Err(Error::NonFiniteLoss { loss, step });
        }
        if let Some((step, norm)) = found(&self.bad_norm)? {
            return Err(Error::NonFiniteGradient { norm, step });
        }
        match found(&self.bad_update)? {
            Some((step, _)) => Err(Error::NonFiniteUpdate { step }),
            None => Ok(()),
        }
    }

    /// The norm of the latest update's gradients, before clipping. Waits for the device.
    pub(crate) fn norm(&self) -> Result<Option<f64>> {
        let value = |norm: &Tensor| Ok(norm.f_double_value(&[])?);
        self.norm.as_ref().map(value).transpose()
    }
}

/// What a mean of that weight was divided by.
fn divisor(weight: f64) -> f64 {
    if weight > 0.0 { weight } else { 1.0 }
}

fn watch(bad: &mut Option<FirstNotFinite>, value: &Tensor, step: i64) -> Result<()> {
    let mut watched = bad.take().map_or_else(|| FirstNotFinite::new(value.device()), Ok)?;
    watched.watch(value, step)?;
    *bad = Some(watched);
    Ok(())
}
