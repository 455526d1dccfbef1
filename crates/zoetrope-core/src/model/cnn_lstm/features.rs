//! The features of a frozen encoder, which are computed once.
//!
//! Where nothing changes the encoder and it draws nothing, the features of a clip are the same at each step. They are then
//! taken from a cache, which the frames are not needed for. Whether the cache keeps them or not, they are computed in one
//! way, in which the other clips of a batch do not change a bit: frame by frame where the kernels do so, otherwise clip by
//! clip.

use tch::{Kind, Tensor};

use super::CnnLstm;
use crate::config::{GlobalPool, InputConfig};
use crate::data::batch::Batch;
use crate::data::feature_cache::{EncoderState, FeatureCache, frames_left_out};
use crate::data::kept_clips::KeptClips;
use crate::data::lengths::Layout;
use crate::data::samples::DeviceBatch;
use crate::error::Result;
use crate::model::encoder::Features;
use crate::model::head::Head;
use crate::model::linear::Linear;
use crate::model::paths;

/// What the parameters of the encoder are named with.
const ENCODER: &str = "cnn.";
/// The same of the projection.
const PROJECTION: &str = "projection.";

impl CnnLstm {
    /// Says to a cache which encoder's features a pass wants, as the caller counts; returns whether they are the same at
    /// each step of it. Training also needs an encoder without dropout.
    ///
    /// # Errors
    /// Of libtorch.
    pub fn renew_features(&self, cache: &FeatureCache, version: u32, train: bool) -> Result<bool> {
        let encoder = self.fixed_encoder(train)?;
        let is_fixed = encoder.is_some();
        cache.renew(version, encoder);
        Ok(is_fixed)
    }

    /// Moves a batch to the model's device: without the frames of clips whose features are kept.
    pub(crate) fn device_batch(&self, batch: &Batch, train: bool) -> Result<DeviceBatch> {
        let Some(features) = batch.features() else {
            return batch.to_device(&self.config, self.device);
        };
        if self.renew_features(&features.cache, features.version, train)? {
            return batch.to_device_with_features(features, &self.config, self.device);
        }
        if features.present.is_some() {
            return Err(frames_left_out());
        }
        batch.to_device(&self.config, self.device)
    }

    /// Whether every parameter of the encoder is frozen.
    pub(super) fn is_encoder_frozen(&self) -> bool {
        self.is_frozen(ENCODER)
    }

    fn is_frozen(&self, prefix: &str) -> bool {
        let mut named = self.parameters.iter().filter(|p| p.name.starts_with(prefix));
        named.all(|parameter| !parameter.tensor.requires_grad())
    }

    /// The projection, where it is frozen as the encoder is: its values are kept instead of the encoder's.
    fn frozen_projection(&self) -> Option<&Linear> {
        self.projection.as_ref().filter(|_| self.is_frozen(PROJECTION))
    }

    /// What the encoder is now, where it gives the same features of a clip at each step: it has parameters, all of them are
    /// frozen, and nothing is drawn. A forecast's targets are frames, which are needed in any case.
    fn fixed_encoder(&self, train: bool) -> Result<Option<EncoderState>> {
        let has_parameters = self.parameters.iter().any(|p| p.name.starts_with(ENCODER));
        let is_drawn = train && self.encoder.has_dropout();
        let is_forecast = matches!(self.head, Head::Forecast(_));
        if !has_parameters || !self.is_encoder_frozen() || is_drawn || is_forecast || self.kind() != Kind::Float {
            return Ok(None);
        }
        let has_projection = self.frozen_projection().is_some();
        let is_part = |name: &str| name.starts_with(ENCODER) || has_projection && name.starts_with(PROJECTION);
        let parts = self.state().into_iter().filter(|(name, _)| is_part(name));
        let state = parts.map(|(_, tensor)| Ok((tensor.data_ptr() as usize, tensor.f_internal_version()?)));
        state.collect::<Result<_>>().map(Some)
    }

    /// The features of clips from the cache, of clips that are missing there computed and put there:
    /// `[frames, features]`, as of [`Self::features_t`].
    pub(super) fn kept_features_t(
        &self,
        kept: &KeptClips,
        layout: &Layout<'_>,
        takes_pixel_major: bool,
    ) -> Result<Features> {
        let counts = layout.counts();
        let computed = match &kept.frames {
            Some(frames) => {
                let of_missing: Vec<i64> = kept.missing.iter().map(|&clip| counts[clip]).collect();
                Some(self.computed_apart(frames, &of_missing)?)
            }
            None => None,
        };
        let size = match self.frozen_projection() {
            Some(_) => self.config.recurrent_features(),
            None => self.config.features(),
        };
        let values = kept.complete(computed, &counts, size)?.f_to_device(self.device)?;
        match &self.projection {
            Some(projection) if self.frozen_projection().is_none() => {
                Ok(Features::channel_major(projection.forward(&values)?))
            }
            None if takes_pixel_major => self.pixel_major(values),
            _ => Ok(Features::channel_major(values)),
        }
    }

    /// What is kept of frames, `counts` of each clip, clip after clip: `[frames, features]`, channel-major.
    fn computed_apart(&self, frames: &Tensor, counts: &[i64]) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let projection = self.frozen_projection();
        if projection.is_none() && self.encoder.is_frame_by_frame() {
            return Ok(self.encoded_t(frames, &one_clip(frames), false, false)?.values);
        }
        let mut begin = 0;
        let of_clip = |&count: &i64| -> Result<Tensor> {
            let clip = frames.f_narrow_copy(0, begin, count)?; //       at the beginning of memory, as each clip is
            begin += count;
            let encoded = self.encoded_t(&clip, &one_clip(&clip), false, false)?.values;
            projection.map_or(Ok(encoded.shallow_clone()), |projection| projection.forward(&encoded))
        };
        let clips = counts.iter().map(of_clip).collect::<Result<Vec<_>>>()?;
        match clips.as_slice() {
            [only] => Ok(only.shallow_clone()),
            _ => Ok(Tensor::f_cat(&clips, 0)?),
        }
    }

    /// Channel-major features of frames in the order in which the recurrent part packs its weights, as the encoder gives
    /// them where it can.
    fn pixel_major(&self, values: Tensor) -> Result<Features> {
        let channels = self.config.cnn.blocks().last().map_or(1, |block| block.out_channels);
        let is_flat =
            matches!(self.config.input, InputConfig::Vector(_)) || self.config.global_pool != GlobalPool::None;
        if is_flat || channels == 1 || !paths::is_engine_on(&values) {
            return Ok(Features::channel_major(values));
        }
        let [frames, features] = [values.size()[0], values.size()[1]];
        let pixels = features / channels;
        let by_pixel = values.f_view([frames, channels, pixels])?.f_transpose(1, 2)?; //      [frames, pixels, channels]
        Ok(Features {
            values: by_pixel.f_reshape([frames, features])?,
            pixels,
        })
    }
}

/// Frames as those of one clip.
fn one_clip(frames: &Tensor) -> Layout<'static> {
    Layout {
        batch: 1,
        time: frames.size()[0],
        lengths: None,
    }
}
