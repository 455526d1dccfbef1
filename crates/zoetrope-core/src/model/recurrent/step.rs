//! One step of a recurrent layer, with the state of the steps before it: for answers while a clip runs, and for
//! forecasts that feed their own steps back.

use tch::Tensor;

use crate::config::Cell;
use crate::error::Result;
use crate::model::linear::linear;

/// Number of tensors that a layer remembers.
pub(super) fn num_tensors(cell: Cell) -> usize {
    match cell {
        Cell::Lstm => 2, // hidden, cell
        Cell::Gru => 1,  // hidden
    }
}

/// Takes a layer's inputs of one step, `[batch, inputs]`, and gives its outputs, `[batch, hidden]`: the mathematics of
/// `torch.nn.LSTMCell` and `torch.nn.GRUCell`.
///
/// `state` is that of the steps before, hidden and cell of `[batch, hidden]` each, and becomes that of this one.
/// `weights` are `weight_ih, weight_hh, bias_ih, bias_hh`.
pub(super) fn step(cell: Cell, inputs: &Tensor, state: &mut [Tensor], weights: &[Tensor; 4]) -> Result<Tensor> {
    let [for_input, for_hidden, input_bias, hidden_bias] = weights;
    let of_input = linear(inputs, for_input, input_bias)?; //       [batch, gates * hidden]
    let of_hidden = linear(&state[0], for_hidden, hidden_bias)?; // [batch, gates * hidden]
    state[0] = match cell {
        Cell::Lstm => {
            let gates = of_input.f_add(&of_hidden)?.f_chunk(4, 1)?; // input, forget, cell, output
            let kept = gates[1].f_sigmoid()?.f_mul(&state[1])?;
            state[1] = kept.f_addcmul(&gates[0].f_sigmoid()?, &gates[2].f_tanh()?)?;
            gates[3].f_sigmoid()?.f_mul(&state[1].f_tanh()?)?
        }
        Cell::Gru => {
            let (of_input, of_hidden) = (of_input.f_chunk(3, 1)?, of_hidden.f_chunk(3, 1)?); // reset, update, new
            let reset = of_input[0].f_add(&of_hidden[0])?.f_sigmoid()?;
            let update = of_input[1].f_add(&of_hidden[1])?.f_sigmoid()?;
            let new = of_input[2].f_addcmul(&reset, &of_hidden[2])?.f_tanh()?;
            new.f_lerp_tensor(&state[0], &update)? //                   (1 - update) new + update hidden
        }
    };
    Ok(state[0].shallow_clone())
}
