//! The decoder's LSTM: over a whole string at once, or one step of it.

use tch::Tensor;

use crate::error::Result;
use crate::model::initializer::Initializer;
use crate::model::linear::Linear;

/// `torch.nn.LSTM(embedding_size, hidden_size, batch_first=True)`, named `decoder.lstm`.
pub(super) struct Cell {
    /// `weight_ih_l0` and `bias_ih_l0`.
    input: Linear,
    /// `weight_hh_l0` and `bias_hh_l0`.
    hidden: Linear,
}

/// The states of some strings, each of `[rows, hidden]`.
pub(crate) struct State {
    pub(super) hidden: Tensor,
    pub(super) cell: Tensor,
}

impl State {
    pub(super) fn shallow_clone(&self) -> Self {
        Self {
            hidden: self.hidden.shallow_clone(),
            cell: self.cell.shallow_clone(),
        }
    }

    /// The states at the given rows, int64 of `[…]`.
    pub(super) fn rows(&self, rows: &Tensor) -> Result<Self> {
        Ok(Self {
            hidden: self.hidden.f_index_select(0, rows)?,
            cell: self.cell.f_index_select(0, rows)?,
        })
    }
}

impl Cell {
    pub(super) fn new(inputs: i64, hidden: i64, init: &mut Initializer<'_>) -> Result<Self> {
        let bound = 1.0 / (hidden as f64).sqrt();
        let mut draw = |kind: &str, shape: &[i64]| init.uniform(format!("decoder.lstm.{kind}_l0"), shape, bound);
        let input_weight = draw("weight_ih", &[4 * hidden, inputs])?;
        let hidden_weight = draw("weight_hh", &[4 * hidden, hidden])?;
        let input_bias = draw("bias_ih", &[4 * hidden])?;
        let hidden_bias = draw("bias_hh", &[4 * hidden])?;
        Ok(Self {
            input: Linear::of(input_weight, input_bias),
            hidden: Linear::of(hidden_weight, hidden_bias),
        })
    }

    /// Strings of `[batch, steps, inputs]` into states of `[batch, steps, hidden]`.
    pub(super) fn sequence(&self, inputs: &Tensor, start: &State) -> Result<Tensor> {
        let start = [start.hidden.f_unsqueeze(0)?, start.cell.f_unsqueeze(0)?];
        let weights = [
            self.input.weight(),
            self.hidden.weight(),
            self.input.bias(),
            self.hidden.bias(),
        ];
        let weights = weights.map(Tensor::shallow_clone);
        let (states, _hidden, _cell) = inputs.f_lstm(&start, &weights, true, 1, 0.0, true, false, true)?;
        Ok(states)
    }

    /// One step, of inputs of `[rows, inputs]`.
    pub(super) fn step(&self, inputs: &Tensor, state: &State) -> Result<State> {
        let gates = self.input.forward_rows(inputs)?;
        let gates = gates.f_add(&self.hidden.forward_rows(&state.hidden)?)?.f_chunk(4, 1)?; // [rows, hidden] each
        let [input, forget, output] = [gates[0].f_sigmoid()?, gates[1].f_sigmoid()?, gates[3].f_sigmoid()?];
        let cell = forget.f_mul(&state.cell)?.f_add(&input.f_mul(&gates[2].f_tanh()?)?)?;
        Ok(State {
            hidden: output.f_mul(&cell.f_tanh()?)?,
            cell,
        })
    }
}
