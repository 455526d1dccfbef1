//! A model's parameters and buffers by name, out and in.

use tch::{Device, Kind, Tensor};

use super::cnn_lstm::CnnLstm;
use super::named_tensor::{NamedTensor, StateDict};
use crate::error::{Result, StateDictMismatch};

impl CnnLstm {
    /// Copies every parameter and buffer to the CPU, in PyTorch's order: float32, counts of batches int64.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn state_dict(&self) -> Result<StateDict> {
        let _guard = tch::no_grad_guard();
        let copy = |tensor: &Tensor| -> Result<Tensor> {
            let kind = if tensor.kind() == Kind::Int64 {
                Kind::Int64
            } else {
                Kind::Float
            };
            let mut copied = Tensor::f_empty(tensor.size(), (kind, Device::Cpu))?;
            copied.f_copy_(&tensor.f_detach()?)?;
            Ok(copied)
        };
        let named = |(name, tensor): (&str, &Tensor)| {
            Ok(NamedTensor {
                name: name.to_owned(),
                tensor: copy(tensor)?,
            })
        };
        self.state().into_iter().map(named).collect()
    }

    /// Overwrites every parameter and buffer.
    ///
    /// # Errors
    /// `Checkpoint`, listing missing, unexpected and wrongly shaped names; the model is then as it was.
    pub fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        let mut mismatch = StateDictMismatch::default();
        let own = self.state();
        for (name, tensor) in &own {
            mismatch.find(state, name, &tensor.size());
        }
        let find = |name: &str| own.iter().find(|(known, _)| *known == name);
        mismatch.find_unexpected(state, |name| find(name).is_some());
        mismatch.into_result()?;
        let _guard = tch::no_grad_guard();
        for entry in state {
            if let Some((_, tensor)) = find(&entry.name) {
                tensor.shallow_clone().f_copy_(&entry.tensor)?;
            }
        }
        Ok(())
    }
}
