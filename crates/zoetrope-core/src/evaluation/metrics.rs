//! Loss and counts, accumulated on the device and read once per report.

use tch::{Device, Kind, Tensor};

use super::auc::Ranking;
use super::confusion::Confusion;
use super::forecast::{ForecastErrors, ForecastSums};
use super::predictions::Predictions;
use super::scores;
use super::strings::{StringCounts, StringMeter};
use crate::config::{HeadKind, ModelConfig};
use crate::error::Result;
use crate::model::head::scored::{Answers, Scored};
use crate::optimizer::gradients::Gradients;

/// The metrics of a pass over some data.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Mean over predictions, each by its weight: whatever batches they came in. 0 where no prediction has a weight.
    pub loss: f64,
    /// Predictions that are right; of several labels, those with every label right; strings that are exact; of a regression
    /// none.
    pub correct: i64,
    /// Samples seen.
    pub samples: i64,
    /// Number of predictions: one for each sample or valid frame.
    pub predictions: i64,
    /// Batches seen.
    pub steps: i64,
    /// Of a regression: row-major `[outputs, 4]`, sums over the predictions of |error|, error², and target - origin,
    /// (target - origin)² with one of the targets as the origin.
    pub error_sums: Vec<f64>,
    /// Of label strings.
    pub strings: Option<StringCounts>,
    /// Of evaluated forecasts.
    pub forecast: Option<ForecastErrors>,
    /// Norm of the latest update's gradients before clipping; none before the first update.
    pub gradient_norm: Option<f64>,
}

/// What evaluated predictions are counted by.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// Of a classification: every cell of the confusion matrix with a count, in order: `target * classes + prediction`,
    /// and the count. A prediction that is not a number is in none.
    pub confusion: Vec<(i64, i64)>,
    /// Of a classification: by rank from 0, how many predictions have so many classes before the target's.
    pub ranks: Vec<i64>,
    /// Of a classification: how many targets are of each class.
    pub targets: Vec<i64>,
    /// Of several labels: row-major `[labels, 3]`: true positives, false positives, false negatives.
    pub labels: Vec<i64>,
}

/// Accumulates over one pass; its tensors stay on the device.
#[derive(Default)]
pub struct Meter {
    samples: i64,
    predictions: i64,
    steps: i64,
    sums: Option<Sums>,
    confusion: Confusion,
    ranking: Option<Ranking>,
    strings: StringMeter,
    forecasts: ForecastSums,
    /// What a training pass has gathered towards the next update, and watches.
    pub(crate) gradients: Gradients,
}

struct Sums {
    /// Sum of the losses of all predictions, float64 of `[]`.
    loss: Tensor,
    /// Sum of their weights, float64 of `[]`.
    weight: Tensor,
    /// int64 of `[]`.
    correct: Tensor,
    /// Ranks and targets, or counts of labels.
    counts: Option<Tensor>,
    errors: Option<Errors>,
}

/// Sums of a regression's errors.
struct Errors {
    /// The first targets of the pass, float64 of `[outputs]`.
    origin: Tensor,
    /// float64 of `[outputs, 4]`.
    sums: Tensor,
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

    /// Adds a training batch of so many samples.
    ///
    /// # Errors
    /// On the CPU `NonFiniteLoss`; on CUDA that shows at the next reading.
    pub(crate) fn record_training(&mut self, config: &ModelConfig, scored: &Scored, samples: i64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mean = scored.loss.mean.f_to_kind(Kind::Double)?;
        self.add(config, scored, samples)?;
        self.gradients.record_loss(&mean, self.steps)
    }

    /// Adds an evaluated batch of so many samples.
    pub(crate) fn record_evaluation(&mut self, config: &ModelConfig, scored: &Scored, samples: i64) -> Result<()> {
        let sums = self.add(config, scored, samples)?;
        let Answers::Rows(rows) = &scored.answers else {
            return Ok(());
        };
        let predictions = Predictions {
            config,
            outputs: &rows.outputs,
            targets: &rows.targets,
        };
        match config.head.kind {
            HeadKind::Classification => {
                sums.count(scores::ranks_and_targets(&predictions)?)?;
                self.confusion.add(scores::cells(&predictions)?)?;
            }
            HeadKind::MultiLabel => sums.count(scores::label_counts(&predictions)?)?,
            _ => {}
        }
        if let Some(ranking) = &mut self.ranking {
            ranking.add(&predictions);
        }
        Ok(())
    }

