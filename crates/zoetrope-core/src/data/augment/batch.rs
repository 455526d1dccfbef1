//! All clips of a batch, gathered and changed by the helper thread.

use std::sync::Arc;

use tch::Tensor;

use super::clip::{Element, Sides};
use super::config::AugmentConfig;
use super::random::Draws;
use crate::data::inputs::{Inputs, Values};
use crate::error::Result;
use crate::runtime::helper::Pending;

/// The changes of the samples of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmentation {
    /// Which changes, and how strong.
    pub config: AugmentConfig,
    /// With epoch and index, says all draws.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
    /// Each sample's place in its dataset.
    pub indices: Vec<u64>,
}

/// Where the clips of a batch lie.
pub(crate) struct Originals {
    /// `[samples, …]`, on the CPU.
    pub inputs: Tensor,
    /// Which of the samples, in the batch's order; all of them where absent.
    pub chosen: Option<Vec<i64>>,
    /// Frames of each clip of the batch, where they differ.
    pub lengths: Option<Vec<i64>>,
    /// Frames that each clip has room for.
    pub time: usize,
    pub sides: Sides,
}

/// The changed clips: `[batch, time, channels, height, width]`, row-major.
pub(crate) struct Changed {
    pub values: Values,
    /// Frames of each clip, where they differ.
    pub lengths: Option<Vec<i64>>,
}

impl Augmentation {
    /// Checks the options against the frame and has the helper thread change the clips.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub(crate) fn start(self, clips: Originals) -> Result<Arc<Pending<Changed>>> {
        self.config.check_fits(clips.sides)?;
        Ok(Arc::new(Pending::start(move || {
            let full = || vec![clips.time as i64; self.indices.len()];
            let mut lengths = clips.lengths.clone().or_else(|| self.config.shorten.then(full));
            let values = match Inputs::of(&clips.inputs) {
                Inputs::F32(values) => Values::F32(self.change(values, &clips, &mut lengths)),
                Inputs::U8(values) => Values::U8(self.change(values, &clips, &mut lengths)),
            };
            Ok(Changed { values, lengths })
        })))
    }

    /// Frames behind the end of a clip are 0.
    fn change<T: Element>(&self, values: &[T], clips: &Originals, lengths: &mut Option<Vec<i64>>) -> Vec<T> {
        let frame = clips.sides.channels * clips.sides.height * clips.sides.width;
        let size = clips.time * frame;
        let mut changed = vec![T::store(0.0); self.indices.len() * size];
        for (position, (output, &index)) in changed.chunks_exact_mut(size).zip(&self.indices).enumerate() {
            let sample = clips
                .chosen
                .as_ref()
                .map_or(position, |chosen| chosen[position] as usize);
            let clip = &values[sample * size..(sample + 1) * size];
            let draws = Draws::new(self.seed, self.epoch, index);
            let length = lengths
                .as_ref()
                .map_or(clips.time, |lengths| lengths[position] as usize);
            let time = self.config.apply(&clip[..length * frame], clips.sides, draws, output);
            if let Some(lengths) = lengths {
                lengths[position] = time as i64;
            }
        }
        changed
    }
}
