//! The loss of each head, in training and in evaluation.

use tch::{Kind, Reduction, Tensor};

use crate::config::{HeadKind, ModelConfig, RegressionLoss};
use crate::error::{Error, Result};

/// Index of a target that counts for nothing: PyTorch's default, which no class has.
const IGNORED: i64 = -100;

/// Options of a training loss; evaluation has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LossOptions {
    /// Share of a classification's target that is spread over all classes, from 0 to 1; default 0.
    pub label_smoothing: f64,
    /// Of a classification, a weight for each class, as in `torch.nn.CrossEntropyLoss(weight)`: the mean is divided by
    /// the weights of its targets. Of several labels, a weight for each label's positive targets, as in
    /// `torch.nn.BCEWithLogitsLoss(pos_weight)`.
    pub class_weights: Option<Vec<f64>>,
}

impl LossOptions {
    /// Checks the options against the head they are for.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self, config: &ModelConfig) -> Result<()> {
        let kind = config.head.kind;
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return Err(Error::invalid(
                "labelSmoothing",
                "a number from 0 to 1",
                self.label_smoothing,
            ));
        }
        if self.label_smoothing > 0.0 && kind != HeadKind::Classification {
            let expected = "0 except for a classification";
            return Err(Error::invalid("labelSmoothing", expected, self.label_smoothing));
        }
        let Some(weights) = &self.class_weights else {
            return Ok(());
        };
        if kind == HeadKind::Regression {
            return Err(Error::invalid("classWeights", "none for a regression", weights.len()));
        }
        if weights.len() as i64 != config.num_classes {
            let expected = format!("{} weights, one a class", config.num_classes);
            return Err(Error::invalid("classWeights", expected, weights.len()));
        }
        let is_right = |weight: f64| (weight as f32).is_finite() && weight >= 0.0;
        match weights.iter().find(|&&weight| !is_right(weight)) {
            Some(weight) => {
                let expected = "numbers of at least 0 that float32 can hold";
                Err(Error::invalid("classWeights", expected, format!("{weight:e}")))
            }
            None if weights.iter().all(|&weight| weight as f32 == 0.0) => {
                Err(Error::invalid("classWeights", "a weight above 0", "zeros"))
            }
            None => Ok(()),
        }
    }
}

/// The loss of a training batch.
pub(crate) struct BatchLoss {
    /// The summed loss over `divisor`, of `[]`: what is differentiated.
    pub mean: Tensor,
    /// float64 of `[]`: the number of predictions, or with class weights of a classification the sum of the weights of
    /// its targets. The mean over several batches is the sum of their losses over the sum of their weights.
    pub weight: Tensor,
    /// `weight`, or 1 where that is 0: a batch of which nothing counts has no mean, and must not make one.
    pub divisor: Tensor,
}

/// The loss of raw outputs of `[predictions, outputs]`.
///
/// `targets` are int64 of `[predictions]` for a classification, else float32 of `[predictions, outputs]`.
pub(crate) fn training(
    config: &ModelConfig,
    options: &LossOptions,
    outputs: &Tensor,
    targets: &Tensor,
) -> Result<BatchLoss> {
    let weights = match &options.class_weights {
        Some(weights) => Some(
            Tensor::f_from_slice(weights)?
                .f_to_kind(outputs.kind())?
                .f_to_device(outputs.device())?,
        ),
        None => None,
    };
    let loss = |reduction| {
        let weights = weights.as_ref();
        reduced(config, options.label_smoothing, weights, outputs, targets, reduction)
    };
    if let (Some(weights), HeadKind::Classification) = (&weights, config.head.kind) {
        let weight = weights.f_index_select(0, targets)?.f_sum(Kind::Double)?;
        let divisor = weight.f_where_scalarother(&weight.f_gt(0.0)?, 1.0)?;
        return Ok(BatchLoss {
            mean: loss(Reduction::Sum)?.f_div(&divisor.f_to_kind(outputs.kind())?)?,
            weight,
            divisor,
        });
    }
    let weight = Tensor::f_full([], targets.size()[0], (Kind::Double, outputs.device()))?;
    Ok(BatchLoss {
        mean: loss(Reduction::Mean)?,
        divisor: weight.shallow_clone(),
        weight,
    })
}

/// The sum over the predictions of their losses, float of `[]`: shapes as in [`training`].
pub(crate) fn evaluation(config: &ModelConfig, outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let sum = reduced(config, 0.0, None, outputs, targets, Reduction::Sum)?;
    match config.head.kind {
        HeadKind::Classification => Ok(sum),
        HeadKind::MultiLabel | HeadKind::Regression => Ok(sum.f_div_scalar(config.num_outputs())?),
    }
}

fn reduced(
    config: &ModelConfig,
    label_smoothing: f64,
    weights: Option<&Tensor>,
    outputs: &Tensor,
    targets: &Tensor,
    reduction: Reduction,
) -> Result<Tensor> {
    if config.head.kind == HeadKind::Classification {
        return Ok(outputs.f_cross_entropy_loss(targets, weights, reduction, IGNORED, label_smoothing)?);
    }
    let targets = targets.f_to_kind(if outputs.kind() == Kind::Double {
        Kind::Double
    } else {
        Kind::Float
    })?;
    match (config.head.kind, config.head.loss.unwrap_or_default()) {
        (HeadKind::MultiLabel, _) => {
            Ok(outputs.f_binary_cross_entropy_with_logits(&targets, None::<&Tensor>, weights, reduction)?)
        }
        (_, RegressionLoss::Mse) => Ok(outputs.f_mse_loss(&targets, reduction)?),
        (_, RegressionLoss::SmoothL1) => Ok(outputs.f_smooth_l1_loss(&targets, reduction, 1.0)?),
    }
}
