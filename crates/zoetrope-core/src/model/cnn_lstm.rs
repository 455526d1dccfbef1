//! The model: frames through the encoder, features through the recurrent part, its outputs pooled, through the head.

mod features;
pub(crate) mod prefixes;
pub(crate) mod running;

use tch::{Device, Kind, Tensor};

use super::dropout::Dropout;
use super::encoder::{Encoder, Features};
use super::head::forecast::Forecast;
use super::head::options::LossOptions;
use super::head::scored::Scored;
use super::head::sequence::decoder::Decoder;
use super::head::{Head, HeadInputs};
use super::initializer::Initializer;
use super::linear::Linear;
use super::named_tensor::{Indexed, StateDict, Weights};
use super::normalization::Normalization;
use super::parameter::{Buffer, Parameter};
use super::pooling::TimePooling;
use super::recurrent::Recurrent;
use crate::config::ModelConfig;
use crate::data::lengths::Layout;
use crate::data::samples::{Clips, DeviceBatch};
use crate::error::{Error, Result};
use crate::runtime::random::Generator;

/// A CNN-LSTM with its parameters on one device.
pub struct CnnLstm {
    config: ModelConfig,
    device: Device,
    parameters: Vec<Parameter>,
    buffers: Vec<Buffer>,
    normalization: Option<Normalization>,
    encoder: Encoder,
    projection: Option<Linear>,
    recurrent: Recurrent,
    pool: TimePooling,
    dropout: Dropout,
    head: Head,
}

impl CnnLstm {
    /// A new model with PyTorch's initial weights, drawn on the CPU in the order cnn, projection, lstm, attention,
    /// fc, then moved.
    ///
    /// The generator stays with the model: dropout goes on in its stream.
    ///
    /// # Errors
    /// `InvalidConfig`, or `OutOfMemory`.
    pub fn new(config: &ModelConfig, device: Device, generator: &Generator) -> Result<Self> {
        let init = Initializer::drawn(generator, device);
        Self::build(config, device, init, generator.clone())
    }

    /// A model with the parameters of a state dict.
    ///
    /// # Errors
    /// `InvalidConfig`, or `Checkpoint` where the state dict does not fit the configuration.
    pub fn from_state_dict(config: &ModelConfig, device: Device, state: &StateDict) -> Result<Self> {
        Self::from_weights(config, device, &Indexed::new(state))
    }

    /// As [`Self::from_state_dict`], from wherever weights come.
    pub(super) fn from_weights(config: &ModelConfig, device: Device, weights: &dyn Weights) -> Result<Self> {
        let init = Initializer::loaded(weights, device);
        Self::build(config, device, init, Generator::process()?)
    }

    fn build(config: &ModelConfig, device: Device, mut init: Initializer<'_>, generator: Generator) -> Result<Self> {
        config.validate()?;
        crate::runtime::device::prepare_libtorch().as_ref().ok();
        let encoder = Encoder::new(config, &generator, &mut init)?;
        let project = |size| Linear::new("projection", config.features(), size, &mut init);
        let projection = config.projection.map(project).transpose()?;
        let recurrent = Recurrent::new(config, generator.clone(), &mut init)?;
        let pool = TimePooling::new(config, &mut init)?;
        let head = Head::new(config, device, &generator, &mut init)?;
        let (parameters, buffers) = init.finish()?;
        Ok(Self {
            config: config.clone(),
            device,
            parameters,
            buffers,
            normalization: Normalization::new(config, device)?,
            encoder,
            projection,
            recurrent,
            pool,
            dropout: Dropout::new(config.dropout, generator),
            head,
        })
    }

    /// The model's configuration.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where its parameters are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Every parameter, in the order of PyTorch's `named_parameters()`.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Every buffer, in the order of PyTorch's `named_buffers()`.
    #[must_use]
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// Every parameter and buffer, in the order of PyTorch's `state_dict()`.
    pub(crate) fn state(&self) -> Vec<(&str, &Tensor)> {
        let mut state = Vec::with_capacity(self.parameters.len() + self.buffers.len());
        let mut buffers = self.buffers.iter().peekable();
        for (position, parameter) in self.parameters.iter().enumerate() {
            while let Some(buffer) = buffers.next_if(|buffer| buffer.position <= position) {
                state.push((buffer.name.as_str(), &buffer.tensor));
            }
            state.push((parameter.name.as_str(), &parameter.tensor));
        }
        state.extend(buffers.map(|buffer| (buffer.name.as_str(), &buffer.tensor)));
        state
    }

