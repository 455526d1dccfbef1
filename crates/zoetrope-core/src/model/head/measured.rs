//! A batch's forecasts beside what came, and beside the forecasts that need no model: persistence and the season.

use tch::{Kind, Tensor};

use super::forecast::{Forecast, Parted, Steps};
use crate::data::samples::Clips;
use crate::error::Result;

/// What forecasts of a batch came to, in data units.
pub(crate) struct Measured {
    /// `[batch, horizon, numbers of a step]`: what came.
    pub following: Tensor,
    /// Of the same shape each: the model's forecast, persistence and, with a season, the seasonal-naive forecast.
    pub forecasts: Vec<Tensor>,
    /// With binary cross-entropy: the logits of the model's forecast.
    pub logits: Option<Tensor>,
    /// Sum of |y(t) - y(t - lag)| over the numbers that were read, of `[]`; the lag is the season, or 1.
    pub differences: Tensor,
    /// How many of them there are.
    pub num_differences: i64,
}

impl Measured {
    /// Holds the steps that a model forecast against those that came, and so for the forecasts without a model.
    pub(crate) fn new(
        head: &Forecast,
        Parted { context, following }: Parted,
        steps: Steps,
        kind: Kind,
    ) -> Result<Self> {
        let naive = Naive {
            head,
            context: &context,
            counts: context.counts()?,
            kind,
        };
        let mut forecasts = vec![steps.values, naive.repeated(1)?];
        if let Some(season) = head.config().season {
            forecasts.push(naive.repeated(season)?);
        }
        let (differences, num_differences) = naive.differences(head.config().season.unwrap_or(1))?;
        Ok(Self {
            following,
            forecasts,
            logits: head.is_binary().then_some(steps.outputs),
            differences,
            num_differences,
        })
    }
}

/// Forecasts that need no model.
struct Naive<'a> {
    head: &'a Forecast,
    context: &'a Clips,
    /// Valid frames of each clip, at least as many as a season has.
    counts: Vec<i64>,
    kind: Kind,
}

impl Naive<'_> {
    /// The clip's last `season` steps over and over, `[batch, horizon, numbers of a step]`: of a season of 1 persistence.
    fn repeated(&self, season: i64) -> Result<Tensor> {
        let horizon = self.head.config().horizon;
        let of_clip =
            |(clip, &count): (i64, &i64)| (0..horizon).map(move |step| (clip, count - season + step % season));
        let frames = self.observed((0..).zip(&self.counts).flat_map(of_clip))?;
        Ok(frames.f_view([self.counts.len() as i64, horizon, -1])?)
    }

    /// Sum and number of the absolute differences between steps that are `lag` apart.
    fn differences(&self, lag: i64) -> Result<(Tensor, i64)> {
        if self.counts.iter().all(|&count| count <= lag) {
            return Ok((Tensor::f_zeros([], (Kind::Double, self.context.inputs.device()))?, 0));
        }
        let places = |shift: i64| {
            let of_clip = move |(clip, &count): (i64, &i64)| (lag..count).map(move |step| (clip, step - shift));
            (0..).zip(&self.counts).flat_map(of_clip)
        };
        let difference = self.observed(places(0))?.f_sub(&self.observed(places(lag))?)?;
        Ok((difference.f_abs()?.f_sum(Kind::Double)?, difference.numel() as i64))
    }

    fn observed(&self, places: impl Iterator<Item = (i64, i64)>) -> Result<Tensor> {
        self.head.observed(&self.context.frames_at(places)?, self.kind)
    }
}
