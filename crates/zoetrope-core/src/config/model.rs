//! The whole description of a model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::block::{BlockConfig, GlobalPool, Norm};
use super::cnn::Cnn;
use super::head::{HeadConfig, HeadKind, Pooling};
use super::input::{FrameSize, InputConfig};
use super::lstm::LstmConfig;
use super::normalize::NormalizeConfig;
use super::size::size;
use crate::error::{Error, Result};

/// The largest number of parameters: 16 GiB as float32.
const LARGEST_MODEL: i64 = 1 << 32;
/// The most bytes that `preprocessing` has as JSON.
const LARGEST_PREPROCESSING: usize = 1 << 22;

/// A CNN-LSTM: frames through a CNN, their features through a recurrent part, its outputs pooled over time, through a
/// linear head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelConfig {
    /// One frame or vector; the number of them is free.
    pub input: InputConfig,
    /// The mean and deviation with which inputs are normalised first; `None` for no normalisation.
    #[serde(default)]
    pub normalize: Option<NormalizeConfig>,
    /// Number of classes or labels; 0 for a regression or a forecast.
    #[serde(default)]
    pub num_classes: i64,
    /// The classes' names, `num_classes` of them, where they have names.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
    /// What makes features of a frame: blocks, or a backbone.
    pub cnn: Cnn,
    /// Whether an encoded frame keeps its height and width.
    #[serde(default)]
    pub global_pool: GlobalPool,
    /// Features that a linear layer makes of a frame's before the recurrent part, or none: no such layer.
    #[serde(default)]
    pub projection: Option<i64>,
    /// The recurrent part.
    pub lstm: LstmConfig,
    /// How the steps become one vector.
    #[serde(default)]
    pub pooling: Pooling,
    /// Probability of dropping a value on its way into the head, while training.
    #[serde(default)]
    pub dropout: f64,
    /// What is answered.
    #[serde(default)]
    pub head: HeadConfig,
    /// How inputs are made of files: the facade's own, an object that core passes on.
    #[serde(default)]
    pub preprocessing: Option<Map<String, Value>>,
}