    /// The parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Tensor> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .map(|parameter| &parameter.tensor)
    }

    /// Float, unless [`Self::to_double`] was called.
    pub(crate) fn kind(&self) -> Kind {
        self.parameters
            .first()
            .map_or(Kind::Float, |parameter| parameter.tensor.kind())
    }

    /// Turns the parameters to float64, for checks of gradients by finite differences.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn to_double(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let parameters = self.parameters.iter_mut().map(|parameter| &mut parameter.tensor);
        let buffers = self.buffers.iter_mut().map(|buffer| &mut buffer.tensor);
        for tensor in parameters.chain(buffers).filter(|tensor| tensor.kind() == Kind::Float) {
            // `set_data` keeps the identity of the tensor that the modules share.
            tensor.f_set_data(&tensor.f_to_kind(Kind::Double)?)?;
        }
        Ok(())
    }

    /// Raw outputs of clips (logits, or a regression's values): `[batch, outputs]`, or `[frames, outputs]` where they are
    /// per frame, the valid frames clip after clip.
    pub(crate) fn forward_t(&self, clips: &Clips, train: bool) -> Result<Tensor> {
        let states = self.states_t(clips, train)?;
        self.head.outputs(&HeadInputs {
            clips,
            states,
            targets: None,
            train,
        })
    }

    /// The loss of a batch and its answers: with options the loss of training, which is differentiated, and dropout; with
    /// none the loss of evaluation.
    pub(crate) fn score(&self, batch: &DeviceBatch, options: Option<&LossOptions>) -> Result<Scored> {
        let train = options.is_some();
        if let Head::Forecast(forecast) = &self.head {
            return self.score_forecast(forecast, batch, train);
        }
        let inputs = HeadInputs {
            clips: &batch.clips,
            states: self.states_t(&batch.clips, train)?,
            targets: batch.targets.as_ref(),
            train,
        };
        self.head.score(&self.config, options, &inputs)
    }

    /// The head that writes strings.
    ///
    /// # Errors
    /// `InvalidConfig` for a model with another head.
    pub(crate) fn decoder(&self) -> Result<&Decoder> {
        if let Head::Sequence { decoder, .. } = &self.head {
            return Ok(decoder);
        }
        let kind = format!("{:?}", self.config.head.kind);
        let expected = "a head of kind 'sequence', which writes strings";
        Err(Error::invalid("head", expected, kind))
    }

    /// What the head sees of clips: `[batch, directions * hidden_size]`, or where nothing is pooled
    /// `[frames, directions * hidden_size]`.
    pub(crate) fn states_t(&self, clips: &Clips, train: bool) -> Result<Tensor> {
        let layout = clips.layout();
        let outputs = self.recurrent_t(clips, self.pool.is_last(), train)?;
        let pooled = self.pool.forward(&outputs, &layout)?; //            [batch or frames, directions * hidden_size]
        self.dropout.forward_t(&pooled, train)
    }

    /// What the recurrent part gives for the valid frames, `[frames, directions * hidden_size]`, or with `last_only` for
    /// the last one of each clip, `[batch, directions * hidden_size]`.
    fn recurrent_t(&self, clips: &Clips, last_only: bool, train: bool) -> Result<Tensor> {
        let layout = clips.layout();
        let takes_pixel_major = self.recurrent.takes_pixel_major(&layout);
        let features = self.features_t(clips, takes_pixel_major, train)?; // [frames, features]
        self.recurrent.forward_t(&features, &layout, last_only, train)
    }

    /// The valid frames as the recurrent part reads them, `[frames, features]`: channel-major unless it
    /// `takes_pixel_major`.
    pub(super) fn features_t(&self, clips: &Clips, takes_pixel_major: bool, train: bool) -> Result<Features> {
        let layout = clips.layout();
        if let Some(kept) = &clips.kept {
            return self.kept_features_t(kept, &layout, takes_pixel_major);
        }
        let frames = layout.pack(&clips.inputs)?; //                      [frames, channels, height, width]
        self.frame_features_t(&frames, &layout, takes_pixel_major, train)
    }

    /// What the recurrent part reads of valid frames, `[frames, …]` as they came: `[frames, features]`.
    pub(super) fn frame_features_t(
        &self,
        frames: &Tensor,
        layout: &Layout<'_>,
        takes_pixel_major: bool,
        train: bool,
    ) -> Result<Features> {
        let takes_pixel_major = takes_pixel_major && self.projection.is_none();
        let encoded = self.encoded_t(frames, layout, takes_pixel_major, train)?;
        match &self.projection {
            Some(projection) => Ok(Features::channel_major(projection.forward(&encoded.values)?)),
            None => Ok(encoded),
        }
    }

    /// What the encoder makes of valid frames, `[frames, …]` as they came: without autograd, and by the kernels of
    /// inference, where all of it is frozen.
    fn encoded_t(
        &self,
        frames: &Tensor,
        layout: &Layout<'_>,
        takes_pixel_major: bool,
        train: bool,
    ) -> Result<Features> {
        let is_frozen = self.is_encoder_frozen();
        let _guard = is_frozen.then(tch::no_grad_guard);
        let train = train && (!is_frozen || self.encoder.has_dropout());
        let normalized = match &self.normalization {
            Some(normalization) => normalization.forward(frames, self.kind())?,
            None => frames.shallow_clone(),
        };
        self.encoder
            .forward_t(&normalized, layout, self.kind(), takes_pixel_major, train)
    }

    /// The recurrent part.
    pub(super) fn recurrent(&self) -> &Recurrent {
        &self.recurrent
    }

    /// The head of a forecast.
    ///
    /// # Errors
    /// `InvalidConfig` for a model with another head.
    pub(super) fn forecast_head(&self) -> Result<&Forecast> {
        match &self.head {
            Head::Forecast(forecast) => Ok(forecast),
            _ => Err(Error::invalid(
                "head",
                "a forecast",
                format!("{:?}", self.config.head.kind),
            )),
        }
    }
}
