//! Tensors by name, and how they may differ from those that a model asks for.

use tch::Tensor;

use crate::data::inputs::Inputs;
use crate::error::{Error, Result, StateDictMismatch};

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