impl ModelConfig {
    /// Size of the frame after the last block.
    #[must_use]
    pub fn encoded_frame(&self) -> FrameSize {
        self.cnn.output(self.input.as_frame())
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

    /// Features of one step as the recurrent part reads it: the projection's, or the frame's.
    #[must_use]
    pub fn recurrent_features(&self) -> i64 {
        self.projection.unwrap_or_else(|| self.features())
    }

    /// Numbers in one answer: classes, labels, or a regression's outputs; of label strings the classes and the blank, of
    /// a forecast the numbers in one step, of a token sequence the classes and the end.
    #[must_use]
    pub fn num_outputs(&self) -> i64 {
        match self.head.kind {
            HeadKind::Classification | HeadKind::MultiLabel => self.num_classes,
            HeadKind::Regression => self.head.outputs.unwrap_or(1),
            HeadKind::Ctc | HeadKind::Sequence => self.num_classes + 1,
            HeadKind::Forecast => self.forecast_step().into_iter().fold(1, i64::saturating_mul),
        }
    }

    /// The axes of one step that a forecast answers: of frames `[channels, height, width]`, of vectors the features that
    /// are chosen.
    #[must_use]
    pub fn forecast_step(&self) -> Vec<i64> {
        let chosen = self
            .head
            .forecast
            .as_ref()
            .and_then(|forecast| forecast.features.as_ref());
        chosen.map_or_else(|| self.input.sizes(), |features| vec![features.len() as i64])
    }

    /// Outputs of the linear layer `fc`: numbers of an answer, of a forecast all steps that are answered at once, or the
    /// encoded frame where a decoder follows.
    #[must_use]
    pub fn fc_outputs(&self) -> i64 {
        let Some(forecast) = &self.head.forecast else {
            return self.num_outputs();
        };
        if self.has_frame_decoder() {
            let FrameSize {
                channels,
                height,
                width,
            } = self.encoded_frame();
            return [channels, height, width].into_iter().fold(1, i64::saturating_mul);
        }
        self.num_outputs().saturating_mul(forecast.steps_at_once())
    }

    /// Whether frames are forecast through a decoder that mirrors the encoder's blocks.
    #[must_use]
    pub fn has_frame_decoder(&self) -> bool {
        let is_frame = matches!(self.input, InputConfig::Frame(_));
        self.head.kind == HeadKind::Forecast && is_frame && !self.cnn.blocks().is_empty()
    }

    /// How many tensors the model's parameters and running statistics are, without batch norms' counts.
    #[must_use]
    pub fn num_parameter_tensors(&self) -> usize {
        let mut tensors = self.cnn.num_parameter_tensors(self.input.as_frame().channels);
        let projection = if self.projection.is_some() { 2 } else { 0 };
        let recurrent = 4 * self.lstm.num_directions() * self.lstm.num_layers;
        let attention = if self.pooling == Pooling::Attention { 2 } else { 0 };
        let decoder = self
            .head
            .sequence
            .map_or(0, |sequence| sequence.num_parameter_tensors());
        if self.has_frame_decoder() {
            let blocks = self.cnn.blocks();
            let normed = blocks.iter().skip(1).filter_map(|block| block.norm);
            tensors += 2 * blocks.len();
            tensors += normed
                .map(|norm| if norm == Norm::Batch { 4 } else { 2 })
                .sum::<usize>();
        }
        tensors + projection + recurrent as usize + attention + decoder + 2
    }

    /// Checks every option, and that every block leaves something of the frame.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self) -> Result<()> {
        self.input.validate()?;
        self.normalize
            .as_ref()
            .map_or(Ok(()), |normalize| normalize.validate(self.input))?;
        let is_vector = matches!(self.input, InputConfig::Vector(_));
        if is_vector && self.global_pool != GlobalPool::None {
            return Err(Error::invalid("globalPool", "none for vectors", "average"));
        }
        self.cnn.validate(self.input)?;
        size("projection", self.projection.unwrap_or(1))?;
        self.lstm.validate()?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::invalid("dropout", "a number from 0 to below 1", self.dropout));
        }
        let num_features = match self.input {
            InputConfig::Vector(vector) => vector.features,
            InputConfig::Frame(_) => 0,
        };
        self.head
            .validate(self.num_classes, self.classes.as_deref(), num_features, self.pooling)?;
        self.validate_forecast()?;
        self.validate_preprocessing()?;
        self.validate_total()
    }

    /// A forecast of frames mirrors blocks. A recursive one knows nothing of what comes: neither do the parts in front of
    /// it.
    fn validate_forecast(&self) -> Result<()> {
        if let (HeadKind::Forecast, Cnn::Backbone(backbone)) = (self.head.kind, &self.cnn) {
            let expected = "a list of blocks for a forecast of frames, whose decoder mirrors them";
            return Err(Error::invalid("cnn", expected, backbone.name()));
        }
        if !self.head.is_recursive_forecast() {
            return Ok(());
        }
        if self.lstm.bidirectional {
            let expected = "false for a recursive forecast, whose every step is forecast from those before it";
            return Err(Error::invalid("lstm.bidirectional", expected, "true"));
        }
        let over_time = |block: &&BlockConfig| matches!(self.input, InputConfig::Vector(_)) && block.span() > 1;
        match self.cnn.blocks().iter().find(over_time) {
            Some(block) => {
                let expected = "1 for vectors and a recursive forecast: a larger kernel sees the steps to come";
                Err(Error::invalid("cnn.kernelSize", expected, block.kernel_size))
            }
            None => Ok(()),
        }
    }

    /// Number of values in the weights of a frame decoder.
    fn decoder_values(&self) -> f64 {
        let Some(forecast) = self.head.forecast.as_ref().filter(|_| self.has_frame_decoder()) else {
            return 0.0;
        };
        let mut channels = self.input.as_frame().channels as f64 * forecast.steps_at_once() as f64;
        let mut total = 0.0;
        for block in self.cnn.blocks() {
            let taps = block.taps(self.input) as f64 / block.groups as f64;
            total += block.out_channels as f64 * channels * taps;
            channels = block.out_channels as f64;
        }
        total
    }

    fn validate_preprocessing(&self) -> Result<()> {
        let Some(preprocessing) = &self.preprocessing else {
            return Ok(());
        };
        let text = serde_json::to_string(preprocessing);
        let bytes = text.map_or(usize::MAX, |text| text.len());
        if bytes <= LARGEST_PREPROCESSING {
            return Ok(());
        }
        let expected = format!("an object of at most {LARGEST_PREPROCESSING} bytes as JSON");
        Err(Error::invalid("preprocessing", expected, bytes))
    }

    fn validate_total(&self) -> Result<()> {
        // In float: a product of sizes that overflows must be refused, not wrapped.
        let frame = self.encoded_frame();
        let features = match self.global_pool {
            GlobalPool::None => frame.channels as f64 * frame.height as f64 * frame.width as f64,
            GlobalPool::Average => frame.channels as f64,
        };
        let projection = self.projection.map_or(0.0, |size| features * size as f64);
        let features = self.projection.map_or(features, |size| size as f64);
        let [hidden, layers] = [self.lstm.hidden_size as f64, self.lstm.num_layers as f64];
        let directions = self.lstm.num_directions() as f64;
        let gates = self.lstm.cell.num_gates() as f64;
        let lstm = gates * hidden * directions * (features + hidden + (layers - 1.0) * hidden * (directions + 1.0));
        let cnn = self.cnn.num_weights(self.input);
        let encoded = self.lstm.output_size();
        let (decoder, read) = match &self.head.sequence {
            Some(sequence) => (
                sequence.num_weights(encoded, self.num_classes),
                sequence.output_features(encoded),
            ),
            None => (0.0, encoded),
        };
        let total = cnn + projection + lstm + decoder + read as f64 * self.fc_outputs() as f64 + self.decoder_values();
        if total > LARGEST_MODEL as f64 {
            let expected = format!("a model of at most {LARGEST_MODEL} parameters");
            return Err(Error::invalid("model", expected, format!("about {total:.3e}")));
        }
        Ok(())
    }
}
