//! Parameters by name, and how a state dict may differ from a model.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::model::CnnLstm;
use crate::samples::Inputs;

/// A tensor on the CPU with its name.
#[derive(Debug)]
pub struct NamedTensor {
    /// Such as `cnn.conv1.weight`.
    pub name: String,
    /// On the CPU.
    pub tensor: Tensor,
}

impl NamedTensor {
    /// Copies values of the given shape.
    ///
    /// # Errors
    /// `ShapeMismatch` where there are more or fewer values than the shape says.
    pub fn new(name: String, values: &[f32], shape: &[i64]) -> Result<Self> {
        let named = |error| match error {
            Error::ShapeMismatch { expected, actual, .. } => Error::ShapeMismatch {
                what: format!("`{name}`"),
                expected,
                actual,
            },
            other => other,
        };
        let tensor = Inputs::F32(values).to_tensor(shape).map_err(named)?;
        Ok(Self { name, tensor })
    }
}

/// Every parameter and buffer of a model, by name.
pub type StateDict = Vec<NamedTensor>;

/// How a state dict differs from a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDictMismatch {
    /// Parameters of the model that the state dict lacks.
    pub missing: Vec<String>,
    /// Names in the state dict that the model does not have, or that stand there twice.
    pub unexpected: Vec<String>,
    /// `name: expected [..], received [..]`.
    pub mismatched: Vec<String>,
}

impl StateDictMismatch {
    /// The tensor of that name where it has the shape; otherwise notes what is wrong.
    pub(crate) fn find<'a>(&mut self, state: &'a StateDict, name: &str, shape: &[i64]) -> Option<&'a Tensor> {
        let Some(entry) = state.iter().find(|entry| entry.name == name) else {
            self.missing.push(name.to_owned());
            return None;
        };
        let received = entry.tensor.size();
        if received != shape {
            self.mismatched
                .push(format!("{name}: expected {shape:?}, received {received:?}"));
            return None;
        }
        Some(&entry.tensor)
    }

    /// Notes names that the model does not know, and names that stand in the state dict twice.
    pub(crate) fn find_unexpected(&mut self, state: &StateDict, is_known: impl Fn(&str) -> bool) {
        for (index, entry) in state.iter().enumerate() {
            if !is_known(&entry.name) || state[..index].iter().any(|earlier| earlier.name == entry.name) {
                self.unexpected.push(entry.name.clone());
            }
        }
    }

    /// Fails where anything was noted.
    pub(crate) fn into_result(self) -> Result<()> {
        if self == Self::default() {
            return Ok(());
        }
        let list = |what: &str, names: &[String]| match names {
            [] => String::new(),
            names => format!("; {what}: {}", names.join(", ")),
        };
        let reason = format!(
            "The state dict does not fit the model{}{}{}",
            list("missing", &self.missing),
            list("unexpected", &self.unexpected),
            list("wrong shape", &self.mismatched),
        );
        Err(Error::Checkpoint {
            reason,
            path: None,
            mismatch: self,
        })
    }
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
