//! The losses of numbers: of regressions and forecasts.

use tch::{Reduction, Tensor};

use crate::config::RegressionLoss;
use crate::error::Result;

/// The loss of numbers, of any shape and of the same kind as their targets.
pub(super) fn loss(kind: RegressionLoss, outputs: &Tensor, targets: &Tensor, reduction: Reduction) -> Result<Tensor> {
    match kind {
        RegressionLoss::Mse => Ok(outputs.f_mse_loss(targets, reduction)?),
        RegressionLoss::SmoothL1 => Ok(outputs.f_smooth_l1_loss(targets, reduction, 1.0)?),
        RegressionLoss::Bce => {
            let none = None::<&Tensor>;
            Ok(outputs.f_binary_cross_entropy_with_logits(targets, none, none, reduction)?)
        }
    }
}
