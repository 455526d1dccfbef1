//! What a model's exported files should answer.

use tch::Tensor;

use crate::config::HeadKind;
use crate::data::batch::Batch;
use crate::error::Result;
use crate::model::cnn_lstm::CnnLstm;
use crate::model::head::sequence::greedy_logits;

/// Steps of a string that are compared, at most.
const MOST_STEPS: i64 = 12;

impl CnnLstm {
    /// Of a forecast the steps after each clip, `[batch, horizon, …step]`; of a token sequence the logits of its first steps,
    /// each after the most probable tokens before it, `[batch, steps, classes + 1]`; of other heads [`Self::logits`].
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit.
    pub fn exported_answers(&self, batch: &Batch) -> Result<Tensor> {
        let head = &self.config().head;
        match (head.kind, &head.forecast, &head.sequence) {
            (HeadKind::Forecast, Some(forecast), _) => self.forecast(batch, forecast.horizon, None, &|| Ok(())),
            (HeadKind::Sequence, _, Some(sequence)) => {
                let _guard = tch::no_grad_guard();
                let clips = batch.to_device(self.config(), self.device())?.clips;
                let layout = clips.layout();
                let memory = self.decoder()?.remember(&self.states_t(&clips, false)?, &layout)?;
                let steps = (sequence.max_length + 1).min(MOST_STEPS);
                greedy_logits(self.decoder()?, &memory, layout.batch, steps)
            }
            _ => self.logits(batch),
        }
    }
}
