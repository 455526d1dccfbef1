//! What is counted of a batch's predictions, by kind of head; every metric is made of these sums.

use tch::{Kind, Tensor};

use super::predictions::Predictions;
use crate::config::HeadKind;
use crate::error::Result;

/// How many predictions are right, int64 of `[]`: the largest logit at the target's class; every label right at the
/// threshold .5; none of a regression.
pub(crate) fn correct(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (outputs, targets) = (predictions.outputs, predictions.targets);
    match predictions.config.head.kind {
        HeadKind::Classification => Ok(outputs.f_argmax(1, false)?.f_eq_tensor(targets)?.f_sum(Kind::Int64)?),
        HeadKind::MultiLabel => {
            let is_right = outputs.f_gt(0.0)?.f_eq_tensor(&targets.f_gt(0.5)?)?;
            Ok(is_right.f_all_dim(1, false)?.f_sum(Kind::Int64)?)
        }
        HeadKind::Regression => Ok(Tensor::f_zeros([], (Kind::Int64, outputs.device()))?),
    }
}

/// Counts or sums of an evaluated batch, float64:
///
/// * classification, `[classes + 1, classes]`: row = target, column = prediction; the last row counts ranks, how many
///   predictions have so many classes before the target's;
/// * several labels, `[labels, 3]`: true positives, false positives, false negatives at the threshold .5;
/// * regression: [`errors`].
pub(crate) fn evaluated(predictions: &Predictions<'_>) -> Result<Tensor> {
    let (outputs, targets) = (predictions.outputs, predictions.targets);
    match predictions.config.head.kind {
        HeadKind::Classification => {
            let classes = predictions.config.num_classes;
            let cells = targets.f_mul_scalar(classes)?.f_add(&outputs.f_argmax(1, false)?)?;
            let counts = cells.f_bincount(None::<Tensor>, classes * classes)?;
            let of_target = outputs.f_gather(1, &targets.f_unsqueeze(1)?, false)?;
            let ranks = outputs
                .f_gt_tensor(&of_target)?
                .f_sum_dim_intlist(1, false, Kind::Int64)?;
            let ranks = ranks.f_bincount(None::<Tensor>, classes)?;
            let counts = Tensor::f_cat(&[counts, ranks], 0)?.f_view([classes + 1, classes])?;
            Ok(counts.f_to_kind(Kind::Double)?)
        }
        HeadKind::MultiLabel => {
            let (is_given, has_label) = (outputs.f_gt(0.0)?, targets.f_gt(0.5)?);
            let count = |both: Tensor| both.f_sum_dim_intlist(0, false, Kind::Double);
            let true_positives = count(is_given.f_logical_and(&has_label)?)?;
            let false_positives = count(is_given.f_logical_and(&has_label.f_logical_not()?)?)?;
            let false_negatives = count(has_label.f_logical_and(&is_given.f_logical_not()?)?)?;
            Ok(Tensor::f_stack(&[true_positives, false_positives, false_negatives], 1)?)
        }
        HeadKind::Regression => errors(predictions),
    }
}

/// Sums of a regression's batch, `[outputs, 4]`, float64: |error|, error², target, target².
pub(crate) fn errors(predictions: &Predictions<'_>) -> Result<Tensor> {
    let targets = predictions.targets.f_to_kind(Kind::Double)?;
    let error = predictions.outputs.f_to_kind(Kind::Double)?.f_sub(&targets)?;
    let columns = [
        error.f_abs()?,
        error.f_square()?,
        targets.shallow_clone(),
        targets.f_square()?,
    ];
    let sums = columns
        .iter()
        .map(|column| column.f_sum_dim_intlist(0, false, Kind::Double));
    let sums = sums.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Tensor::f_stack(&sums, 1)?)
}
