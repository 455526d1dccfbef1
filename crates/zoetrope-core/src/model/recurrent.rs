//! The LSTM: a sequence of feature vectors into a sequence of hidden states.

use tch::{Kind, Tensor};

use super::initializer::Initializer;
use super::paths;
use crate::config::{LstmConfig, ModelConfig};
use crate::error::Result;
use crate::kernels;
use crate::random::Generator;

/// Layers of `torch.nn.LSTM(batch_first=True)`; the initial state is zero.
pub(super) struct Recurrent {
    config: LstmConfig,
    /// For each layer and direction: `weight_ih, weight_hh, bias_ih, bias_hh`.
    layers: Vec<Vec<[Tensor; 4]>>,
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
                let mut draw = |kind: &str, shape: &[i64]| {
                    init.uniform(format!("lstm.lstm.{kind}_l{layer}{suffix}"), shape, bound)
                };
                weights.push([
                    draw("weight_ih", &[gates, input_size])?,
                    draw("weight_hh", &[gates, lstm.hidden_size])?,
                    draw("bias_ih", &[gates])?,
                    draw("bias_hh", &[gates])?,
                ]);
            }
            layers.push(weights);
        }
        Ok(Self {
            config: lstm,
            layers,
            generator,
        })
    }

    /// Runs `[batch, time, features]` into the top layer's output at the last step,
    /// `[batch, directions * hidden_size]`.
    pub(super) fn forward_t(&self, sequence: &Tensor, train: bool) -> Result<Tensor> {
        let mut outputs = sequence.shallow_clone();
        for (index, weights) in self.layers.iter().enumerate() {
            let is_top = index + 1 == self.layers.len();
            outputs = if paths::is_engine_on(&weights[0][0]) {
                engine(&outputs, weights, is_top)?
            } else {
                self.reference(&outputs, weights, train, is_top)?
            };
            if train && self.config.dropout > 0.0 && !is_top {
                outputs = self.drop(&outputs)?;
            }
        }
        Ok(outputs)
    }

    /// One layer by libtorch's own operation: what the kernel is tested against. One at a time, because libtorch would
    /// draw the dropout between layers from the process's generator.
    fn reference(&self, sequence: &Tensor, weights: &[[Tensor; 4]], train: bool, last_only: bool) -> Result<Tensor> {
        let state_shape = [weights.len() as i64, sequence.size()[0], self.config.hidden_size];
        let zeros = Tensor::f_zeros(state_shape, (sequence.kind(), sequence.device()))?;
        let state = [zeros.shallow_clone(), zeros]; //  hidden, cell
        let flat: Vec<Tensor> = weights.iter().flatten().map(Tensor::shallow_clone).collect();
        let bidirectional = self.config.bidirectional;
        let (outputs, _hidden, _cell) = sequence.f_lstm(&state, &flat, true, 1, 0.0, train, bidirectional, true)?;
        if last_only {
            Ok(outputs.f_select(1, -1)?)
        } else {
            Ok(outputs)
        }
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

/// One layer by the engine's kernel, a direction at a time, side by side in the last axis.
fn engine(sequence: &Tensor, weights: &[[Tensor; 4]], last_only: bool) -> Result<Tensor> {
    let sequence = sequence.f_contiguous()?;
    match weights {
        [forward] => kernels::lstm_layer(&sequence, forward, false, last_only),
        directions => {
            let run = |(index, weights)| kernels::lstm_layer(&sequence, weights, index == 1, last_only);
            let outputs = directions.iter().enumerate().map(run).collect::<Result<Vec<_>>>()?;
            Ok(Tensor::f_cat(&outputs, -1)?)
        }
    }
}
