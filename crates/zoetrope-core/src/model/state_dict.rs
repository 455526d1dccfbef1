//! A model's parameters and buffers by name, out and in.

use std::collections::HashSet;

use tch::{Device, Kind, Tensor};

use super::cnn_lstm::CnnLstm;
use super::named_tensor::{Indexed, NamedTensor, Renamed, StateDict, Weights};
use crate::error::{Names, Result, StateDictMismatch};

/// How a state dict may differ from the model that it is loaded into.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Whether every name must be in both.
    pub strict: bool,
    /// Names of the state dict and the model's names for them; the others are left out. `None`: all names, as they are.
    pub names: Option<Vec<(String, String)>>,
    /// What the names of the model begin with that are looked at: those of one of its parts. `None`: all.
    pub part: Option<String>,
}

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

    /// As [`Self::load_state_dict`], of a state dict that may be another model's in part.
    ///
    /// # Errors
    /// As [`Self::load_state_dict`]; without `strict` only for tensors of a wrong shape or dtype.
    pub fn load_partial(&mut self, state: &StateDict, fit: &Fit) -> Result<StateDictMismatch> {
        self.load_fitting(&Indexed::new(state), fit)
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
        self.overwrite(&Indexed::new(state), None, true, |name| !frozen.contains(name))?;
        Ok(())
    }

    /// As [`Self::load_state_dict`], from wherever weights come.
    pub(super) fn load_weights(&mut self, weights: &dyn Weights) -> Result<()> {
        self.overwrite(weights, None, true, |_| true)?;
        Ok(())
    }

    /// As [`Self::load_partial`], from wherever weights come.
    pub(super) fn load_fitting(&mut self, weights: &dyn Weights, fit: &Fit) -> Result<StateDictMismatch> {
        let part = fit.part.as_deref();
        match &fit.names {
            Some(names) => self.overwrite(&Renamed::new(weights, names), part, fit.strict, |_| true),
            None => self.overwrite(weights, part, fit.strict, |_| true),
        }
    }

    /// Checks everything, then overwrites what is wanted. Of a state dict that need not be the model's in whole, missing and
    /// unexpected names are no fault; they are what is returned.
    fn overwrite(
        &self,
        weights: &dyn Weights,
        part: Option<&str>,
        strict: bool,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<StateDictMismatch> {
        let mut own = self.state();
        own.retain(|(name, _)| part.is_none_or(|part| name.starts_with(part)));
        let mut mismatch = StateDictMismatch::default();
        let mut fitting = Vec::with_capacity(own.len());
        for (name, tensor) in &own {
            let size = tensor.size();
            if mismatch.fits(weights, name, &size) {
                fitting.push((*name, *tensor, size));
            }
        }
        mismatch.find_unexpected(weights, &own.iter().map(|(name, _)| *name).collect());
        if strict || mismatch.mismatched != Names::default() {
            mismatch.clone().into_result()?;
        }
        let _guard = tch::no_grad_guard();
        // Reading may fail half way: nothing is written before everything was read.
        let read = |(name, tensor, size): (&str, &Tensor, Vec<i64>)| -> Result<(Tensor, Tensor)> {
            Ok((tensor.shallow_clone(), weights.read(name)?.f_reshape(size)?))
        };
        let wanted = fitting.into_iter().filter(|(name, ..)| is_wanted(name));
        let pairs = wanted.map(read).collect::<Result<Vec<_>>>()?;
        for (mut tensor, values) in pairs {
            // A write that changes nothing would still count as one, by which packed weights and kept features are old.
            if !tensor.f_equal(&values.f_to_kind(tensor.kind())?.f_to_device(tensor.device())?)? {
                tensor.f_copy_(&values)?;
            }
        }
        Ok(mismatch)
    }
}
