//! Gradients between the backward pass and the update: gathered over batches, and watched for what is not finite.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::kernels::optimizer::accumulate;
use crate::model::SavedStatistics;

/// What a pass of training has of gradients.
#[derive(Default)]
pub(crate) struct Gradients {
    sum: Option<Sum>,
    /// Batch-norm statistics as they were at the last update.
    pub(crate) statistics: Option<SavedStatistics>,
    /// Whether a loss of the pass was not finite: float32 of `[]`, 1 or 0.
    bad_loss: Option<Tensor>,
    norms: Option<Norms>,
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

struct Norms {
    /// Of the latest update's gradients, before clipping: of `[]`.
    latest: Tensor,
    /// The first step whose gradients were not finite, or 0: int64 of `[]`.
    bad_step: Tensor,
    /// The norm of that step.
    bad_norm: Tensor,
}

impl Gradients {
    /// Adds the gradients of a batch's mean loss, undefined where a parameter has none. `weight` (`[]`) is what the mean
    /// was taken over, such as the number of samples: the weighted sum over all batches divided by the sum of their
    /// weights is the gradient of the mean over all. It is read only where a second batch comes.
    pub(crate) fn add(&mut self, tensors: Vec<Tensor>, weight: Tensor, bad_loss: Tensor) -> Result<()> {
        self.bad_loss = Some(bad_loss);
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

    /// After an update: the statistics stay as they are, unless it was skipped.
    pub(crate) fn keep_statistics(&mut self, device: Device) -> Result<()> {
        match self.statistics.take() {
            Some(statistics) => statistics.restore_where(&self.found_inf(device)?),
            None => Ok(()),
        }
    }

    /// Takes note of the norm (`[]`) of the gradients of a step. On the CPU, where that costs nothing, one that is not
    /// finite is an error at once.
    pub(crate) fn record_norm(&mut self, norm: &Tensor, step: i64) -> Result<()> {
        let device = norm.device();
        let bad_norm = norm.f_to_kind(Kind::Double)?;
        let zero = || Tensor::f_zeros([], (Kind::Int64, device));
        let norms = match self.norms.take() {
            Some(Norms { bad_step, bad_norm, .. }) => (bad_step, bad_norm),
            None => (zero()?, bad_norm.shallow_clone()),
        };
        let is_first_bad = bad_norm
            .f_isfinite()?
            .f_logical_not()?
            .f_logical_and(&norms.0.f_eq(0)?)?;
        let step = Tensor::from(step).f_to_device(device)?;
        self.norms = Some(Norms {
            latest: bad_norm.shallow_clone(),
            bad_step: step.f_where_self(&is_first_bad, &norms.0)?,
            bad_norm: bad_norm.f_where_self(&is_first_bad, &norms.1)?,
        });
        if device == Device::Cpu {
            return self.check_finite();
        }
        Ok(())
    }

    /// 1 (float32 of `[]`) where a loss or gradient of the pass is not finite, else 0.
    pub(crate) fn found_inf(&self, device: Device) -> Result<Tensor> {
        let zero = Tensor::f_zeros([], (Kind::Float, device))?;
        let loss = self.bad_loss.as_ref().unwrap_or(&zero);
        match &self.norms {
            Some(norms) => Ok(norms.bad_step.f_ne(0)?.f_to_kind(Kind::Float)?.f_maximum(loss)?),
            None => Ok(loss.shallow_clone()),
        }
    }

    /// Fails where gradients were not finite. Waits for the device.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let Some(norms) = &self.norms else { return Ok(()) };
        match norms.bad_step.f_int64_value(&[])? {
            0 => Ok(()),
            step => Err(Error::NonFiniteGradient {
                norm: norms.bad_norm.f_double_value(&[])?,
                step,
            }),
        }
    }

    /// The norm of the latest update's gradients, before clipping. Waits for the device.
    pub(crate) fn norm(&self) -> Result<Option<f64>> {
        let value = |norms: &Norms| Ok(norms.latest.f_double_value(&[])?);
        self.norms.as_ref().map(value).transpose()
    }
}
