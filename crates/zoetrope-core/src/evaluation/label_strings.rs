//! Label strings of clips: the outputs of a CTC head, and how they are read.

use tch::Kind;

use crate::config::HeadKind;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::model::cnn_lstm::CnnLstm;
use crate::model::head::ctc::decode::{Decoding, LabelString, decode};

/// What a CTC head makes of the frames of some clips, to be decoded as often as one likes.
pub struct FrameOutputs {
    /// Log-probabilities of `[frames, outputs]`, the valid frames clip after clip.
    rows: Vec<f64>,
    outputs: usize,
    /// Valid frames of each clip.
    counts: Vec<i64>,
}

impl CnnLstm {
    /// Log-probabilities of each valid frame.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit; `InvalidConfig` for another head.
    pub fn frame_outputs(&self, batch: &Batch) -> Result<FrameOutputs> {
        let config = self.config();
        if config.head.kind != HeadKind::Ctc {
            let kind = format!("{:?}", config.head.kind);
            return Err(Error::invalid("head", "ctc to decode label strings", kind));
        }
        let _guard = tch::no_grad_guard();
        let batch = batch.to_device(config, self.device())?;
        let outputs = self.forward_t(&batch.clips, false)?; //        [frames, classes + 1]
        let rows = outputs.f_log_softmax(1, Kind::Double)?.f_contiguous()?;
        Ok(FrameOutputs {
            rows: Vec::try_from(rows.f_flatten(0, -1)?)?,
            outputs: config.num_outputs() as usize,
            counts: batch.clips.layout().counts(),
        })
    }
}

impl FrameOutputs {
    /// The mean probability of the blank where it is the likeliest output of every frame; none where it is not.
    #[must_use]
    pub fn all_blank(&self) -> Option<f64> {
        let rows = || self.rows.chunks_exact(self.outputs);
        let is_blank = |row: &[f64]| row.iter().all(|&score| score <= row[0]);
        let sum: f64 = rows().map(|row| row[0].exp()).sum();
        rows().all(is_blank).then(|| sum / rows().len() as f64)
    }

    /// The string of each clip. `check` is asked now and then; its error ends the work.
    ///
    /// # Errors
    /// `InvalidConfig` for strings of classes that the model does not have; those of `check`.
    pub fn decode(&self, decoding: &Decoding, check: &dyn Fn() -> Result<()>) -> Result<Vec<LabelString>> {
        decoding.validate(self.outputs as i64 - 1)?;
        let mut rest = self.rows.as_slice();
        self.counts
            .iter()
            .map(|&frames| {
                let (own, after) = rest.split_at(frames as usize * self.outputs);
                rest = after;
                decode(own, self.outputs, decoding, check)
            })
            .collect()
    }
}
