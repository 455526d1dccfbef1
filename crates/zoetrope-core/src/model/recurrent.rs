//! The LSTM: a sequence of feature vectors into a sequence of hidden states.

use tch::{Kind, Tensor};

use super::initializer::Initializer;
use crate::config::{LstmConfig, ModelConfig};
use crate::error::Result;
use crate::random::Generator;

/// Layers of `torch.nn.LSTM(batch_first=True)`; the initial state is zero.
pub(super) struct Recurrent {
    config: LstmConfig,
    /// For each layer: `weight_ih, weight_hh, bias_ih, bias_hh`, then the same of the reverse direction.
    layers: Vec<Vec<Tensor>>,
    /// The stream that dropout masks are drawn from.
    generator: Generator,
}

impl Recurrent {
    pub(super) fn new(config: &ModelConfig, generator: Generator, init: &mut Initializer<'_>) -> Result<Self> {
        let lstm = config.lstm;
        let bound = 1.0 / (lstm.hidden_size as f64).sqrt();
        let gates = 4 * lstm.hidden_size; //  input, forget, cell, output
        let suffixes: &[&str] = if lstm.bidirectional { &["", "_reverse"] } else { &[""] };
        let mut layers = Vec::new();
        for layer in 0..lstm.num_layers {
            let input_size = if layer == 0 {
                config.features()
            } else {
                lstm.output_size()
            };
            let mut weights = Vec::new();
            for suffix in suffixes {
                let name = |kind: &str| format!("lstm.lstm.{kind}_l{layer}{suffix}");
                weights.push(init.uniform(name("weight_ih"), &[gates, input_size], bound)?);
                weights.push(init.uniform(name("weight_hh"), &[gates, lstm.hidden_size], bound)?);
                weights.push(init.uniform(name("bias_ih"), &[gates], bound)?);
                weights.push(init.uniform(name("bias_hh"), &[gates], bound)?);
            }
            layers.push(weights);
        }
        Ok(Self {
            config: lstm,
            layers,
            generator,
        })
    }

    /// Runs `[batch, time, features]` into `[batch, time, directions * hidden_size]`.
    pub(super) fn forward_t(&self, sequence: &Tensor, train: bool) -> Result<Tensor> {
        let mut outputs = sequence.shallow_clone();
        for (index, weights) in self.layers.iter().enumerate() {
            outputs = self.layer(&outputs, weights, train)?;
            if train && self.config.dropout > 0.0 && index + 1 < self.layers.len() {
                outputs = self.drop(&outputs)?;
            }
        }
        Ok(outputs)
    }

    /// One layer at a time: libtorch would draw the dropout between them from the process's generator.
    fn layer(&self, sequence: &Tensor, weights: &[Tensor], train: bool) -> Result<Tensor> {
        let directions = self.config.num_directions();
        let state_shape = [directions, sequence.size()[0], self.config.hidden_size];
        let zeros = Tensor::f_zeros(state_shape, (sequence.kind(), sequence.device()))?;
        let state = [zeros.shallow_clone(), zeros]; //  hidden, cell
        let (outputs, _hidden, _cell) =
            sequence.f_lstm(&state, weights, true, 1, 0.0, train, self.config.bidirectional, true)?;
        Ok(outputs)
    }

    /// Drops outputs of `[batch, time, features]` with the configured probability and scales up the rest.
    ///
    /// The mask is drawn as `[time, batch, features]`: so `torch.nn.LSTM` draws it, `batch_first` or not.
    fn drop(&self, outputs: &Tensor) -> Result<Tensor> {
        let (batch, time, features) = outputs.size3()?;
        let mask = self
            .generator
            .dropout_mask(&[time, batch, features], self.config.dropout)?
            .f_transpose(0, 1)?;
        let mask = if outputs.kind() == Kind::Float {
            mask
        } else {
            mask.f_to_kind(outputs.kind())?
        };
        Ok(outputs.f_mul(&mask.f_to_device(outputs.device())?)?)
    }
}
