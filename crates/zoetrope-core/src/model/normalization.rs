//! Inputs freed of the training data's mean and deviation.

use tch::{Device, Kind, Tensor};

use super::encoder::scaled;
use crate::config::{InputConfig, ModelConfig, NormalizeConfig};
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
        let normalize = config.normalize.as_ref();
        normalize
            .map(|normalize| Self::of(normalize, config.input, device))
            .transpose()
    }

    /// The normalisation of steps of that kind.
    pub(super) fn of(normalize: &NormalizeConfig, input: InputConfig, device: Device) -> Result<Self> {
        let shape: &[i64] = match input {
            InputConfig::Frame(_) => &[-1, 1, 1],
            InputConfig::Vector(_) => &[-1],
        };
        let on_device = |values: &[f64]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_view(shape)?.f_to_device(device)?)
        };
        Ok(Self {
            mean: on_device(&normalize.mean)?,
            std: on_device(&normalize.std)?,
        })
    }

    /// `[frames, channels, height, width]` or `[frames, features]`, floats or bytes, into floats of the same shape.
    pub(super) fn forward(&self, frames: &Tensor, kind: Kind) -> Result<Tensor> {
        let mut centred = scaled(frames, kind)?.f_sub(&self.mean.f_to_kind(kind)?)?;
        Ok(centred.f_div_(&self.std.f_to_kind(kind)?)?)
    }

    /// The inverse of [`Self::forward`], of floats.
    pub(super) fn undo(&self, frames: &Tensor) -> Result<Tensor> {
        let kind = frames.kind();
        Ok(frames
            .f_mul(&self.std.f_to_kind(kind)?)?
            .f_add(&self.mean.f_to_kind(kind)?)?)
    }
}
