//! Batches of clips whose features may be kept: of those the frames are not needed.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Batch, Source};
use crate::config::ModelConfig;
use crate::data::feature_cache::{ClipFeatures, FeatureCache, frames_left_out};
use crate::data::kept_clips::KeptClips;
use crate::data::lengths::Lengths;
use crate::data::samples::{Arrays, Chosen, DeviceBatch, SampleTensors, Samples};
use crate::error::{Error, Result};

impl Batch {
    /// As [`Self::lent`], of which only the clips at the positions `present`, ascending, have inputs, of the shape
    /// `inputs_shape`: the others must have features in the cache that [`Self::keep_features`] names.
    ///
    /// # Safety
    /// That of [`Self::lent`].
    ///
    /// # Errors
    /// As [`Self::from_arrays`].
    pub unsafe fn lent_in_part(arrays: Arrays<'_>, inputs_shape: &[i64], keeper: Box<dyn Send>) -> Result<Self> {
        // SAFETY: the caller's promise.
        let samples = unsafe { Samples::lent_in_part(arrays, inputs_shape, keeper)? };
        Ok(Self {
            source: Source::Own(Box::new(samples)),
            changed: None,
            indices: None,
            features: None,
        })
    }

    /// Says where features of the clips are kept, each by its key, of an encoder of that version; `present` as of
    /// [`Self::lent_in_part`]. Augmented clips have features of their own each time: of those none are kept.
    ///
    /// # Errors
    /// `Data` unless there is a key for each clip.
    pub fn keep_features(
        &mut self,
        cache: Arc<FeatureCache>,
        keys: Vec<i64>,
        version: u32,
        present: Option<Vec<usize>>,
    ) -> Result<()> {
        if keys.len() as i64 != self.len() {
            let reason = format!("Expected {} keys, received {}", self.len(), keys.len());
            return Err(Error::Data { reason });
        }
        self.features = Some(ClipFeatures {
            cache,
            keys,
            version,
            present,
        });
        Ok(())
    }

    /// Where features of its clips are kept, unless they are augmented.
    pub(crate) fn features(&self) -> Option<&ClipFeatures> {
        self.features.as_ref().filter(|_| self.changed.is_none())
    }

    /// As [`Self::to_device`], with the frames of those clips alone that have no features.
    pub(crate) fn to_device_with_features(
        &self,
        features: &ClipFeatures,
        config: &ModelConfig,
        device: Device,
    ) -> Result<DeviceBatch> {
        let ClipFeatures {
            cache, keys, version, ..
        } = features;
        let spec = self.spec();
        let indices = self.indices();
        spec.check_fits(config, self.len(), indices.as_deref())?;
        let lengths = self.lengths();
        let missing = cache.missing(keys, *version);
        let frames = if missing.is_empty() {
            None
        } else {
            let counts: Vec<i64> = match &lengths {
                Some(lengths) => missing.iter().map(|&clip| lengths[clip]).collect(),
                None => vec![spec.time(); missing.len()],
            };
            Some(self.frames_of(features, &missing, &counts)?.f_to_device(device)?)
        };
        let chosen = Chosen {
            lengths,
            target_lengths: self.target_lengths(),
            indices,
            has_no_frames: true,
        };
        let tensors = SampleTensors {
            inputs: Tensor::f_zeros([1], (Kind::Float, device))?.f_expand(self.shape(), false)?,
            targets: self.targets()?,
        };
        let mut batch = spec.to_device(tensors, &chosen, config, device)?;
        batch.clips.kept = Some(KeptClips {
            cache: Arc::clone(cache),
            keys: keys.clone(),
            missing,
            frames,
        });
        Ok(batch)
    }

    /// The valid frames of the clips at some positions, `counts` of each, clip after clip: `[frames, …step]`.
    fn frames_of(&self, features: &ClipFeatures, clips: &[usize], counts: &[i64]) -> Result<Tensor> {
        let mut inputs = match &self.source {
            Source::Gathered { dataset, indices } => {
                let chosen: Vec<i64> = clips.iter().map(|&clip| indices[clip]).collect();
                dataset.gather_inputs(&chosen)?
            }
            Source::Own(samples) => {
                let rows = rows_of(features, clips)?;
                let inputs = &samples.tensors.inputs;
                if rows.len() as i64 == inputs.size()[0] {
                    inputs.shallow_clone()
                } else {
                    inputs.f_index_select(0, &Tensor::f_from_slice(&rows)?)?
                }
            }
        };
        if !self.spec().has_time {
            inputs = inputs.f_unsqueeze(1)?;
        }
        let time = inputs.size()[1];
        if counts.iter().all(|&count| count == time) {
            return Ok(inputs.f_contiguous()?.f_flatten(0, 1)?);
        }
        Lengths::new(counts, time, Device::Cpu)?.pack(&inputs)
    }
}

/// The rows of some clips among those whose frames came with the batch.
fn rows_of(features: &ClipFeatures, clips: &[usize]) -> Result<Vec<i64>> {
    let row_of = |&clip: &usize| match &features.present {
        None => Ok(clip as i64),
        Some(present) => match present.binary_search(&clip) {
            Ok(row) => Ok(row as i64),
            Err(_) => Err(frames_left_out()),
        },
    };
    clips.iter().map(row_of).collect()
}
