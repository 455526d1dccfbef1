//! What a causal model says of a clip after each of its frames, from one pass over the whole clip.

use tch::Tensor;

use super::CnnLstm;
use crate::config::Per;
use crate::data::lengths::Layout;
use crate::data::samples::Clips;
use crate::error::Result;

/// What the head reads after each frame of some clips.
pub(crate) struct Prefixes {
    /// `[prefixes, hidden_size]`, one row for each prefix of a clip; with a head per frame, one for each frame.
    pooled: Tensor,
    per: Per,
    /// Of each clip, the row of its first prefix.
    begins: Vec<i64>,
    /// From the row of a prefix to that of the one that is a frame longer.
    stride: i64,
}

impl Prefixes {
    /// The rows whose answers belong to the first `frames[clip]` frames of each clip.
    fn rows(&self, frames: &[i64]) -> Result<Tensor> {
        let clips = self.begins.iter().zip(frames);
        let rows: Vec<i64> = match self.per {
            Per::Clip => clips
                .map(|(begin, frames)| begin + (frames - 1) * self.stride)
                .collect(),
            Per::Frame => clips.flat_map(|(&begin, frames)| begin..begin + frames).collect(),
        };
        Ok(Tensor::f_from_slice(&rows)?.f_to_device(self.pooled.device())?)
    }

    /// Of the targets of whole clips those that belong to their first frames: all of them where a clip has one answer.
    pub(crate) fn targets(&self, targets: &Tensor, frames: &[i64]) -> Result<Tensor> {
        match self.per {
            Per::Clip => Ok(targets.shallow_clone()),
            Per::Frame => Ok(targets.f_index_select(0, &self.rows(frames)?)?),
        }
    }
}

impl CnnLstm {
    /// Runs clips through a causal model up to the head.
    pub(crate) fn run_prefixes(&self, clips: &Clips) -> Result<Prefixes> {
        let layout = clips.layout();
        let takes_pixel_major = self.recurrent.takes_pixel_major(&layout);
        let features = self.features_t(&clips.inputs, &layout, takes_pixel_major, false)?;
        let outputs = self.recurrent.forward_t(&features, &layout, false, false)?; //   [frames, hidden_size]
        let (pooled, begins, stride) = if self.pool.is_last() || self.config.head.per == Per::Frame {
            (outputs, layout.begins()?, 1)
        } else {
            let pooled = self.pool_prefixes(&outputs, &layout)?; //                     [time * batch, hidden_size]
            (pooled, (0..layout.batch).collect(), layout.batch)
        };
        Ok(Prefixes {
            pooled,
            per: self.config.head.per,
            begins,
            stride,
        })
    }

    /// The raw outputs of the first `frames[clip]` frames of each clip: `[batch, outputs]`, or with a head per frame
    /// those of all these frames, `[frames, outputs]`.
    pub(crate) fn prefix_outputs(&self, prefixes: &Prefixes, frames: &[i64]) -> Result<Tensor> {
        let pooled = prefixes.pooled.f_index_select(0, &prefixes.rows(frames)?)?;
        self.head_t(&pooled, false)
    }

    /// The valid steps so far, pooled, after each step: `[frames, hidden_size]` into `[time * batch, hidden_size]`.
    fn pool_prefixes(&self, outputs: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
        let padded = layout.unpack(outputs)?; //                                        [batch, time, hidden_size]
        let mut state = self.initial_pooling(layout.batch)?;
        let step = |time| self.pool.step(&padded.f_select(1, time)?, &mut state);
        let pooled = (0..layout.time).map(step).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_cat(&pooled, 0)?)
    }
}
