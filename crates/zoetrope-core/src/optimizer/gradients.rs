//! Gradients between the backward pass and the update: gathered over batches, and watched for what is not finite.

use tch::{Device, Kind, Tensor};

use super::finite::FirstNotFinite;
use crate::error::{Error, Result};
use crate::kernels::optimizer::accumulate;
use crate::model::statistics::SavedStatistics;

/// What a pass of training has of gradients.
#[derive(Default)]
pub(crate) struct Gradients {
    sum: Option<Sum>,
    /// Batch-norm statistics as they were at the last update.
    pub(crate) statistics: Option<SavedStatistics>,
    /// Of the latest update's gradients, before clipping: float64 of `[]`.
    norm: Option<Tensor>,
    bad_loss: Option<FirstNotFinite>,
    bad_norm: Option<FirstNotFinite>,
}

/// The gradients of one batch and its weight; or of several, as `unit` × the tensors = the sum of weight × gradient.
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
    /// weights is the gradient of the mean over all. It is read only where a second batch comes.
    pub(crate) fn add(&mut self, tensors: Vec<Tensor>, weight: Tensor) -> Result<()> {
        let (sum, unit, before) = match self.sum.take() {
            None => {
                self.sum = Some(Sum::One { tensors, weight });
                return Ok(());
            }
            Some(Sum::One { tensors, weight }) => {
                let weight = weight.f_double_value(&[])?;
                (tensors, weight, weight)
            }
            Some(Sum::Several { tensors, unit, weight }) => (tensors, unit, weight),
        };
        let added = weight.f_double_value(&[])?;
        self.sum = Some(if unit > 0.0 {
            let pairs = || {
                sum.iter()
                    .zip(&tensors)
                    .filter(|(to, from)| to.defined() && from.defined())
            };
            let to: Vec<Tensor> = pairs().map(|(to, _)| to.shallow_clone()).collect();
            let from: Vec<Tensor> = pairs().map(|(_, from)| from.shallow_clone()).collect();
            if added > 0.0 {
                accumulate(&to, &from, added / unit)?;
            }
            Sum::Several {
                tensors: sum,
                unit,
                weight: before + added,
            }
        } else {
            Sum::Several {
                tensors,
                unit: added,
                weight: added,
            }
        });
        Ok(())
    }

    /// What was gathered, and what to multiply it with.
    pub(crate) fn take(&mut self) -> Option<(Vec<Tensor>, f64)> {
        match self.sum.take()? {
            Sum::One { tensors, .. } => Some((tensors, 1.0)),
            Sum::Several { tensors, unit, weight } => Some((tensors, if weight > 0.0 { unit / weight } else { 1.0 })),
        }
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

    fn check_on_cpu(&self, device: Device) -> Result<()> {
        match device {
            Device::Cpu => self.check_finite(),
            _ => Ok(()),
        }
    }

    /// 1 (float32 of `[]`) where a loss or gradient of the pass is not finite, else 0.
    pub(crate) fn found_inf(&self, device: Device) -> Result<Tensor> {
        let mut found = Tensor::f_zeros([], (Kind::Float, device))?;
        for bad in [&self.bad_loss, &self.bad_norm].into_iter().flatten() {
            found = found.f_maximum(&bad.found_inf()?)?;
        }
        Ok(found)
    }

    /// Fails where a loss or gradients were not finite. Waits for the device.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let found = |bad: &Option<FirstNotFinite>| bad.as_ref().map_or(Ok(None), FirstNotFinite::found);
        if let Some((step, loss)) = found(&self.bad_loss)? {
            return Err(Error::NonFiniteLoss { loss, step });
        }
        match found(&self.bad_norm)? {
            Some((step, norm)) => Err(Error::NonFiniteGradient { norm, step }),
            None => Ok(()),
        }
    }

    /// The norm of the latest update's gradients, before clipping. Waits for the device.
    pub(crate) fn norm(&self) -> Result<Option<f64>> {
        let value = |norm: &Tensor| Ok(norm.f_double_value(&[])?);
        self.norm.as_ref().map(value).transpose()
    }
}

fn watch(bad: &mut Option<FirstNotFinite>, value: &Tensor, step: i64) -> Result<()> {
    let mut watched = bad.take().map_or_else(|| FirstNotFinite::new(value.device()), Ok)?;
    watched.watch(value, step)?;
    *bad = Some(watched);
    Ok(())
}
