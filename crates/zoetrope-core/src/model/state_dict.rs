//! A model's parameters and buffers by name, out and in.

use std::collections::HashSet;

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
        self.overwrite(state, |_| true)
    }

    /// Overwrites what training changes: buffers, and parameters that are not frozen.
    ///
    /// # Errors
    /// As [`Self::load_state_dict`].
    pub fn load_trainable(&mut self, state: &StateDict) -> Result<()> {
        let parameters = self.parameters().iter();
        let frozen: HashSet<String> = parameters
            .filter(|parameter| !parameter.tensor.requires_grad())
            .map(|parameter| parameter.name.clone())
            .collect();
        self.overwrite(state, |name| !frozen.contains(name))
    }

    fn overwrite(&mut self, state: &StateDict, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        let mut mismatch = StateDictMismatch::default();
        let own = self.state();
        for (name, tensor) in &own {
            mismatch.find(state, name, &tensor.size());
        }
        let find = |name: &str| own.iter().find(|(known, _)| *known == name);
        mismatch.find_unexpected(state, |name| find(name).is_some());
        mismatch.into_result()?;
        let _guard = tch::no_grad_guard();
        for entry in state.iter().filter(|entry| is_wanted(&entry.name)) {
            if let Some((_, tensor)) = find(&entry.name) {
                tensor.shallow_clone().f_copy_(&entry.tensor)?;
            }
        }
        Ok(())
    }
}
