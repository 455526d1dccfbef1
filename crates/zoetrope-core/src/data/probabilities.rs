//! Steps that a binary forecast learns, or feeds back, are probabilities.

use tch::{Kind, Tensor};

use super::label_strings::sample_name;
use crate::config::{ModelConfig, RegressionLoss};
use crate::error::{Error, Result};

/// Checks the features that a forecast with binary cross-entropy answers, in the valid frames of clips of
/// `[batch, time, …]` on the CPU, of which `lengths` are valid: they must be from 0 to 1. Bytes are, scaled.
///
/// # Errors
/// `Data`, naming the sample by its place in `indices`, or in the batch.
pub(super) fn check(
    inputs: &Tensor,
    lengths: Option<&[i64]>,
    indices: Option<&[i64]>,
    config: &ModelConfig,
) -> Result<()> {
    if config.head.loss != Some(RegressionLoss::Bce) || inputs.kind() == Kind::Uint8 {
        return Ok(());
    }
    let features = config
        .head
        .forecast
        .as_ref()
        .and_then(|forecast| forecast.features.as_ref());
    let numbers = match features {
        Some(features) => inputs.f_index_select(2, &Tensor::f_from_slice(features)?)?,
        None => inputs.f_flatten(2, -1)?, // [batch, time, numbers of a step]
    };
    let is_right = numbers.f_ge(0.0)?.f_logical_and(&numbers.f_le(1.0)?)?; // false for what is not a number
    let is_right = is_right.f_all_dim(2, false)?; // [batch, time]
    if is_right.f_all()?.f_int64_value(&[])? != 0 {
        return Ok(());
    }
    let time = inputs.size()[1];
    for sample in 0..inputs.size()[0] {
        let length = lengths.map_or(time, |lengths| lengths[sample as usize]);
        let frames = is_right.f_select(0, sample)?.f_narrow(0, 0, length)?;
        if frames.f_all()?.f_int64_value(&[])? == 0 {
            let reason = format!(
                "Expected steps of numbers from 0 to 1 for a forecast with `loss: 'bce'`, received others ({})",
                sample_name(indices, sample as usize)
            );
            return Err(Error::Data { reason });
        }
    }
    Ok(())
}
