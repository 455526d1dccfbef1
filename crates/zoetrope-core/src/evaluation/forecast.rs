//! How far forecasts are off, step by step of the horizon, beside the forecasts that know nothing.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::model::head::measured::Measured;

/// Sums over the clips of a pass, in data units.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForecastErrors {
    /// Clips that were forecast.
    pub clips: i64,
    /// Steps that were forecast of each.
    pub horizon: i64,
    /// Numbers in one step.
    pub numbers: i64,
    /// Row-major `[forecasts, horizon, 2]`: sums of |error| and error² of the model, of persistence and, with a season, of
    /// the seasonal-naive forecast.
    pub sums: Vec<f64>,
    /// With binary cross-entropy, `[horizon]`: sums of the negative log-likelihood of whole steps.
    pub likelihoods: Vec<f64>,
    /// Sum of the absolute differences between each number that was read and the one a season, or a step, before.
    pub differences: f64,
    /// Number of these differences.
    pub num_differences: i64,
}

/// [`ForecastErrors`] on the device.
#[derive(Default)]
pub(super) struct ForecastSums {
    clips: i64,
    horizon: i64,
    numbers: i64,
    num_differences: i64,
    tensors: Option<Tensors>,
}

struct Tensors {
    /// float64 of `[forecasts, horizon, 2]`.
    sums: Tensor,
    /// float64 of `[horizon]`, or nothing.
    likelihoods: Option<Tensor>,
    /// float64 of `[]`.
    differences: Tensor,
}

impl ForecastSums {
    /// Adds a batch.
    pub(super) fn add(&mut self, measured: &Measured) -> Result<()> {
        let size = measured.following.size(); //                    [batch, horizon, numbers]
        self.clips += size[0];
        (self.horizon, self.numbers) = (size[1], size[2]);
        self.num_differences += measured.num_differences;
        let following = measured.following.f_to_kind(Kind::Double)?;
        let sums = |forecast: &Tensor| -> Result<Tensor> {
            let error = forecast.f_to_kind(Kind::Double)?.f_sub(&following)?;
            let over = |values: Tensor| values.f_sum_dim_intlist([0_i64, 2].as_slice(), false, Kind::Double);
            Ok(Tensor::f_stack(&[over(error.f_abs()?)?, over(error.f_square()?)?], 1)?)
        };
        let all = measured.forecasts.iter().map(sums).collect::<Result<Vec<_>>>()?;
        let likelihoods = match &measured.logits {
            Some(logits) => {
                let logits = logits.f_to_kind(Kind::Double)?;
                let losses = logits.f_binary_cross_entropy_with_logits(
                    &following,
                    None::<&Tensor>,
                    None::<&Tensor>,
                    tch::Reduction::None,
                )?;
                Some(losses.f_sum_dim_intlist([0_i64, 2].as_slice(), false, Kind::Double)?)
            }
            None => None,
        };
        let new = Tensors {
            sums: Tensor::f_stack(&all, 0)?,
            likelihoods,
            differences: measured.differences.f_to_kind(Kind::Double)?,
        };
        self.tensors = Some(match self.tensors.take() {
            Some(before) => before.plus(&new)?,
            None => new,
        });
        Ok(())
    }

    /// Waits for the device; `None` where nothing was added.
    pub(super) fn read(&self) -> Result<Option<ForecastErrors>> {
        let Some(tensors) = &self.tensors else { return Ok(None) };
        Ok(Some(ForecastErrors {
            clips: self.clips,
            horizon: self.horizon,
            numbers: self.numbers,
            sums: Vec::try_from(tensors.sums.f_flatten(0, -1)?)?,
            likelihoods: match &tensors.likelihoods {
                Some(likelihoods) => Vec::try_from(likelihoods)?,
                None => Vec::new(),
            },
            differences: tensors.differences.f_double_value(&[])?,
            num_differences: self.num_differences,
        }))
    }
}

impl Tensors {
    fn plus(&self, other: &Self) -> Result<Self> {
        Ok(Self {
            sums: self.sums.f_add(&other.sums)?,
            likelihoods: match (&self.likelihoods, &other.likelihoods) {
                (Some(ours), Some(theirs)) => Some(ours.f_add(theirs)?),
                _ => None,
            },
            differences: self.differences.f_add(&other.differences)?,
        })
    }
}
