//! What is remembered of clips that are still running: side by side to go on together, apart to wait for their frames.

use tch::Tensor;

use crate::error::Result;

/// Tensors with one row for each clip. What they are is the business of the part that remembers them.
///
/// Nothing changes such a tensor in place: a new one takes its place. So copies of a state may share them.
pub(crate) struct ClipState {
    tensors: Vec<Tensor>,
}

impl ClipState {
    pub(super) fn new(tensors: Vec<Tensor>) -> Self {
        Self { tensors }
    }

    pub(super) fn tensors_mut(&mut self) -> &mut [Tensor] {
        &mut self.tensors
    }

    /// The clips of several states of one part, of which there is one at least, one below the other.
    pub(crate) fn stacked(states: &[&Self]) -> Result<Self> {
        let stack = |index: usize| {
            let tensors: Vec<&Tensor> = states.iter().map(|state| &state.tensors[index]).collect();
            match tensors[..] {
                [only] => Ok(only.shallow_clone()),
                _ => Ok(Tensor::f_cat(&tensors, 0)?),
            }
        };
        let tensors = (0..states[0].tensors.len()).map(stack).collect::<Result<_>>()?;
        Ok(Self { tensors })
    }

    /// A copy of one clip's state, which keeps nothing of the others.
    pub(crate) fn clip(&self, index: i64) -> Result<Self> {
        let row = |tensor: &Tensor| Ok(tensor.f_narrow_copy(0, index, 1)?);
        let tensors = self.tensors.iter().map(row).collect::<Result<_>>()?;
        Ok(Self { tensors })
    }

    /// The same state, which a step leaves as it is.
    pub(crate) fn shallow_clone(&self) -> Self {
        let tensors = self.tensors.iter().map(Tensor::shallow_clone).collect();
        Self { tensors }
    }

    /// Takes back the state of the clips at which `is_kept`, bool of `[batch, 1]`, is true: what it was `before`.
    pub(crate) fn keep(&mut self, before: &Self, is_kept: &Tensor) -> Result<()> {
        for (tensor, before) in self.tensors.iter_mut().zip(&before.tensors) {
            *tensor = before.f_where_self(is_kept, tensor)?;
        }
        Ok(())
    }
}
