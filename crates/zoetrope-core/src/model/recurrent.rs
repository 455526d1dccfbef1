//! The recurrent part: a sequence of feature vectors into a sequence of hidden states.

use tch::Tensor;

use super::dropout::Dropout;
use super::initializer::Initializer;
use super::lengths::Lengths;
use super::paths;
use crate::config::{Cell, LstmConfig, ModelConfig};
use crate::error::Result;
use crate::kernels;
use crate::random::Generator;

/// Layers of `torch.nn.LSTM(batch_first=True)` or `torch.nn.GRU(batch_first=True)`; the initial state is zero.
pub(super) struct Recurrent {
    config: LstmConfig,
    /// For each layer and direction.
    layers: Vec<Vec<Weights>>,
    dropout: Dropout,
}

/// `weight_ih, weight_hh, bias_ih, bias_hh` of one direction.
type Weights = [Tensor; 4];

impl Recurrent {
    pub(super) fn new(config: &ModelConfig, generator: Generator, init: &mut Initializer<'_>) -> Result<Self> {
        let lstm = config.lstm;
        let bound = 1.0 / (lstm.hidden_size as f64).sqrt();
        let gates = lstm.cell.num_gates() * lstm.hidden_size;
        let suffixes: &[&str] = if lstm.bidirectional { &["", "_reverse"] } else { &[""] };
        let mut layers = Vec::new();
        for layer in 0..lstm.num_layers {
            let input_size = if layer == 0 {
                config.recurrent_features()
            } else {
                lstm.output_size()
            };
            let mut weights = Vec::new();
            for suffix in suffixes {
                let mut draw = |kind: &str, shape: &[i64]| {
                    init.uniform(format!("{}.{kind}_l{layer}{suffix}", lstm.cell.name()), shape, bound)
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
            dropout: Dropout::new(lstm.dropout, generator),
        })
    }

    /// Runs `[batch, time, features]` into the top layer's outputs, `[batch, time, directions * hidden_size]`, or with
    /// `last_only` into those at each clip's last valid step, `[batch, directions * hidden_size]`.
    ///
    /// The sequence's padding must be finite. So is that of the outputs, and it has no meaning.
    pub(super) fn forward_t(
        &self,
        sequence: &Tensor,
        lengths: Option<&Lengths>,
        last_only: bool,
        train: bool,
    ) -> Result<Tensor> {
        let mut outputs = sequence.shallow_clone();
        for (index, weights) in self.layers.iter().enumerate() {
            let is_top = index + 1 == self.layers.len();
            let last_only = last_only && is_top;
            outputs = match lengths {
                Some(lengths) => self.within_lengths(&outputs, weights, lengths, last_only, train)?,
                None => self.full(&outputs, weights, last_only, train)?,
            };
            if !is_top {
                outputs = self.dropout.between_layers_t(&outputs, train)?;
            }
        }
        Ok(outputs)
    }

    /// One layer over clips that are all as long as the sequence.
    fn full(&self, sequence: &Tensor, weights: &[Weights], last_only: bool, train: bool) -> Result<Tensor> {
        if paths::takes_lstm_layer(self.config.cell, &weights[0][0]) {
            return engine(sequence, weights, last_only);
        }
        let outputs = reference(self.config.cell, sequence, weights, train)?;
        if last_only {
            Ok(outputs.f_select(1, -1)?)
        } else {
            Ok(outputs)
        }
    }

    /// One layer over clips of different lengths. The forward direction meets a clip's padding after its frames; the
    /// other one is a forward one over each clip turned round within its length.
    fn within_lengths(
        &self,
        sequence: &Tensor,
        weights: &[Weights],
        lengths: &Lengths,
        last_only: bool,
        train: bool,
    ) -> Result<Tensor> {
        let run = |sequence: &Tensor, weights: &Weights| {
            let one = std::slice::from_ref(weights);
            self.full(sequence, one, false, train)
        };
        let pick = |outputs: Tensor| if last_only { lengths.last(&outputs) } else { Ok(outputs) };
        match weights {
            [forward, backward] => {
                let ahead = pick(run(sequence, forward)?)?;
                let back = pick(lengths.reverse(&run(&lengths.reverse(sequence)?, backward)?)?)?;
                Ok(Tensor::f_cat(&[ahead, back], -1)?)
            }
            _ => pick(run(sequence, &weights[0])?),
        }
    }
}

/// One layer, one or both directions, by libtorch's own operation: what the kernel is tested against. One layer at a
/// time, because libtorch would draw the dropout between layers from the process's generator.
fn reference(cell: Cell, sequence: &Tensor, weights: &[Weights], train: bool) -> Result<Tensor> {
    let hidden_size = weights[0][1].size()[1];
    let state_shape = [weights.len() as i64, sequence.size()[0], hidden_size];
    let zeros = Tensor::f_zeros(state_shape, (sequence.kind(), sequence.device()))?;
    let flat: Vec<Tensor> = weights.iter().flatten().map(Tensor::shallow_clone).collect();
    let bidirectional = weights.len() == 2;
    match cell {
        Cell::Lstm => {
            let state = [zeros.shallow_clone(), zeros]; //  hidden, cell
            let (outputs, _hidden, _cell) = sequence.f_lstm(&state, &flat, true, 1, 0.0, train, bidirectional, true)?;
            Ok(outputs)
        }
        Cell::Gru => {
            let (outputs, _hidden) = sequence.f_gru(&zeros, &flat, true, 1, 0.0, train, bidirectional, true)?;
            Ok(outputs)
        }
    }
}

/// One layer by the engine's kernel, a direction at a time, side by side in the last axis.
fn engine(sequence: &Tensor, weights: &[Weights], last_only: bool) -> Result<Tensor> {
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
