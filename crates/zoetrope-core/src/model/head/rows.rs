//! Heads with one row of outputs for each answer: a linear layer, and the loss of classes, labels or numbers.

use tch::{Kind, Reduction, Tensor};

use super::numbers;
use super::options::LossOptions;
use super::scored::BatchLoss;
use crate::config::{HeadKind, ModelConfig};
use crate::error::Result;

/// Index of a target that counts for nothing: PyTorch's default, which no class has.
const IGNORED: i64 = -100;

/// The loss of raw outputs of `[predictions, outputs]`.
///
/// `targets` are int64 of `[predictions]` for a classification, else float32 of `[predictions, outputs]`.
pub(super) fn training(
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
    BatchLoss::of_mean(loss(Reduction::Mean)?, targets.size()[0])
}

/// The sum over the predictions of their losses: shapes as in [`training`].
pub(super) fn evaluation(config: &ModelConfig, outputs: &Tensor, targets: &Tensor) -> Result<BatchLoss> {
    let sum = reduced(config, 0.0, None, outputs, targets, Reduction::Sum)?;
    let sum = match config.head.kind {
        HeadKind::Classification => sum,
        _ => sum.f_div_scalar(config.num_outputs())?,
    };
    BatchLoss::of_sum(sum, targets.size()[0])
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
    if config.head.kind == HeadKind::MultiLabel {
        return Ok(outputs.f_binary_cross_entropy_with_logits(&targets, None::<&Tensor>, weights, reduction)?);
    }
    numbers::loss(config.head.loss.unwrap_or_default(), outputs, &targets, reduction)
}
