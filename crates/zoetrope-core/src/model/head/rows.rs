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
    let weights = options.class_weights.as_deref();
    if config.head.kind == HeadKind::Classification {
        return cross_entropy(outputs, targets, weights, options.label_smoothing);
    }
    let weights = weights.map(|weights| like(outputs, weights)).transpose()?;
    let mean = reduced(config, weights.as_ref(), outputs, targets, Reduction::Mean)?;
    BatchLoss::of_mean(mean, targets.size()[0])
}

/// Cross-entropy of logits of `[predictions, classes]` against int64 of `[predictions]`: the mean, by the weights of the
/// targets' classes where there are weights.
pub(super) fn cross_entropy(
    outputs: &Tensor,
    targets: &Tensor,
    weights: Option<&[f64]>,
    label_smoothing: f64,
) -> Result<BatchLoss> {
    let Some(weights) = weights else {
        let mean = outputs.f_cross_entropy_loss(targets, None::<&Tensor>, Reduction::Mean, IGNORED, label_smoothing)?;
        return BatchLoss::of_mean(mean, targets.size()[0]);
    };
    let weights = like(outputs, weights)?;
    let weight = weights.f_index_select(0, targets)?.f_sum(Kind::Double)?;
    let divisor = weight.f_where_scalarother(&weight.f_gt(0.0)?, 1.0)?;
    let sum = outputs.f_cross_entropy_loss(targets, Some(&weights), Reduction::Sum, IGNORED, label_smoothing)?;
    Ok(BatchLoss {
        mean: sum.f_div(&divisor.f_to_kind(outputs.kind())?)?,
        weight,
        divisor,
    })
}

/// The sum of the cross-entropies of logits of `[predictions, classes]` against int64 of `[predictions]`.
pub(super) fn summed_cross_entropy(outputs: &Tensor, targets: &Tensor) -> Result<BatchLoss> {
    let sum = outputs.f_cross_entropy_loss(targets, None::<&Tensor>, Reduction::Sum, IGNORED, 0.0)?;
    BatchLoss::of_sum(sum, targets.size()[0])
}

/// Numbers of the kind and on the device of some outputs.
fn like(outputs: &Tensor, numbers: &[f64]) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(numbers)?
        .f_to_kind(outputs.kind())?
        .f_to_device(outputs.device())?)
}

/// The sum over the predictions of their losses: shapes as in [`training`].
pub(super) fn evaluation(config: &ModelConfig, outputs: &Tensor, targets: &Tensor) -> Result<BatchLoss> {
    if config.head.kind == HeadKind::Classification {
        return summed_cross_entropy(outputs, targets);
    }
    let sum = reduced(config, None, outputs, targets, Reduction::Sum)?;
    BatchLoss::of_sum(sum.f_div_scalar(config.num_outputs())?, targets.size()[0])
}

/// The loss of labels or numbers, over all of them.
fn reduced(
    config: &ModelConfig,
    weights: Option<&Tensor>,
    outputs: &Tensor,
    targets: &Tensor,
    reduction: Reduction,
) -> Result<Tensor> {
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
