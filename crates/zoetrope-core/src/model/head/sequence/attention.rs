//! Additive attention (Bahdanau, Cho and Bengio, 2015): each step of the decoder weighs the frames of its clip.

use tch::{Kind, Tensor};

use super::memory::Frames;
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::kernels;
use crate::model::initializer::Initializer;
use crate::model::linear::Linear;
use crate::model::paths;

/// The energy of a state s and a frame's output y is `score · tanh(query s + key y)`; a softmax over the valid frames
/// makes weights of the energies.
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    score: Linear,
}

impl Attention {
    pub(super) fn new(encoded: i64, hidden: i64, init: &mut Initializer<'_>) -> Result<Self> {
        Ok(Self {
            query: Linear::new("decoder.attention.query", hidden, hidden, init)?,
            key: Linear::new("decoder.attention.key", encoded, hidden, init)?,
            score: Linear::new("decoder.attention.score", hidden, 1, init)?,
        })
    }

    /// The frames' outputs as all steps read them: packed as `[frames, encoded]`, and unpacked.
    pub(super) fn frames(&self, packed: &Tensor, values: Tensor, layout: &Layout<'_>) -> Result<Frames> {
        let keys = layout.unpack(&self.key.forward_rows(packed)?)?; //   [batch, time, hidden]
        let padding = match layout.lengths {
            Some(lengths) => Some(lengths.is_padding()?.f_unsqueeze(1)?), // [batch, 1, time]
            None => None,
        };
        // Of one clip the weighted sum of the values is a product whose rows do not see each other.
        let is_single = layout.batch == 1 && !kernels::records_gradients() && paths::is_engine_on(&values);
        let columns = if is_single {
            let columns = values.f_squeeze_dim(0)?.f_transpose(0, 1)?.f_contiguous()?; // [encoded, time]
            let zeros = Tensor::f_zeros([columns.size()[0]], (Kind::Float, columns.device()))?;
            Some((columns, zeros))
        } else {
            None
        };
        Ok(Frames {
            keys,
            values,
            padding,
            columns,
        })
    }

    /// What states of `[batch, steps, hidden]` see of the frames, `[batch, steps, encoded]`.
    pub(super) fn forward(&self, states: &Tensor, frames: &Frames) -> Result<Tensor> {
        let queries = self.query.forward_rows(states)?.f_unsqueeze(2)?; //   [batch, steps, 1, hidden]
        let summed = queries.f_add(&frames.keys.f_unsqueeze(1)?)?.f_tanh()?; // [batch, steps, time, hidden]
        let energies = self.score.forward_rows(&summed)?.f_squeeze_dim(-1)?; // [batch, steps, time]
        let energies = match &frames.padding {
            Some(padding) => energies.f_masked_fill(padding, f64::NEG_INFINITY)?,
            None => energies,
        };
        let weights = energies.f_softmax(-1, None::<Kind>)?; //             0 for padding
        match &frames.columns {
            Some((columns, zeros)) => kernels::linear(&weights, columns, zeros),
            None => Ok(weights.f_bmm(&frames.values)?),
        }
    }
}
