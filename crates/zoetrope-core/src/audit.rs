//! A model's health on one batch, found out on a copy of its weights: the model itself stays as it is.

use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use crate::config::HeadKind;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::evaluation::metrics::Meter;
use crate::model::cnn_lstm::CnnLstm;
use crate::optimizer::rule::Rule;
use crate::optimizer::update::Optimizer;
use crate::runtime::random::Generator;

/// How long a batch is learned by heart.
pub struct AuditLimits<'a> {
    /// Most steps.
    pub steps: usize,
    /// No step begins later. A step that has begun ends.
    pub time: Duration,
    /// Asked before each step, with the model's other work: an error ends the audit.
    pub check: &'a dyn Fn() -> Result<()>,
}

/// The findings from one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAudit {
    /// One entry a parameter, in their order.
    pub parameters: Vec<ParameterAudit>,
    /// Loss of the batch before anything was learned.
    pub first_loss: f64,
    /// Of label strings: the mean probability of the blank, where it is the likeliest output of every frame.
    pub all_blank: Option<f64>,
    /// Steps that were made.
    pub steps: usize,
    /// What was not finite in a step, which ended them: `loss`, `gradient` or `update`.
    pub not_finite: Option<&'static str>,
    /// Loss of the batch after the steps, without dropout; NaN where something in a step was not finite.
    pub last_loss: f64,
    /// Predictions of the batch that are right after the steps; 0 for a regression.
    pub correct: i64,
    /// Predictions of the batch.
    pub predictions: i64,
    /// Median time of a step, in seconds; NaN where none was made.
    pub step_seconds: f64,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterAudit {
    /// Such as `cnn.conv1.weight`.
    pub name: String,
    /// Norm of its gradient; 0 where it is frozen.
    pub gradient_norm: f64,
    /// Whether it is left as it is by training.
    pub is_frozen: bool,
    /// Rows along its first axis: a convolution's output channels.
    pub units: i64,
    /// Rows whose gradient is exactly 0.
    pub dead_units: i64,
}

impl CnnLstm {
    /// Looks at the gradients of a batch, then learns it by heart in steps of Adam, within the limits.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit; `InvalidConfig` where every parameter is frozen; those of
    /// `limits.check`.
    pub fn audit(&self, batch: &Batch, limits: &AuditLimits<'_>, learning_rate: f64) -> Result<ModelAudit> {
        let began = Instant::now();
        (limits.check)()?;
        let mut copy = self.scratch_copy()?;
        let (first_loss, gradients) = copy.loss_and_gradients(batch)?;
        let all_blank = match self.config().head.kind {
            HeadKind::Ctc => copy.frame_outputs(batch)?.all_blank(),
            _ => None,
        };
        let parameters = copy.parameters().iter().zip(&gradients);
        let parameters = parameters
            .map(|(parameter, gradient)| ParameterAudit::new(&parameter.name, &parameter.tensor, gradient))
            .collect::<Result<Vec<_>>>()?;
        let mut optimizer = Optimizer::new(adam(learning_rate))?;
        let mut seconds = Vec::new();
        let mut not_finite = None;
        while seconds.len() < limits.steps && began.elapsed() < limits.time {
            (limits.check)()?;
            let step_began = Instant::now();
            let mut meter = Meter::new();
            let stepped = copy.train_step(batch, &mut optimizer, &mut meter);
            match stepped.and_then(|()| meter.read()) {
                Ok(_) => seconds.push(step_began.elapsed().as_secs_f64()),
                Err(Error::NonFiniteLoss { .. }) => not_finite = Some("loss"),
                Err(Error::NonFiniteGradient { .. }) => not_finite = Some("gradient"),
                Err(Error::NonFiniteUpdate { .. }) => not_finite = Some("update"),
                Err(error) => return Err(error),
            }
            if not_finite.is_some() {
                break;
            }
        }
        (limits.check)()?;
        let mut meter = Meter::new();
        copy.evaluate_batch(batch, &mut meter)?;
        let metrics = meter.read()?;
        let steps = seconds.len();
        seconds.sort_by(f64::total_cmp);
        Ok(ModelAudit {
            parameters,
            first_loss,
            all_blank,
            steps,
            last_loss: if not_finite.is_none() { metrics.loss } else { f64::NAN },
            not_finite,
            correct: metrics.correct,
            predictions: metrics.predictions,
            step_seconds: seconds.get(steps / 2).copied().unwrap_or(f64::NAN),
        })
    }

    /// The same weights, statistics and frozen parameters; dropout draws from a stream of its own.
    fn scratch_copy(&self) -> Result<Self> {
        let mut copy = Self::new(self.config(), self.device(), &Generator::from_seed(0)?)?;
        copy.load_state_dict(&self.state_dict()?)?;
        for (copied, original) in copy.parameters().iter().zip(self.parameters()) {
            let _ = copied.tensor.f_set_requires_grad(original.tensor.requires_grad())?;
        }
        Ok(copy)
    }
}

impl ParameterAudit {
    fn new(name: &str, parameter: &Tensor, gradient: &Tensor) -> Result<Self> {
        let units = parameter.size().first().copied().unwrap_or(1);
        let is_frozen = !parameter.requires_grad();
        let (gradient_norm, dead_units) = if is_frozen {
            (0.0, 0)
        } else {
            let rows = gradient.f_to_kind(Kind::Double)?.f_reshape([units, -1])?;
            let sums = rows
                .f_abs()?
                .f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Double)?;
            let dead = sums.f_eq(0.0)?.f_sum(Kind::Int64)?;
            (rows.f_norm()?.f_double_value(&[])?, dead.f_int64_value(&[])?)
        };
        Ok(Self {
            name: name.to_owned(),
            gradient_norm,
            is_frozen,
            units,
            dead_units,
        })
    }
}

fn adam(learning_rate: f64) -> Rule {
    Rule::Adam {
        learning_rate,
        betas: (0.9, 0.999),
        eps: 1e-8,
        weight_decay: 0.0,
    }
}
