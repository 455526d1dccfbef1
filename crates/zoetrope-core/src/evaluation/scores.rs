//! Sums over a batch's predictions, by kind of head. Every metric is computed from these sums.
//!
//! Outputs that are not numbers are no answer: they are never right, and no class is counted as predicted.

use tch::{Kind, Tensor};

use super::predictions::Predictions;
use crate::config::HeadKind;
use crate::error::Result;

/// How many predictions are right, int64 of `[]`: the largest logit at the target's class; every label right at the
/// threshold .5; none of a regression.
pub(crate) fn correct(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (outputs, targets) = (predictions.outputs, predictions.targets);
    let is_right = match predictions.config.head.kind {
        HeadKind::Classification => outputs
            .f_argmax(1, false)?
            .f_eq_tensor(targets)?
            .f_logical_and(&is_answer(outputs)?)?,
        HeadKind::MultiLabel => outputs
            .f_gt(0.0)?
            .f_eq_tensor(&targets.f_gt(0.5)?)?
            .f_logical_and(&outputs.f_isnan()?.f_logical_not()?)?
            .f_all_dim(1, false)?,
        _ => return Ok(Tensor::f_zeros([], (Kind::Int64, outputs.device()))?),
    };
    Ok(is_right.f_sum(Kind::Int64)?)
}

/// Whether logits of `[predictions, classes]` have a most probable class, bool of `[predictions]`: NaN among them, or an
/// infinite largest one, makes every probability NaN.
fn is_answer(outputs: &Tensor) -> Result<Tensor> {
    Ok(outputs.f_amax([1].as_slice(), false)?.f_isfinite()?)
}

/// Of a classification, int64 of `[predictions]`: the cell `target * classes + prediction` of the confusion matrix, or -1
/// without an answer. Equal logits are in the order of their classes.
pub(super) fn cells(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (outputs, targets) = (predictions.outputs, predictions.targets);
    let cells = targets
        .f_mul_scalar(predictions.config.num_classes)?
        .f_add(&outputs.f_argmax(1, false)?)?;
    Ok(cells.f_where_scalarother(&is_answer(outputs)?, -1)?)
}

/// Of a classification, int64 of `[2, classes]`: by rank from 0, how many predictions have so many classes before the
/// target's; by class, how many targets are of it. Of equal logits the first class comes first, as in [`cells`].
pub(super) fn ranks_and_targets(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (outputs, targets) = (predictions.outputs, predictions.targets);
    let classes = predictions.config.num_classes;
    let target = targets.f_unsqueeze(1)?; //                                             [predictions, 1]
    let of_target = outputs.f_gather(1, &target, false)?;
    let is_earlier = Tensor::f_arange(classes, (Kind::Int64, outputs.device()))?.f_lt_tensor(&target)?;
    let is_before = outputs
        .f_eq_tensor(&of_target)?
        .f_logical_and(&is_earlier)?
        .f_logical_or(&outputs.f_gt_tensor(&of_target)?)?; //                            [predictions, classes]
    let ranks = is_before.f_sum_dim_intlist(1, false, Kind::Int64)?;
    let ranks = ranks.f_where_scalarother(&is_answer(outputs)?, classes)?; //            no rank without an answer
    let ranks = ranks.f_bincount(None::<Tensor>, classes + 1)?.f_narrow(0, 0, classes)?;
    Ok(Tensor::f_stack(
        &[ranks, targets.f_bincount(None::<Tensor>, classes)?],
        0,
    )?)
}

/// Of several labels, int64 of `[labels, 3]`: true positives, false positives, false negatives at the threshold .5.
pub(super) fn label_counts(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (is_given, has_label) = (predictions.outputs.f_gt(0.0)?, predictions.targets.f_gt(0.5)?);
    let count = |both: Tensor| both.f_sum_dim_intlist(0, false, Kind::Int64);
    let true_positives = count(is_given.f_logical_and(&has_label)?)?;
    let false_positives = count(is_given.f_logical_and(&has_label.f_logical_not()?)?)?;
    let false_negatives = count(has_label.f_logical_and(&is_given.f_logical_not()?)?)?;
    Ok(Tensor::f_stack(&[true_positives, false_positives, false_negatives], 1)?)
}

/// Sums of a regression's batch, float64 of `[outputs, 4]`: |error|, error², target - origin, (target - origin)².
///
/// `origin` (float64 of `[outputs]`) is a target of the pass: sums of differences from it keep the digits of a variance
/// that is small beside the mean, and are exactly 0 where all targets are the same.
pub(super) fn errors(predictions: &Predictions<'_>, origin: &Tensor) -> Result<Tensor> {
    let targets = predictions.targets.f_to_kind(Kind::Double)?;
    let error = predictions.outputs.f_to_kind(Kind::Double)?.f_sub(&targets)?;
    let shifted = targets.f_sub(origin)?;
    let columns = [
        error.f_abs()?,
        error.f_square()?,
        shifted.shallow_clone(),
        shifted.f_square()?,
    ];
    let sums = columns
        .iter()
        .map(|column| column.f_sum_dim_intlist(0, false, Kind::Double));
    let sums = sums.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Tensor::f_stack(&sums, 1)?)
}