    /// Adds a batch's loss and its weight, and what training and evaluation count alike.
    fn add(&mut self, config: &ModelConfig, scored: &Scored, samples: i64) -> Result<&mut Sums> {
        let Scored { loss, answers } = scored;
        self.steps += 1;
        self.samples += samples;
        let sums = sums_on(&mut self.sums, loss.mean.device())?;
        let mean = loss.mean.f_to_kind(Kind::Double)?;
        sums.loss = sums.loss.f_add(&mean.f_mul(&loss.divisor)?)?;
        sums.weight = sums.weight.f_add(&loss.weight)?;
        match answers {
            Answers::Rows(rows) => {
                let predictions = Predictions {
                    config,
                    outputs: &rows.outputs,
                    targets: &rows.targets,
                };
                self.predictions += rows.outputs.size()[0];
                sums.correct = sums.correct.f_add(&scores::correct(&predictions)?)?;
                if config.head.kind == HeadKind::Regression {
                    sums.add_errors(&predictions)?;
                }
            }
            Answers::Strings(strings) => {
                self.predictions += strings.targets.counts.len() as i64;
                self.strings.add(strings, config.head.separator)?;
            }
            Answers::Steps(steps) => {
                self.predictions += steps.predictions;
                if let Some(measured) = &steps.measured {
                    self.forecasts.add(measured)?;
                }
            }
        }
        Ok(sums)
    }

    /// Batches seen.
    pub(crate) fn steps(&self) -> i64 {
        self.steps
    }

    /// Reads the figures back. Waits for the device.
    ///
    /// # Errors
    /// `NonFiniteLoss`, `NonFiniteGradient` or `NonFiniteUpdate` where a training batch's was not finite.
    pub fn read(&mut self) -> Result<Metrics> {
        self.gradients.check_finite()?;
        let mut metrics = Metrics {
            loss: f64::NAN,
            correct: 0,
            samples: self.samples,
            predictions: self.predictions,
            steps: self.steps,
            error_sums: Vec::new(),
            strings: self.strings.read()?,
            forecast: self.forecasts.read()?,
            gradient_norm: self.gradients.norm()?,
        };
        let Some(sums) = &self.sums else { return Ok(metrics) };
        let weight = sums.weight.f_double_value(&[])?;
        metrics.loss = if weight == 0.0 {
            0.0
        } else {
            sums.loss.f_double_value(&[])? / weight
        };
        metrics.correct = match &metrics.strings {
            Some(strings) => strings.exact,
            None => sums.correct.f_int64_value(&[])?,
        };
        if let Some(errors) = &sums.errors {
            metrics.error_sums = Vec::try_from(errors.sums.f_flatten(0, -1)?)?;
        }
        Ok(metrics)
    }

    /// Reads back what the evaluated batches of a model with this configuration were counted by. Waits for the device.
    ///
    /// # Errors
    /// Of libtorch, such as `OutOfMemory`.
    pub fn counts(&mut self, config: &ModelConfig) -> Result<Counts> {
        let Some(counts) = self.sums.as_ref().and_then(|sums| sums.counts.as_ref()) else {
            return Ok(Counts::default());
        };
        let values = Vec::<i64>::try_from(counts.f_flatten(0, -1)?)?;
        if config.head.kind == HeadKind::MultiLabel {
            return Ok(Counts {
                labels: values,
                ..Counts::default()
            });
        }
        let (ranks, targets) = values.split_at(values.len() / 2);
        Ok(Counts {
            confusion: self.confusion.cells()?,
            ranks: ranks.to_vec(),
            targets: targets.to_vec(),
            labels: Vec::new(),
        })
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
}

/// The sums, from zero where there are none yet.
fn sums_on(sums: &mut Option<Sums>, device: Device) -> Result<&mut Sums> {
    match sums {
        Some(sums) => Ok(sums),
        empty => {
            let zero = |kind| Tensor::f_zeros([], (kind, device));
            Ok(empty.insert(Sums {
                loss: zero(Kind::Double)?,
                weight: zero(Kind::Double)?,
                correct: zero(Kind::Int64)?,
                counts: None,
                errors: None,
            }))
        }
    }
}

impl Sums {
    fn count(&mut self, counts: Tensor) -> Result<()> {
        self.counts = Some(match &self.counts {
            Some(before) => before.f_add(&counts)?,
            None => counts,
        });
        Ok(())
    }

    fn add_errors(&mut self, predictions: &Predictions<'_>) -> Result<()> {
        let Some(errors) = &mut self.errors else {
            let origin = predictions.targets.f_select(0, 0)?.f_to_kind(Kind::Double)?;
            let sums = scores::errors(predictions, &origin)?;
            self.errors = Some(Errors { origin, sums });
            return Ok(());
        };
        errors.sums = errors.sums.f_add(&scores::errors(predictions, &errors.origin)?)?;
        Ok(())
    }
}
