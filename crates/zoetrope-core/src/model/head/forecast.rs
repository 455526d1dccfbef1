//! The head that continues a clip: a state into the steps that follow, and the steps as its loss takes them.
//!
//! Numbers are in one of two units. *Data units* are the inputs' own, bytes scaled to 0…1. The *loss's units* are data
//! units freed of the normalisation's mean and deviation; with binary cross-entropy they are data units.

use tch::{Device, Kind, Reduction, Tensor};

use super::numbers;
use crate::config::{
    ForecastConfig, ForecastMode, HeadConfig, InputConfig, ModelConfig, NormalizeConfig, RegressionLoss,
};
use crate::data::label_strings::sample_name;
use crate::data::samples::Clips;
use crate::error::{Error, Result};
use crate::model::encoder::scaled;
use crate::model::frame_decoder::FrameDecoder;
use crate::model::initializer::Initializer;
use crate::model::linear::Linear;
use crate::model::normalization::Normalization;

/// A linear layer, behind which frames are decoded.
pub(crate) struct Forecast {
    fc: Linear,
    /// Of frames, where the encoder has blocks to mirror.
    decoder: Option<FrameDecoder>,
    config: ForecastConfig,
    loss: RegressionLoss,
    /// The axes of one step that is forecast.
    step: Vec<i64>,
    /// int64 of `[features]`: which features of a vector are forecast, where they are not all.
    features: Option<Tensor>,
    /// Of the features that are forecast.
    normalization: Option<Normalization>,
}

/// What is read of some clips, and what a forecast should answer to it.
pub(crate) struct Cut {
    pub clips: Clips,
    /// `[rows, numbers]` in the loss's units: the horizon of each clip, or of a recursive forecast the next step of each
    /// valid frame.
    pub targets: Tensor,
}

/// The steps after some clips, as a forecast has them.
pub(crate) struct Steps {
    /// `[batch, steps, numbers of a step]`: in the loss's units, or logits.
    pub outputs: Tensor,
    /// The same in data units; drawn, where that was wanted.
    pub values: Tensor,
}

/// Clips, and the steps that follow them.
pub(crate) struct Parted {
    pub context: Clips,
    /// `[batch, horizon, numbers of a step]`, in data units.
    pub following: Tensor,
}

impl Forecast {
    pub(super) fn new(config: &ModelConfig, device: Device, init: &mut Initializer<'_>) -> Result<Self> {
        let forecast = options(&config.head)?.clone();
        let fc = Linear::new("fc", config.lstm.output_size(), config.fc_outputs(), init)?;
        let decoder = match config.input {
            InputConfig::Frame(_) => FrameDecoder::new(config, forecast.steps_at_once(), init)?,
            InputConfig::Vector(_) => None,
        };
        let features = match &forecast.features {
            Some(features) => Some(Tensor::f_from_slice(features)?.f_to_device(device)?),
            None => None,
        };
        Ok(Self {
            fc,
            decoder,
            loss: config.head.loss.unwrap_or_default(),
            step: config.forecast_step(),
            features,
            normalization: normalization(config, &forecast, device)?,
            config: forecast,
        })
    }

    /// The options.
    pub(crate) fn config(&self) -> &ForecastConfig {
        &self.config
    }

    /// Whether each step is fed back to forecast the next.
    pub(crate) fn is_recursive(&self) -> bool {
        self.config.mode == ForecastMode::Recursive
    }

    /// The axes of one step that is forecast.
    pub(crate) fn step(&self) -> &[i64] {
        &self.step
    }

    /// Whether outputs are logits of probabilities.
    pub(crate) fn is_binary(&self) -> bool {
        self.loss == RegressionLoss::Bce
    }

    /// Checks that clips of so many valid frames, whose own last steps are the targets, have steps in front of these: one,
    /// or in evaluation as many as a season has.
    ///
    /// # Errors
    /// `Data`, naming the sample by its place in `indices`, or in the batch.
    pub(crate) fn check_counts(
        &self,
        counts: &[i64],
        indices: Option<&[i64]>,
        is_cut: bool,
        train: bool,
    ) -> Result<()> {
        let season = self.config.season.filter(|_| !train).unwrap_or(1);
        let needed = season + if is_cut { self.config.horizon } else { 0 };
        let Some(sample) = counts.iter().position(|&count| count < needed) else {
            return Ok(());
        };
        let why = match (is_cut, season) {
            (true, 1) => format!("a horizon of {} and a step to read", self.config.horizon),
            (true, _) => format!("a horizon of {} and a season of {season}", self.config.horizon),
            (false, _) => format!("a season of {season}"),
        };
        let reason = format!(
            "Expected clips of at least {needed} valid steps ({why}), received one of {} ({})",
            counts[sample],
            sample_name(indices, sample)
        );
        Err(Error::Data { reason })
    }

    /// The mean loss of outputs of any shape, in the loss's units, of `[]`.
    pub(crate) fn loss(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
        numbers::loss(self.loss, outputs, targets, Reduction::Mean)
    }

