//! What a model is made of: the one description that JavaScript sends and a checkpoint's metadata holds.

mod block;

use serde::{Deserialize, Serialize};

pub use self::block::{Activation, BlockConfig, GlobalPool, Norm, Pool};

use crate::error::{Error, Result};

/// The largest size that any option may have; keeps every product of sizes far from overflow.
const LARGEST_SIZE: i64 = 1 << 20;
/// The largest number of parameters: 16 GiB as float32.
const LARGEST_MODEL: i64 = 1 << 32;

/// A CNN-LSTM classifier: frames through a CNN, its features through an LSTM, the last step through a linear head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelConfig {
    /// One frame; the number of frames is free.
    pub input: InputConfig,
    /// Number of classes, the length of the logits.
    pub num_classes: i64,
    /// The classes' names, `num_classes` of them, where they have names.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
    /// Convolution blocks, first to last.
    pub cnn: Vec<BlockConfig>,
    /// What becomes of the encoded frame's height and width.
    #[serde(default)]
    pub global_pool: GlobalPool,
    /// The recurrent part.
    pub lstm: LstmConfig,
}

/// The size of one frame, `[channels, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputConfig {
    /// Channels: 1 for grey, 3 for colour.
    pub channels: i64,
    /// Height in pixels.
    pub height: i64,
    /// Width in pixels.
    pub width: i64,
}

/// The recurrent part, as `torch.nn.LSTM(batch_first=True)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LstmConfig {
    /// Features of the hidden state.
    pub hidden_size: i64,
    /// Layers, each reading the one below.
    pub num_layers: i64,
    /// Probability of dropping an output of a layer below the top one, while training.
    pub dropout: f64,
    /// Whether a second LSTM reads the sequence from its end.
    pub bidirectional: bool,
}

impl LstmConfig {
    /// 1, or 2 where bidirectional.
    #[must_use]
    pub fn num_directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// Features of one output step: hidden size times directions.
    #[must_use]
    pub fn output_size(&self) -> i64 {
        self.hidden_size * self.num_directions()
    }
}

impl ModelConfig {
    /// Size of the frame after the last block.
    #[must_use]
    pub fn encoded_frame(&self) -> InputConfig {
        self.cnn.iter().fold(self.input, |frame, block| block.output(frame))
    }

    /// Features of one frame: the encoded frame, flattened channel-major, or averaged over its pixels.
    #[must_use]
    pub fn features(&self) -> i64 {
        let frame = self.encoded_frame();
        match self.global_pool {
            GlobalPool::None => frame.channels * frame.height * frame.width,
            GlobalPool::Average => frame.channels,
        }
    }

    /// Checks every size, and that every block leaves something of the frame.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self) -> Result<()> {
        size("input.channels", self.input.channels)?;
        size("input.height", self.input.height)?;
        size("input.width", self.input.width)?;
        size("numClasses", self.num_classes)?;
        if let Some(classes) = self
            .classes
            .as_ref()
            .filter(|classes| classes.len() as i64 != self.num_classes)
        {
            return Err(Error::invalid(
                "classes",
                format!("{} names", self.num_classes),
                classes.len(),
            ));
        }
        let mut frame = self.input;
        for (index, block) in self.cnn.iter().enumerate() {
            frame = block::validate(index, block, frame)?;
        }
        size("lstm.hiddenSize", self.lstm.hidden_size)?;
        size("lstm.numLayers", self.lstm.num_layers)?;
        if !(0.0..=1.0).contains(&self.lstm.dropout) {
            return Err(Error::invalid(
                "lstm.dropout",
                "a number from 0 to 1",
                self.lstm.dropout,
            ));
        }
        self.validate_total()
    }

    fn validate_total(&self) -> Result<()> {
        // In float: a product of sizes that overflows must be refused, not wrapped.
        let frame = self.encoded_frame();
        let features = match self.global_pool {
            GlobalPool::None => frame.channels as f64 * frame.height as f64 * frame.width as f64,
            GlobalPool::Average => frame.channels as f64,
        };
        let [hidden, layers] = [self.lstm.hidden_size as f64, self.lstm.num_layers as f64];
        let directions = self.lstm.num_directions() as f64;
        let lstm = 4.0 * hidden * directions * (features + hidden + (layers - 1.0) * hidden * (directions + 1.0));
        let mut channels = self.input.channels;
        let mut cnn = 0.0;
        for block in &self.cnn {
            let taps =
                (block.kernel_size * block.kernel_size / block.groups + i64::from(block.has_shortcut(channels))) as f64;
            cnn += channels as f64 * block.out_channels as f64 * taps;
            channels = block.out_channels;
        }
        let total = cnn + lstm + hidden * directions * self.num_classes as f64;
        if total > LARGEST_MODEL as f64 {
            let expected = format!("a model of at most {LARGEST_MODEL} parameters");
            return Err(Error::invalid("model", expected, format!("about {total:.3e}")));
        }
        Ok(())
    }
}

fn size(option: &str, value: i64) -> Result<()> {
    if (1..=LARGEST_SIZE).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(
        option,
        format!("an integer from 1 to {LARGEST_SIZE}"),
        value,
    ))
}
