//! What an exported file is to look like, and whether the model allows that.

use serde::Deserialize;

use crate::config::{HeadKind, InputConfig, ModelConfig};
use crate::error::{Error, Result};

/// How a file takes clips and gives answers.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnnxOptions {
    /// Whether the recurrent state goes in and out, so that a clip can come in parts.
    pub streaming: bool,
    /// What `clips` are made of.
    pub input_type: InputType,
    /// Whether there is an input `lengths`; without it every step is valid.
    pub lengths: bool,
    /// Whether there is an output `probabilities` beside `logits`.
    pub softmax: bool,
}

/// The type of the input `clips`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InputType {
    /// As the model takes floats.
    #[default]
    Float32,
    /// Pixels, which the graph scales to 0…1.
    Uint8,
}

impl OnnxOptions {
    /// Checks the options against each other and the model.
    pub(super) fn validate(self, config: &ModelConfig) -> Result<()> {
        if self.softmax && matches!(config.head.kind, HeadKind::Regression | HeadKind::Forecast) {
            let expected = "false for a regression or a forecast";
            return Err(Error::invalid("softmax", expected, self.softmax));
        }
        if !self.streaming {
            return Ok(());
        }
        if matches!(config.head.kind, HeadKind::Forecast | HeadKind::Sequence) {
            let expected = "false for a head that begins when the clip has ended";
            return Err(Error::invalid("streaming", expected, self.streaming));
        }
        if self.lengths {
            let expected = "false for a streaming file, whose parts have no padding";
            return Err(Error::invalid("lengths", expected, self.lengths));
        }
        if config.lstm.bidirectional {
            let expected = "a model of one direction, which needs no step of the future,";
            return Err(Error::invalid("streaming", expected, "one of two directions"));
        }
        let is_vector = matches!(config.input, InputConfig::Vector(_));
        let blocks = config.cnn.blocks();
        match blocks.iter().position(|block| is_vector && block.kernel_size > 1) {
            Some(index) => {
                let expected = "a model whose convolutions need no step of the future,";
                let received = format!("cnn[{index}].kernelSize {}", blocks[index].kernel_size);
                Err(Error::invalid("streaming", expected, received))
            }
            None => Ok(()),
        }
    }
}