    /// States of `[rows, directions * hidden_size]` into `[rows, steps at once * numbers of a step]`, in the loss's units
    /// or as logits.
    pub(crate) fn outputs(&self, states: &Tensor, train: bool) -> Result<Tensor> {
        let encoded = self.fc.forward(states)?;
        match &self.decoder {
            Some(decoder) => Ok(decoder.forward_t(&encoded, train)?.f_flatten(1, -1)?),
            None => Ok(encoded),
        }
    }

    /// Outputs of `[…, numbers of a step]` in data units, of the same shape: probabilities where they are logits.
    pub(crate) fn in_data_units(&self, outputs: &Tensor) -> Result<Tensor> {
        if self.is_binary() {
            return Ok(outputs.f_sigmoid()?);
        }
        match &self.normalization {
            Some(normalization) => Ok(normalization.undo(&self.as_steps(outputs)?)?.f_view_as(outputs)?),
            None => Ok(outputs.shallow_clone()),
        }
    }

    /// Frames of `[places, …step of the input]`, floats or bytes, in data units: `[places, numbers of a step]`.
    pub(crate) fn observed(&self, frames: &Tensor, kind: Kind) -> Result<Tensor> {
        let frames = scaled(frames, kind)?;
        match &self.features {
            Some(features) => Ok(frames.f_index_select(1, features)?),
            None => Ok(frames.f_flatten(1, -1)?),
        }
    }

    /// Steps of `[…, numbers of a step]` from data units into the loss's.
    fn in_loss_units(&self, steps: &Tensor) -> Result<Tensor> {
        match &self.normalization {
            Some(normalization) if !self.is_binary() => {
                let freed = normalization.forward(&self.as_steps(steps)?, steps.kind())?;
                Ok(freed.f_view_as(steps)?)
            }
            _ => Ok(steps.shallow_clone()),
        }
    }

    /// `[…, numbers of a step]` as `[rows, …step]`.
    fn as_steps(&self, numbers: &Tensor) -> Result<Tensor> {
        Ok(numbers.f_reshape([&[-1], self.step.as_slice()].concat().as_slice())?)
    }

    /// Cuts clips, behind which come the `targets`, `[batch, horizon, …step]` in data units, or whose own last steps are
    /// the targets. Every clip must then have more frames than the horizon.
    pub(crate) fn part(&self, clips: &Clips, targets: Option<&Tensor>, kind: Kind) -> Result<Parted> {
        let counts = clips.counts()?;
        let horizon = self.config.horizon;
        let shape = [counts.len() as i64, horizon, -1];
        if let Some(targets) = targets {
            return Ok(Parted {
                context: clips.without_last(0)?,
                following: targets.f_to_kind(kind)?.f_view(shape)?,
            });
        }
        let of_clip = |(clip, &count): (i64, &i64)| (count - horizon..count).map(move |step| (clip, step));
        let frames = clips.frames_at((0..).zip(&counts).flat_map(of_clip))?;
        Ok(Parted {
            context: clips.without_last(horizon)?,
            following: self.observed(&frames, kind)?.f_view(shape)?,
        })
    }

    /// What the loss is of, in training and in evaluation: of a direct forecast the steps behind each clip, of a recursive
    /// one the step behind each frame of the clip and of what follows it. Arguments as of [`Self::part`].
    pub(crate) fn cut(&self, clips: &Clips, targets: Option<&Tensor>, kind: Kind) -> Result<Cut> {
        if !self.is_recursive() {
            let Parted { context, following } = self.part(clips, targets, kind)?;
            return Ok(Cut {
                clips: context,
                targets: self.in_loss_units(&following)?.f_flatten(1, -1)?,
            });
        }
        let longer = match targets {
            Some(targets) => {
                let floats = Clips {
                    inputs: scaled(&clips.inputs, kind)?,
                    ..clips.without_last(0)?
                };
                let shape = [&clips.inputs.size()[..1], &[-1], &clips.inputs.size()[2..]].concat();
                Some(floats.with_behind(&targets.f_to_kind(kind)?.f_view(shape.as_slice())?)?)
            }
            None => None,
        };
        let whole = longer.as_ref().unwrap_or(clips);
        let counts = whole.counts()?;
        let of_clip = |(clip, &count): (i64, &i64)| (1..count).map(move |step| (clip, step));
        let frames = whole.frames_at((0..).zip(&counts).flat_map(of_clip))?;
        Ok(Cut {
            clips: whole.without_last(1)?,
            targets: self.in_loss_units(&self.observed(&frames, kind)?)?,
        })
    }
}

/// A forecast's options, which a checked configuration has.
fn options(head: &HeadConfig) -> Result<&ForecastConfig> {
    head.forecast.as_ref().ok_or_else(|| Error::Internal {
        reason: "a forecast without options".to_owned(),
    })
}

/// The normalisation of the features that are forecast.
fn normalization(config: &ModelConfig, forecast: &ForecastConfig, device: Device) -> Result<Option<Normalization>> {
    let (Some(normalize), Some(features)) = (&config.normalize, &forecast.features) else {
        return Normalization::new(config, device);
    };
    let of = |values: &[f64]| features.iter().map(|&feature| values[feature as usize]).collect();
    let chosen = NormalizeConfig {
        mean: of(&normalize.mean),
        std: of(&normalize.std),
    };
    Normalization::of(&chosen, config.input, device).map(Some)
}
