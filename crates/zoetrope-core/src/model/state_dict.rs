//! A model's parameters and buffers by name, out and in.

use std::collections::HashSet;

use tch::{Device, Kind, Tensor};

use super::cnn_lstm::CnnLstm;
use super::named_tensor::{Indexed, NamedTensor, StateDict, Weights};
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

    /// Overwrites every parameter and buffer. A batch norm's count that is missing stays as it is.
    ///
    /// # Errors
    /// `Checkpoint`, listing missing, unexpected and wrongly shaped names; the model is then as it was.
    pub fn load_state_dict(&mut self, state: &StateDict) -> Result<()> {
        self.load_weights(&Indexed::new(state))
    }

    /// Overwrites what training changes: buffers, and parameters that are not frozen.
    ///
    /// # Errors
    /// As [`Self::load_state_dict`].
    pub fn load_trainable(&mut self, state: &StateDict) -> Result<()> {
        let parameters = self.parameters().iter();
        let frozen: HashSet<&str> = parameters
            .filter(|parameter| !parameter.tensor.requires_grad())
            .map(|parameter| parameter.name.as_str())
            .collect();
        self.overwrite(&Indexed::new(state), |name| !frozen.contains(name))
    }

    /// As [`Self::load_state_dict`], from wherever weights come.
    pub(super) fn load_weights(&mut self, weights: &dyn Weights) -> Result<()> {
        self.overwrite(weights, |_| true)
    }

    /// Checks everything, then overwrites what is wanted.
    fn overwrite(&self, weights: &dyn Weights, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        let own = self.state();
        let mut mismatch = StateDictMismatch::default();
        let mut fitting = Vec::with_capacity(own.len());
        for (name, tensor) in &own {
            let size = tensor.size();
            if mismatch.fits(weights, name, &size) {
                fitting.push((*name, *tensor, size));
            }
        }
        mismatch.find_unexpected(weights, &own.iter().map(|(name, _)| *name).collect());
        mismatch.into_result()?;
        let _guard = tch::no_grad_guard();
        // Reading may fail half way: nothing is written before everything was read.
        let read = |(name, tensor, size): (&str, &Tensor, Vec<i64>)| -> Result<(Tensor, Tensor)> {
            Ok((tensor.shallow_clone(), weights.read(name)?.f_reshape(size)?))
        };
        let wanted = fitting.into_iter().filter(|(name, ..)| is_wanted(name));
        let pairs = wanted.map(read).collect::<Result<Vec<_>>>()?;
        for (mut tensor, values) in pairs {
            tensor.f_copy_(&values)?;
        }
        Ok(())
    }
}
