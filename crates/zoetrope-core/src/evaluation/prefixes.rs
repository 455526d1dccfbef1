//! How right a model is before a clip has ended: the metrics of the clips' first frames, for several numbers of them.

use super::metrics::{Meter, Metrics};
use crate::data::batch::Batch;
use crate::error::Result;
use crate::model::cnn_lstm::CnnLstm;

/// How many of a clip's frames have come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// So many of them, or all of a clip that has fewer.
    Frames(i64),
    /// A share of them, above 0 and up to 1, rounded up to whole frames.
    Share(f64),
}

/// Accumulates the metrics of the clips' first frames over one pass.
pub struct PrefixMeter {
    cuts: Vec<Cut>,
    meters: Vec<Meter>,
}

impl Cut {
    /// The number of frames of a clip that has `length`.
    #[must_use]
    pub fn of(self, length: i64) -> i64 {
        /// What a share times a length may be above a whole number by rounding.
        const ROUNDING: f64 = 1e-6;
        let frames = match self {
            Self::Frames(frames) => frames,
            Self::Share(share) => (share * length as f64 - ROUNDING).ceil() as i64,
        };
        frames.clamp(1, length)
    }
}

impl PrefixMeter {
    /// An empty meter.
    #[must_use]
    pub fn new(cuts: Vec<Cut>) -> Self {
        let meters = cuts.iter().map(|_| Meter::new()).collect();
        Self { cuts, meters }
    }

    /// Reads the figures of each cut back. Waits for the device.
    ///
    /// # Errors
    /// Of libtorch, such as `OutOfMemory`.
    pub fn read(&mut self) -> Result<Vec<Metrics>> {
        self.meters.iter_mut().map(Meter::read).collect()
    }
}

impl CnnLstm {
    /// Adds a batch's metrics at each cut to `prefix_meter`: those that [`Self::evaluate_batch`] gives for the clips cut there.
    /// Those at the last cut go to `meter` too.
    ///
    /// The batch goes through a causal model once. A model that looks ahead sees another clip at each cut, so the batch
    /// goes through it as often as there are cuts.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data` for a batch that does not fit.
    pub fn evaluate_prefixes(&self, batch: &Batch, prefix_meter: &mut PrefixMeter, meter: &mut Meter) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let samples = batch.len();
        let config = self.config();
        let batch = batch.to_device(config, self.device())?;
        let lengths = batch.clips.layout().counts();
        let prefixes = config.is_causal().then(|| self.prefixes_of(&batch.clips)).transpose()?;
        for (index, cut) in prefix_meter.cuts.iter().enumerate() {
            let frames: Vec<i64> = lengths.iter().map(|&length| cut.of(length)).collect();
            let cut = batch.cut(&frames, config.head.per)?;
            let scored = match &prefixes {
                Some(prefixes) => self.score_prefixes(prefixes, &batch, &cut, &frames)?,
                None => self.score(&cut, None)?,
            };
            prefix_meter.meters[index].record_evaluation(config, &scored, samples)?;
            if index + 1 == prefix_meter.cuts.len() {
                meter.record_evaluation(config, &scored, samples)?;
            }
        }
        Ok(())
    }
}
