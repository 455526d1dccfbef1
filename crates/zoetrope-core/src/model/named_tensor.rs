//! Tensors by name, and how they may differ from those that a model asks for.

use std::collections::{HashMap, HashSet};

use tch::Tensor;

use crate::data::inputs::Inputs;
use crate::error::{Error, Names, Result, StateDictMismatch};

/// How the names of batch norms' counts end. PyTorch completes state dicts that lack them, and so do we: no answer depends
/// on a count.
const COUNT_SUFFIX: &str = ".num_batches_tracked";

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

/// Where weights come from: a state dict in memory, or a file. A model looks at all entries before it reads any.
pub(super) trait Weights {
    /// What is known of the tensor of that name before it is read.
    fn entry(&self, name: &str) -> Option<Entry>;

    /// The tensor of that name, on the CPU. It may share its memory with the state dict.
    fn read(&self, name: &str) -> Result<Tensor>;

    /// Every name; one that stands there twice comes twice.
    fn names(&self) -> Vec<&str>;
}

/// A tensor that was not read yet.
pub(super) struct Entry {
    pub(super) shape: Vec<i64>,
    /// Why its values cannot be weights, where they cannot.
    pub(super) problem: Option<String>,
}

/// A state dict whose names are found without a search.
pub(super) struct Indexed<'a> {
    state: &'a StateDict,
    tensors: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Indexed<'a> {
    pub(super) fn new(state: &'a StateDict) -> Self {
        let tensors = state.iter().map(|entry| (entry.name.as_str(), &entry.tensor));
        Self {
            state,
            tensors: tensors.collect(),
        }
    }
}

impl Weights for Indexed<'_> {
    fn entry(&self, name: &str) -> Option<Entry> {
        self.tensors.get(name).map(|tensor| Entry {
            shape: tensor.size(),
            problem: None,
        })
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.get(name).ok_or_else(|| not_there(name))?;
        Ok(tensor.shallow_clone())
    }

    fn names(&self) -> Vec<&str> {
        self.state.iter().map(|entry| entry.name.as_str()).collect()
    }
}

/// Weights under other names, and no more of them than have one.
pub(super) struct Renamed<'a> {
    weights: &'a dyn Weights,
    /// By the new name the old one.
    old: HashMap<&'a str, &'a str>,
    names: Vec<&'a str>,
}

impl<'a> Renamed<'a> {
    /// Of pairs of an old name and a new one.
    pub(super) fn new(weights: &'a dyn Weights, names: &'a [(String, String)]) -> Self {
        Self {
            weights,
            old: names.iter().map(|(old, new)| (new.as_str(), old.as_str())).collect(),
            names: names.iter().map(|(_, new)| new.as_str()).collect(),
        }
    }
}

impl Weights for Renamed<'_> {
    fn entry(&self, name: &str) -> Option<Entry> {
        self.weights.entry(self.old.get(name)?)
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        self.weights.read(self.old.get(name).ok_or_else(|| not_there(name))?)
    }

    fn names(&self) -> Vec<&str> {
        self.names.clone()
    }
}

/// The error of reading a name that has no entry.
pub(super) fn not_there(name: &str) -> Error {
    Error::Internal {
        reason: format!("`{name}` was read without a look at its entry"),
    }
}

/// Whether a tensor of that name is a batch norm's count: an integer in files, and not needed.
pub(super) fn is_count(name: &str) -> bool {
    name.ends_with(COUNT_SUFFIX)
}

impl StateDictMismatch {
    /// Reads the tensor of that name in that shape. `None` where there is none: that is noted as a fault, unless it is
    /// a count.
    pub(super) fn read(&mut self, weights: &dyn Weights, name: &str, shape: &[i64]) -> Result<Option<Tensor>> {
        if self.fits(weights, name, shape) {
            Ok(Some(weights.read(name)?.f_reshape(shape)?))
        } else {
            Ok(None)
        }
    }

    /// Whether the tensor of that name can be read in that shape. A single value may have the shape `[1]` instead of
    /// `[]`, as in PyTorch, which wrote it so once.
    pub(super) fn fits(&mut self, weights: &dyn Weights, name: &str, shape: &[i64]) -> bool {
        let Some(Entry {
            shape: received,
            problem,
        }) = weights.entry(name)
        else {
            if !is_count(name) {
                self.missing.push(name);
            }
            return false;
        };
        if received != shape && !(shape.is_empty() && received == [1]) {
            self.mismatched
                .push(&format!("{name}: expected {shape:?}, received {received:?}"));
            return false;
        }
        if let Some(problem) = &problem {
            self.mismatched.push(&format!("{name}: {problem}"));
        }
        problem.is_none()
    }

    /// Notes names that the model does not know, and names that stand in the state dict twice.
    pub(super) fn find_unexpected(&mut self, weights: &dyn Weights, known: &HashSet<&str>) {
        let mut seen = HashSet::new();
        for name in weights.names() {
            if !known.contains(name) || !seen.insert(name) {
                self.unexpected.push(name);
            }
        }
    }

    /// Fails where anything was noted.
    pub(super) fn into_result(self) -> Result<()> {
        if self == Self::default() {
            return Ok(());
        }
        let list = |what: &str, names: &Names| match names.listed.as_slice() {
            [] => String::new(),
            _ => format!("; {what}: {names}"),
        };
        let reason = format!(
            "The state dict does not fit the model{}{}{}",
            list("missing", &self.missing),
            list("unexpected", &self.unexpected),
            list("wrong shape or dtype", &self.mismatched),
        );
        Err(Error::Checkpoint {
            reason,
            path: None,
            mismatch: Box::new(self),
        })
    }
}
