//! Heads: from the states of the recurrent part to outputs, a loss and answers. Each kind of head is a file.

pub(crate) mod ctc;
pub(crate) mod forecast;
pub(crate) mod measured;
mod numbers;
pub(crate) mod options;
mod rows;
pub(crate) mod scored;

use tch::{Device, Tensor};

use self::forecast::Forecast;
use self::options::LossOptions;
use self::scored::{Answers, Rows, Scored};
use super::initializer::Initializer;
use super::linear::Linear;
use crate::config::{HeadKind, ModelConfig};
use crate::data::samples::{Clips, DeviceTargets};
use crate::data::targets::missing_targets;
use crate::error::{Error, Result};

/// A model's head.
pub(super) enum Head {
    /// One row of outputs for each pooled clip, or for each valid frame.
    Rows(Linear),
    /// One row of outputs for each valid frame, the blank first; its loss is of the whole clip.
    Ctc(Linear),
    /// The steps that follow a clip, or each of its valid frames.
    Forecast(Box<Forecast>),
}

/// What a head makes its outputs of.
pub(super) struct HeadInputs<'a> {
    pub clips: &'a Clips,
    /// What pooling and dropout leave of the recurrent part's outputs: `[batch, directions * hidden_size]`, or of a head
    /// that is not pooled `[frames, directions * hidden_size]`, the valid frames clip after clip.
    pub states: Tensor,
    /// None where there is nothing to learn from.
    pub targets: Option<&'a DeviceTargets>,
    /// Whether the model trains.
    pub train: bool,
}

impl Head {
    pub(super) fn new(config: &ModelConfig, device: Device, init: &mut Initializer<'_>) -> Result<Self> {
        let mut fc = || Linear::new("fc", config.lstm.output_size(), config.fc_outputs(), &mut *init);
        match config.head.kind {
            HeadKind::Classification | HeadKind::MultiLabel | HeadKind::Regression => Ok(Self::Rows(fc()?)),
            HeadKind::Ctc => Ok(Self::Ctc(fc()?)),
            HeadKind::Forecast => Ok(Self::Forecast(Box::new(Forecast::new(config, device, init)?))),
            HeadKind::Sequence => {
                let kind = format!("{:?}", config.head.kind);
                Err(Error::invalid("head", "a head of this version", kind))
            }
        }
    }

    /// Raw outputs of `[batch, outputs]`, or `[frames, outputs]` where they are per frame.
    pub(super) fn outputs(&self, inputs: &HeadInputs<'_>) -> Result<Tensor> {
        match self {
            Self::Rows(fc) | Self::Ctc(fc) => fc.forward(&inputs.states),
            Self::Forecast(forecast) => forecast.outputs(&inputs.states, inputs.train),
        }
    }

    /// The training loss of a batch by the options, or with none the loss of evaluation; and the answers.
    pub(super) fn score(
        &self,
        config: &ModelConfig,
        options: Option<&LossOptions>,
        inputs: &HeadInputs<'_>,
    ) -> Result<Scored> {
        let outputs = self.outputs(inputs)?;
        match (self, inputs.targets) {
            (_, None) => Err(missing_targets()),
            (Self::Rows(_), Some(DeviceTargets::Rows(targets))) => {
                let loss = match options {
                    Some(options) => rows::training(config, options, &outputs, targets)?,
                    None => rows::evaluation(config, &outputs, targets)?,
                };
                let targets = targets.shallow_clone();
                let answers = Answers::Rows(Rows { outputs, targets });
                Ok(Scored { loss, answers })
            }
            (Self::Ctc(_), Some(DeviceTargets::Strings(targets))) => {
                ctc::score(&outputs, &inputs.clips.layout(), targets, inputs.train)
            }
            _ => Err(Error::Internal {
                reason: "targets of another kind of head".to_owned(),
            }),
        }
    }
}
