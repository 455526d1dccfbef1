//! Heads: from the states of the recurrent part to outputs, a loss and answers. Each kind of head is a file.

pub(crate) mod ctc;
pub(crate) mod forecast;
pub(crate) mod measured;
mod numbers;
pub(crate) mod options;
mod rows;
pub(crate) mod scored;
pub(crate) mod sequence;

use tch::{Device, Tensor};

use self::forecast::Forecast;
use self::options::LossOptions;
use self::scored::{Answers, Rows, Scored};
use self::sequence::decoder::Decoder;
use super::initializer::Initializer;
use super::linear::Linear;
use crate::config::{HeadKind, ModelConfig};
use crate::data::samples::{Clips, DeviceTargets};
use crate::data::targets::missing_targets;
use crate::error::{Error, Result};
use crate::runtime::random::Generator;

/// A model's head.
pub(super) enum Head {
    /// One row of outputs for each pooled clip, or for each valid frame.
    Rows(Linear),
    /// One row of outputs for each valid frame, the blank first; its loss is of the whole clip.
    Ctc(Linear),
    /// Writes a string of labels for each clip, of so many at most.
    Sequence { decoder: Box<Decoder>, max_length: i64 },
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
    pub(super) fn new(
        config: &ModelConfig,
        device: Device,
        generator: &Generator,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let mut fc = || Linear::new("fc", config.lstm.output_size(), config.fc_outputs(), &mut *init);
        match (config.head.kind, &config.head.sequence) {
            (HeadKind::Classification | HeadKind::MultiLabel | HeadKind::Regression, _) => Ok(Self::Rows(fc()?)),
            (HeadKind::Ctc, _) => Ok(Self::Ctc(fc()?)),
            (HeadKind::Forecast, _) => Ok(Self::Forecast(Box::new(Forecast::new(config, device, init)?))),
            (HeadKind::Sequence, Some(sequence)) => Ok(Self::Sequence {
                decoder: Box::new(Decoder::new(config, sequence, generator.clone(), init)?),
                max_length: sequence.max_length,
            }),
            (HeadKind::Sequence, None) => {
                let kind = format!("{:?}", config.head.kind);
                Err(Error::invalid("head", "a head of this version", kind))
            }
        }
    }

    /// Raw outputs of `[batch, outputs]`, or `[frames, outputs]` where they are per frame.
    pub(super) fn outputs(&self, inputs: &HeadInputs<'_>) -> Result<Tensor> {
        match self {
            Self::Rows(fc) | Self::Ctc(fc) => fc.forward(&inputs.states),
            Self::Sequence { .. } => {
                let expected =
                    "a head with outputs of its own; a decoder's follow from what it has written: call generate";
                Err(Error::invalid("head", expected, "sequence"))
            }
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
        match (self, inputs.targets.ok_or_else(missing_targets)?) {
            (Self::Rows(_), DeviceTargets::Rows(targets)) => {
                let outputs = self.outputs(inputs)?;
                let loss = match options {
                    Some(options) => rows::training(config, options, &outputs, targets)?,
                    None => rows::evaluation(config, &outputs, targets)?,
                };
                let targets = targets.shallow_clone();
                let answers = Answers::Rows(Rows { outputs, targets });
                Ok(Scored { loss, answers })
            }
            (Self::Ctc(_), DeviceTargets::Strings(targets)) => {
                ctc::score(&self.outputs(inputs)?, &inputs.clips.layout(), targets, inputs.train)
            }
            (Self::Sequence { decoder, max_length }, DeviceTargets::Strings(targets)) => {
                let layout = inputs.clips.layout();
                sequence::score(decoder, &inputs.states, &layout, targets, *max_length, options)
            }
            _ => Err(Error::Internal {
                reason: "targets of another kind of head".to_owned(),
            }),
        }
    }
}
