//! Loss and counts, accumulated on the device and read once per report.

use tch::{Device, Kind, Tensor};

use super::auc::Ranking;
use super::predictions::Predictions;
use super::scores;
use crate::config::{HeadKind, ModelConfig};
use crate::error::Result;
use crate::model::loss;
use crate::optimizer::gradients::Gradients;

/// What a pass over some data has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Mean over predictions.
    pub loss: f64,
    /// Predictions that are right; of several labels, those with every label right; of a regression none.
    pub correct: i64,
    /// Samples seen.
    pub samples: i64,
    /// Predictions seen: one a sample, or one a valid frame.
    pub predictions: i64,
    /// Batches seen.
    pub steps: i64,
    /// Of a classification, of evaluated batches only: row-major `[classes, classes]`, row = target, column =
    /// prediction.
    pub confusion: Vec<i64>,
    /// Of a classification, of evaluated batches only: by rank from 0, how many predictions have so many classes before the
    /// target's.
    pub ranks: Vec<i64>,
    /// Of several labels, of evaluated batches only: row-major `[labels, 3]`: true positives, false positives, false
    /// negatives.
    pub label_counts: Vec<i64>,
    /// Of a regression: row-major `[outputs, 4]`, sums over the predictions of |error|, error², target, target².
    pub error_sums: Vec<f64>,
    /// Norm of the latest update's gradients before clipping; none before the first update.
    pub gradient_norm: Option<f64>,
}

/// Accumulates over one pass; its tensors stay on the device.
#[derive(Default)]
pub struct Meter {
    samples: i64,
    predictions: i64,
    steps: i64,
    sums: Option<Sums>,
    ranking: Option<Ranking>,
    /// What a training pass has gathered towards the next update, and watches.
    pub(crate) gradients: Gradients,
}

struct Sums {
    /// Sum of the losses of all predictions, float64 of `[]`.
    loss: Tensor,
    /// int64 of `[]`.
    correct: Tensor,
    /// What `scores` counts, and for which kind of head.
    counts: Option<(HeadKind, Tensor)>,
}

impl Meter {
    /// An empty meter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty meter that keeps evaluated predictions for [`Self::areas`].
    #[must_use]
    pub fn with_ranking() -> Self {
        Self {
            ranking: Some(Ranking::default()),
            ..Self::default()
        }
    }

    /// Adds a training batch by its mean loss.
    ///
    /// # Errors
    /// On the CPU `NonFiniteLoss`; on CUDA that shows at the next reading.
    pub(crate) fn record_training(&mut self, loss: &Tensor, predictions: &Predictions<'_>) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.begin(predictions);
        let loss = loss.f_to_kind(Kind::Double)?;
        let sums = self.sums(loss.device())?;
        sums.loss = sums.loss.f_add(&loss.f_mul_scalar(predictions.outputs.size()[0])?)?;
        sums.correct = sums.correct.f_add(&scores::correct(predictions)?)?;
        if predictions.config.head.kind == HeadKind::Regression {
            sums.count(HeadKind::Regression, scores::errors(predictions)?)?;
        }
        self.gradients.record_loss(&loss, self.steps)
    }

    /// Adds an evaluated batch.
    pub(crate) fn record_evaluation(&mut self, predictions: &Predictions<'_>) -> Result<()> {
        self.begin(predictions);
        if let Some(ranking) = &mut self.ranking {
            ranking.add(predictions);
        }
        let loss = loss::evaluation(predictions.config, predictions.outputs, predictions.targets)?;
        let sums = self.sums(predictions.outputs.device())?;
        sums.loss = sums.loss.f_add(&loss.f_to_kind(Kind::Double)?)?;
        sums.correct = sums.correct.f_add(&scores::correct(predictions)?)?;
        sums.count(predictions.config.head.kind, scores::evaluated(predictions)?)
    }

    fn begin(&mut self, predictions: &Predictions<'_>) {
        self.steps += 1;
        self.samples += predictions.samples;
        self.predictions += predictions.outputs.size()[0];
    }

    /// Batches seen.
    pub(crate) fn steps(&self) -> i64 {
        self.steps
    }

    /// Reads everything back. Waits for the device.
    ///
    /// # Errors
    /// `NonFiniteLoss` or `NonFiniteGradient` where a training batch's was not finite.
    pub fn read(&self) -> Result<Metrics> {
        self.gradients.check_finite()?;
        let mut metrics = Metrics {
            loss: f64::NAN,
            correct: 0,
            samples: self.samples,
            predictions: self.predictions,
            steps: self.steps,
            confusion: Vec::new(),
            ranks: Vec::new(),
            label_counts: Vec::new(),
            error_sums: Vec::new(),
            gradient_norm: self.gradients.norm()?,
        };
        let Some(sums) = &self.sums else { return Ok(metrics) };
        metrics.loss = sums.loss.f_double_value(&[])? / self.predictions as f64;
        metrics.correct = sums.correct.f_int64_value(&[])?;
        if let Some((kind, counts)) = &sums.counts {
            let columns = counts.size()[1] as usize;
            let counts = Vec::<f64>::try_from(counts.f_flatten(0, -1)?)?;
            let whole = |counts: &[f64]| counts.iter().map(|&count| count as i64).collect();
            match kind {
                HeadKind::Classification => {
                    let (confusion, ranks) = counts.split_at(columns * columns);
                    (metrics.confusion, metrics.ranks) = (whole(confusion), whole(ranks));
                }
                HeadKind::MultiLabel => metrics.label_counts = whole(&counts),
                HeadKind::Regression => metrics.error_sums = counts,
            }
        }
        Ok(metrics)
    }

    /// Areas under the ROC curve of a meter made [`Self::with_ranking`], one a class or label of `config`'s head; not a
    /// number where all predictions or none have it. Waits for the device.
    ///
    /// # Errors
    /// Of libtorch, such as `OutOfMemory`.
    pub fn areas(&self, config: &ModelConfig) -> Result<Vec<f64>> {
        let ranking = self.ranking.as_ref();
        ranking.map_or_else(|| Ok(Vec::new()), |ranking| ranking.areas(config.head.kind))
    }

    fn sums(&mut self, device: Device) -> Result<&mut Sums> {
        match &mut self.sums {
            Some(sums) => Ok(sums),
            empty => {
                let zero = |kind| Tensor::f_zeros([], (kind, device));
                Ok(empty.insert(Sums {
                    loss: zero(Kind::Double)?,
                    correct: zero(Kind::Int64)?,
                    counts: None,
                }))
            }
        }
    }
}

impl Sums {
    fn count(&mut self, kind: HeadKind, counts: Tensor) -> Result<()> {
        let counts = match &self.counts {
            Some((_, before)) => before.f_add(&counts)?,
            None => counts,
        };
        self.counts = Some((kind, counts));
        Ok(())
    }
}
