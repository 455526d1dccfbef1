//! Inputs freed of the training data's mean and deviation.

use tch::{Device, Kind, Tensor};

use super::encoder::scaled;
use crate::config::{InputConfig, ModelConfig};
use crate::error::Result;

/// (frames − mean) / std, by channel or feature.
pub(super) struct Normalization {
    /// `[channels, 1, 1]` or `[features]`, float64.
    mean: Tensor,
    std: Tensor,
}

impl Normalization {
    /// None where the configuration has none.
    pub(super) fn new(config: &ModelConfig, device: Device) -> Result<Option<Self>> {
        let Some(normalize) = &config.normalize else {
            return Ok(None);
        };
        let shape: &[i64] = match config.input {
            InputConfig::Frame(_) => &[-1, 1, 1],
            InputConfig::Vector(_) => &[-1],
        };
        let on_device = |values: &[f64]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view(shape)?.f_to_device(device)?)
        };
        Ok(Some(Self {
            mean: on_device(&normalize.mean)?,
            std: on_device(&normalize.std)?,
        }))
    }

    /// `[frames, channels, height, width]` or `[frames, features]`, floats or bytes, into floats of the same shape.
    pub(super) fn forward(&self, frames: &Tensor, kind: Kind) -> Result<Tensor> {
        let mut centred = scaled(frames, kind)?.f_sub(&self.mean.f_to_kind(kind)?)?;
        Ok(centred.f_div_(&self.std.f_to_kind(kind)?)?)
    }
}
