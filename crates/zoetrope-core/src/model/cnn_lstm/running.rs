//! Answers while a clip runs: one frame after the other, each at the same cost.

use tch::Tensor;

use super::CnnLstm;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::model::clip_state::ClipState;
use crate::model::head::HeadInputs;

/// What a model remembers of a clip that is still running: memory that does not grow with its frames.
pub struct RunningClip {
    recurrent: ClipState,
    pooling: ClipState,
}

impl RunningClip {
    fn stacked(clips: &[&Self]) -> Result<Self> {
        let of = |part: fn(&Self) -> &ClipState| {
            ClipState::stacked(&clips.iter().map(|clip| part(clip)).collect::<Vec<_>>())
        };
        Ok(Self {
            recurrent: of(|clip| &clip.recurrent)?,
            pooling: of(|clip| &clip.pooling)?,
        })
    }

    fn clip(&self, index: i64) -> Result<Self> {
        Ok(Self {
            recurrent: self.recurrent.clip(index)?,
            pooling: self.pooling.clip(index)?,
        })
    }
}

impl CnnLstm {
    /// A clip of which no frame has come yet.
    ///
    /// # Errors
    /// `InvalidConfig` for a model whose outputs depend on later frames.
    pub fn begin_clip(&self) -> Result<RunningClip> {
        self.config.check_streams()?;
        let _guard = tch::no_grad_guard();
        Ok(RunningClip {
            recurrent: self.recurrent.initial_state(1)?,
            pooling: self.initial_pooling(1)?,
        })
    }

    /// Takes the next frame of each of some running clips, a batch of `[clips, channels, height, width]` or
    /// `[clips, features]`, and gives the raw outputs so far, `[clips, outputs]`: those of the clip up to this frame, or
    /// with a head per frame those of the frame.
    ///
    /// # Errors
    /// `ShapeMismatch` for frames that do not fit the model, `Data` unless there is one for each clip. The clips are then
    /// as they were.
    pub fn push(&self, frames: &Batch, clips: &mut [&mut RunningClip]) -> Result<Tensor> {
        if frames.len() != clips.len() as i64 || frames.time() != 1 || clips.is_empty() {
            let reason = format!(
                "Expected one frame for each of {} clips, received {:?}",
                clips.len(),
                frames.shape()
            );
            return Err(Error::Data { reason });
        }
        let _guard = tch::no_grad_guard();
        let frames = frames.to_device(&self.config, self.device)?.clips;
        let mut running = RunningClip::stacked(&clips.iter().map(|clip| &**clip).collect::<Vec<_>>())?;
        let features = self.features_t(&frames, false, false)?.values; //               [clips, features]
        let outputs = self.recurrent.step(&features, &mut running.recurrent)?; //       [clips, hidden_size]
        let pooled = self.pool.step(&outputs, &mut running.pooling)?; //                [clips, hidden_size]
        let answers = self.head.outputs(&HeadInputs {
            clips: &frames,
            states: pooled,
            targets: None,
            train: false,
        })?; //                                                                         [clips, outputs]
        if let [clip] = clips {
            **clip = running;
        } else {
            let apart = (0..clips.len() as i64).map(|index| running.clip(index));
            for (clip, own) in clips.iter_mut().zip(apart.collect::<Result<Vec<_>>>()?) {
                **clip = own;
            }
        }
        Ok(answers)
    }

    /// The pooling's state of `batch` clips that have not begun.
    pub(super) fn initial_pooling(&self, batch: i64) -> Result<ClipState> {
        let features = self.config.lstm.output_size();
        self.pool.initial_state(batch, features, self.kind(), self.device)
    }
}
