//! The clips that run through a model frame by frame: their states stay on its thread.

use std::collections::HashSet;

use tch::Tensor;

use super::Worker;
use crate::config::HeadKind;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::model::cnn_lstm::running::RunningClip;

/// A clip whose next frame has come.
#[derive(Debug, Clone, Copy)]
pub struct NextOf {
    /// Says which clip.
    pub id: u32,
    /// Whether the frame is its first, whatever came before under that id.
    pub is_first: bool,
}

impl Worker {
    /// Takes the next frame of each of some clips, a batch of `[clips, channels, height, width]` or `[clips, features]`,
    /// and gives the answers so far, `[clips, outputs]`: probabilities, a regression's values, or the raw outputs of a CTC
    /// head, whose order rounding must not change.
    ///
    /// # Errors
    /// `ShapeMismatch` for frames that do not fit the model, `Data` unless there is one for each of different clips,
    /// `InvalidConfig` for a model whose outputs depend on later frames. Clips that are running are then as they were.
    pub fn push(&mut self, frames: &Batch, clips: &[NextOf]) -> Result<Tensor> {
        let ids: HashSet<u32> = clips.iter().map(|next| next.id).collect();
        if ids.len() < clips.len() {
            return Err(Error::Data {
                reason: "Expected every clip once, received one twice".to_owned(),
            });
        }
        for &NextOf { id, is_first } in clips {
            if is_first || !self.clips.contains_key(&id) {
                self.clips.insert(id, self.model.begin_clip()?);
            }
        }
        let mut taken: Vec<RunningClip> = clips.iter().filter_map(|next| self.clips.remove(&next.id)).collect();
        let answers = self.model.push(frames, &mut taken.iter_mut().collect::<Vec<_>>());
        for (next, clip) in clips.iter().zip(taken) {
            self.clips.insert(next.id, clip);
        }
        match self.model.config().head.kind {
            HeadKind::Ctc => answers,
            _ => self.model.read_outputs(&answers?),
        }
    }

    /// Number of clips whose state is kept.
    #[must_use]
    pub fn clip_count(&self) -> usize {
        self.clips.len()
    }
}
