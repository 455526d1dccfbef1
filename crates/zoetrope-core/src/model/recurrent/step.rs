//! One step of the recurrent part, with the state of the steps before it: for answers while a clip runs, and for
//! forecasts that feed their own steps back.

use tch::Tensor;

use crate::config::Cell;
use crate::error::Result;
use crate::model::linear::linear;

/// What the layers of a one-directional recurrent part remember of the steps so far, of several clips side by side.
pub(crate) struct RecurrentState {
    /// From the lowest layer to the top one.
    layers: Vec<LayerState>,
}

/// What one layer remembers.
pub(super) struct LayerState {
    /// `[batch, hidden]`
    hidden: Tensor,
    /// `[batch, hidden]`, of an LSTM.
    cell: Option<Tensor>,
}

impl RecurrentState {
    /// The zero state with which every clip begins, on the device and in the kind of `weight`.
    pub(super) fn zeros(cell: Cell, num_layers: i64, batch: i64, hidden_size: i64, weight: &Tensor) -> Result<Self> {
        let zeros = || Tensor::f_zeros([batch, hidden_size], (weight.kind(), weight.device()));
        let layer = |_| {
            Ok(LayerState {
                hidden: zeros()?,
                cell: (cell == Cell::Lstm).then(zeros).transpose()?,
            })
        };
        Ok(Self {
            layers: (0..num_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The states of several batches of clips of one model as those of one batch, one below the other.
    pub(crate) fn stack(states: &[&Self]) -> Result<Self> {
        let below = |tensors: Vec<&Tensor>| Tensor::f_cat(&tensors, 0);
        let layer = |index: usize| {
            let layers = || states.iter().map(|state| &state.layers[index]);
            let cells: Option<Vec<_>> = layers().map(|layer| layer.cell.as_ref()).collect();
            Ok(LayerState {
                hidden: below(layers().map(|layer| &layer.hidden).collect())?,
                cell: cells.map(below).transpose()?,
            })
        };
        let num_layers = states.first().map_or(0, |state| state.layers.len());
        Ok(Self {
            layers: (0..num_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The state of one clip of the batch: memory of its own.
    pub(crate) fn clip(&self, index: i64) -> Result<Self> {
        let row = |tensor: &Tensor| tensor.f_narrow_copy(0, index, 1);
        let layer = |layer: &LayerState| {
            Ok(LayerState {
                hidden: row(&layer.hidden)?,
                cell: layer.cell.as_ref().map(row).transpose()?,
            })
        };
        Ok(Self {
            layers: self.layers.iter().map(layer).collect::<Result<_>>()?,
        })
    }

    /// The same state, which a step leaves as it is.
    pub(crate) fn shallow_clone(&self) -> Self {
        let layers = self.layers.iter().map(|layer| LayerState {
            hidden: layer.hidden.shallow_clone(),
            cell: layer.cell.as_ref().map(Tensor::shallow_clone),
        });
        Self {
            layers: layers.collect(),
        }
    }

    /// Takes back the state of the clips at which `is_kept`, bool of `[batch, 1]`, is true: what it was `before`.
    pub(crate) fn keep(&mut self, before: &Self, is_kept: &Tensor) -> Result<()> {
        for (layer, before) in self.layers.iter_mut().zip(&before.layers) {
            layer.hidden = before.hidden.f_where_self(is_kept, &layer.hidden)?;
            if let (Some(cell), Some(before)) = (&mut layer.cell, &before.cell) {
                *cell = before.f_where_self(is_kept, cell)?;
            }
        }
        Ok(())
    }

    pub(super) fn layers_mut(&mut self) -> &mut [LayerState] {
        &mut self.layers
    }
}

impl LayerState {
    /// Takes the layer's inputs of one step, `[batch, inputs]`, and gives its outputs, `[batch, hidden]`.
    ///
    /// `weights` are `weight_ih, weight_hh, bias_ih, bias_hh`; the mathematics is that of `torch.nn.LSTMCell` and
    /// `torch.nn.GRUCell`.
    pub(super) fn step(&mut self, inputs: &Tensor, [w_ih, w_hh, b_ih, b_hh]: &[Tensor; 4]) -> Result<Tensor> {
        let of_input = linear(inputs, w_ih, b_ih)?; //        [batch, gates * hidden]
        let of_hidden = linear(&self.hidden, w_hh, b_hh)?; // [batch, gates * hidden]
        self.hidden = match &mut self.cell {
            Some(cell) => {
                let gates = of_input.f_add(&of_hidden)?.f_chunk(4, 1)?; // input, forget, cell, output
                let kept = gates[1].f_sigmoid()?.f_mul(cell)?;
                *cell = kept.f_addcmul(&gates[0].f_sigmoid()?, &gates[2].f_tanh()?)?;
                gates[3].f_sigmoid()?.f_mul(&cell.f_tanh()?)?
            }
            None => {
                let (of_input, of_hidden) = (of_input.f_chunk(3, 1)?, of_hidden.f_chunk(3, 1)?); // reset, update, new
                let reset = of_input[0].f_add(&of_hidden[0])?.f_sigmoid()?;
                let update = of_input[1].f_add(&of_hidden[1])?.f_sigmoid()?;
                let new = of_input[2].f_addcmul(&reset, &of_hidden[2])?.f_tanh()?;
                new.f_lerp_tensor(&self.hidden, &update)? // (1 - update) new + update hidden
            }
        };
        Ok(self.hidden.shallow_clone())
    }
}
