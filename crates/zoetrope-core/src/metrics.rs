//! Loss and counts, accumulated on the device and read once per report.

use tch::{Device, Kind, Reduction, Tensor};

use crate::error::{Error, Result};

/// What a pass over some data has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Mean over samples.
    pub loss: f64,
    /// Samples whose largest logit is the target's.
    pub correct: i64,
    /// Samples seen.
    pub samples: i64,
    /// Batches seen.
    pub steps: i64,
    /// Row-major `[num_classes, num_classes]`, row = target, column = prediction; of evaluated batches only.
    pub confusion: Vec<i64>,
}

/// Accumulates over one pass; its tensors stay on the device.
#[derive(Default)]
pub struct Meter {
    samples: i64,
    steps: i64,
    sums: Option<Sums>,
}

struct Sums {
    /// Sum of the losses of all samples, float64 of `[]`.
    loss: Tensor,
    /// int64 of `[]`.
    correct: Tensor,
    /// The first step whose loss was not finite, or 0; int64 of `[]`.
    bad_step: Tensor,
    /// That step's loss, float64 of `[]`.
    bad_loss: Tensor,
    /// int64 of `[num_classes * num_classes]`.
    confusion: Option<Tensor>,
}

impl Meter {
    /// An empty meter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a training batch by its mean loss. Returns 1 (float32 of `[]`) where this loss or an earlier one is not
    /// finite, else 0: what the optimizers call `found_inf`.
    pub(crate) fn record_training(&mut self, loss: &Tensor, logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let batch = logits.size()[0];
        self.steps += 1;
        self.samples += batch;
        let step = self.steps;
        let sums = self.sums(logits.device())?;
        let loss = loss.f_to_kind(Kind::Double)?;
        let is_first_bad = loss
            .f_isfinite()?
            .f_logical_not()?
            .f_logical_and(&sums.bad_step.f_eq(0)?)?;
        sums.bad_step = Tensor::from(step)
            .f_to_device(logits.device())?
            .f_where_self(&is_first_bad, &sums.bad_step)?;
        sums.bad_loss = loss.f_where_self(&is_first_bad, &sums.bad_loss)?;
        sums.loss = sums.loss.f_add(&loss.f_mul_scalar(batch)?)?;
        sums.correct = sums.correct.f_add(&correct(logits, targets)?)?;
        Ok(sums.bad_step.f_ne(0)?.f_to_kind(Kind::Float)?)
    }

    /// Adds an evaluated batch.
    pub(crate) fn record_evaluation(&mut self, logits: &Tensor, targets: &Tensor) -> Result<()> {
        let (batch, num_classes) = logits.size2()?;
        self.steps += 1;
        self.samples += batch;
        let sums = self.sums(logits.device())?;
        let loss = logits.f_cross_entropy_loss(targets, None::<Tensor>, Reduction::Sum, -100, 0.0)?;
        sums.loss = sums.loss.f_add(&loss.f_to_kind(Kind::Double)?)?;
        sums.correct = sums.correct.f_add(&correct(logits, targets)?)?;
        let cells = targets.f_mul_scalar(num_classes)?.f_add(&logits.f_argmax(1, false)?)?;
        let counts = cells.f_bincount(None::<Tensor>, num_classes * num_classes)?;
        sums.confusion = Some(match &sums.confusion {
            Some(confusion) => confusion.f_add(&counts)?,
            None => counts,
        });
        Ok(())
    }

    /// Fails with `NonFiniteLoss` where a training batch's loss was not finite. Waits for the device.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let Some(sums) = &self.sums else { return Ok(()) };
        match sums.bad_step.f_int64_value(&[])? {
            0 => Ok(()),
            step => Err(Error::NonFiniteLoss {
                loss: sums.bad_loss.f_double_value(&[])?,
                step,
            }),
        }
    }

    /// Reads everything back. Waits for the device.
    ///
    /// # Errors
    /// `NonFiniteLoss` where a training batch's loss was not finite.
    pub fn read(&self) -> Result<Metrics> {
        self.check_finite()?;
        let (samples, steps) = (self.samples, self.steps);
        let Some(sums) = &self.sums else {
            return Ok(Metrics {
                loss: f64::NAN,
                correct: 0,
                samples,
                steps,
                confusion: Vec::new(),
            });
        };
        let loss = sums.loss.f_double_value(&[])? / samples as f64;
        let correct = sums.correct.f_int64_value(&[])?;
        let confusion = match &sums.confusion {
            Some(confusion) => Vec::try_from(confusion)?,
            None => Vec::new(),
        };
        Ok(Metrics {
            loss,
            correct,
            samples,
            steps,
            confusion,
        })
    }

    fn sums(&mut self, device: Device) -> Result<&mut Sums> {
        match &mut self.sums {
            Some(sums) => Ok(sums),
            empty => {
                let zero = |kind| Tensor::f_zeros([], (kind, device));
                Ok(empty.insert(Sums {
                    loss: zero(Kind::Double)?,
                    correct: zero(Kind::Int64)?,
                    bad_step: zero(Kind::Int64)?,
                    bad_loss: zero(Kind::Double)?,
                    confusion: None,
                }))
            }
        }
    }
}

/// How many of `[batch, num_classes]` have their largest logit at the target; int64 of `[]`.
fn correct(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(1, false)?.f_eq_tensor(targets)?.f_sum(Kind::Int64)?)
}
