//! Features of a batch: those that are kept, and those that were just computed, which are kept from now on.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::feature_cache::{FeatureCache, frames_left_out};
use crate::error::Result;

/// Clips whose features are kept, or are to be kept when they are computed.
pub(crate) struct KeptClips {
    pub cache: Arc<FeatureCache>,
    /// Of each clip.
    pub keys: Vec<i64>,
    /// The positions of the clips that have no features yet, ascending.
    pub missing: Vec<usize>,
    /// The valid frames of those, clip after clip, `[frames, channels, height, width]` or `[frames, features]`; none where
    /// no clip is missing.
    pub frames: Option<Tensor>,
}

impl KeptClips {
    /// Keeps what was computed of the missing clips, `[frames of those, size]`, and gives the features of all clips, of
    /// `counts` frames each: float32 of `[frames, size]`, on the CPU unless all were missing.
    pub(crate) fn complete(&self, computed: Option<Tensor>, counts: &[i64], size: i64) -> Result<Tensor> {
        self.cache.count(counts.len() - self.missing.len(), self.missing.len());
        let on_cpu = match &computed {
            Some(computed) if self.cache.keeps() => Some(computed.f_to_device(Device::Cpu)?.f_contiguous()?),
            _ => None,
        };
        let of_missing: &[f32] = on_cpu.as_ref().map_or(&[], floats);
        let mut rest = of_missing;
        let mut own = |clip: usize| {
            let (first, behind) = rest
                .split_at_checked((counts[clip] * size) as usize)
                .unwrap_or((&[], rest));
            rest = behind;
            first
        };
        if let (Some(computed), true) = (computed, self.missing.len() == counts.len()) {
            for (clip, &key) in self.keys.iter().enumerate().filter(|_| self.cache.keeps()) {
                self.cache.put(key, own(clip));
            }
            return Ok(computed);
        }
        let frames: i64 = counts.iter().sum();
        let mut all = Tensor::f_empty([frames, size], (Kind::Float, Device::Cpu))?;
        let mut places = floats_mut(&mut all);
        for (clip, (&count, &key)) in counts.iter().zip(&self.keys).enumerate() {
            let (place, behind) = places.split_at_mut((count * size) as usize);
            places = behind;
            if self.missing.binary_search(&clip).is_ok() {
                let values = own(clip);
                self.cache.put(key, values);
                place.copy_from_slice(values);
            } else if !self.cache.read(key, place)? {
                return Err(frames_left_out());
            }
        }
        Ok(all)
    }
}

/// The values of a contiguous float32 tensor on the CPU.
fn floats(tensor: &Tensor) -> &[f32] {
    // SAFETY: `complete` has made the tensor so; the borrow keeps it alive, and nobody writes to it.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast_const().cast(), tensor.numel()) }
}

/// The values of a new float32 tensor on the CPU.
fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    // SAFETY: `complete` has just made the tensor, contiguous, and nobody else knows it.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}
