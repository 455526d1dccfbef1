//! What a causal model says of a clip after each of its frames, from one pass over the whole clip.

use tch::Tensor;

use super::CnnLstm;
use crate::data::lengths::Layout;
use crate::data::samples::{Clips, DeviceBatch};
use crate::error::Result;
use crate::model::head::HeadInputs;
use crate::model::head::scored::Scored;

/// What the head reads of some clips after each of their frames.
pub(crate) struct Prefixes {
    /// `[prefixes, hidden_size]`: one row for each prefix of a clip, or for each frame where the head reads all of them.
    states: Tensor,
    /// From the row of a prefix to that of the one that is a frame longer, where prefixes lie step after step; otherwise
    /// they lie clip after clip.
    stride: Option<i64>,
}

impl CnnLstm {
    /// Runs clips through a causal model up to the head.
    pub(crate) fn prefixes_of(&self, clips: &Clips) -> Result<Prefixes> {
        let outputs = self.recurrent_t(clips, false, false)?; //                        [frames, hidden_size]
        if self.pool.is_last() || !self.config.head.is_pooled() {
            return Ok(Prefixes {
                states: outputs,
                stride: None,
            });
        }
        let layout = clips.layout();
        Ok(Prefixes {
            states: self.pool_prefixes(&outputs, &layout)?, //                          [time * batch, hidden_size]
            stride: Some(layout.batch),
        })
    }

    /// Evaluates the first `frames[clip]` frames of each clip of `batch`, whose prefixes these are. `cut` is the batch cut
    /// there.
    pub(crate) fn score_prefixes(
        &self,
        prefixes: &Prefixes,
        batch: &DeviceBatch,
        cut: &DeviceBatch,
        frames: &[i64],
    ) -> Result<Scored> {
        let layout = batch.clips.layout();
        let device = prefixes.states.device();
        let rows = if self.config.head.is_pooled() {
            let rows: Vec<i64> = match prefixes.stride {
                Some(stride) => (0..)
                    .zip(frames)
                    .map(|(clip, frames)| clip + (frames - 1) * stride)
                    .collect(),
                None => layout
                    .begins()
                    .iter()
                    .zip(frames)
                    .map(|(begin, frames)| begin + frames - 1)
                    .collect(),
            };
            Tensor::f_from_slice(&rows)?.f_to_device(device)?
        } else {
            layout.rows_of_first(frames, device)?
        };
        self.head.score(
            &self.config,
            None,
            &HeadInputs {
                clips: &cut.clips,
                states: prefixes.states.f_index_select(0, &rows)?,
                targets: cut.targets.as_ref(),
                train: false,
            },
        )
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
