//! Samples in native memory; batches of them cross the border as indices.

use std::sync::{Mutex, MutexGuard};

use tch::{Kind, Tensor};

use crate::batch::{Inputs, check_targets, frame_of};
use crate::config::InputConfig;
use crate::error::{Error, Result};

/// All samples of a dataset, copied once.
pub struct TensorDataset {
    tensors: Mutex<Tensors>,
    frame: InputConfig,
    shape: Vec<i64>,
    largest_target: i64,
}

/// Copied values, in the type in which they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As they were.
    F32(Vec<f32>),
    /// Not scaled.
    U8(Vec<u8>),
}

impl Values {
    /// Copies the values of a tensor of float32 or uint8.
    pub(crate) fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.f_flatten(0, -1)?;
        Ok(match flat.kind() {
            Kind::Uint8 => Self::U8(Vec::try_from(flat)?),
            _ => Self::F32(Vec::try_from(flat)?),
        })
    }

    pub(crate) fn view(&self) -> Inputs<'_> {
        match self {
            Self::F32(values) => Inputs::F32(values),
            Self::U8(values) => Inputs::U8(values),
        }
    }
}

struct Tensors {
    inputs: Tensor,
    targets: Tensor,
}

impl TensorDataset {
    /// Copies samples of `[samples, channels, height, width]` or `[samples, time, channels, height, width]`.
    ///
    /// # Errors
    /// As [`crate::Batch::new`].
    pub fn new(inputs: Inputs<'_>, shape: &[i64], targets: &[i64]) -> Result<Self> {
        let frame = frame_of(shape)?;
        let largest_target = check_targets(targets, shape[0])?;
        crate::device::prepare_libtorch().as_ref().ok();
        let tensors = Tensors {
            inputs: inputs.to_tensor(shape)?,
            targets: Tensor::f_from_slice(targets)?,
        };
        Ok(Self {
            tensors: Mutex::new(tensors),
            frame,
            shape: shape.to_vec(),
            largest_target,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.shape[0]
    }

    /// Never: an empty dataset is refused at the door.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn frame(&self) -> InputConfig {
        self.frame
    }

    pub(crate) fn has_time(&self) -> bool {
        self.shape.len() == 5
    }

    pub(crate) fn shape(&self) -> Vec<i64> {
        self.shape.clone()
    }

    pub(crate) fn largest_target(&self) -> i64 {
        self.largest_target
    }

    /// The values of one sample, its shape without the axis of samples, and its target.
    ///
    /// # Errors
    /// `Data` for an index outside the dataset.
    pub fn sample(&self, index: i64) -> Result<(Values, Vec<i64>, i64)> {
        if !(0..self.len()).contains(&index) {
            let reason = format!("Expected an index from 0 to {}, received {index}", self.len() - 1);
            return Err(Error::Data { reason });
        }
        let values = Values::of(&self.gather_inputs(&[index])?)?;
        let target = self.gather_targets(&[index])?.f_int64_value(&[0])?;
        Ok((values, self.shape[1..].to_vec(), target))
    }

    /// Inputs of the samples at `indices`, which must be in range.
    pub(crate) fn gather_inputs(&self, indices: &[i64]) -> Result<Tensor> {
        Ok(self.inputs()?.f_index_select(0, &Tensor::f_from_slice(indices)?)?)
    }

    /// Targets of the samples at `indices`, which must be in range.
    pub(crate) fn gather_targets(&self, indices: &[i64]) -> Result<Tensor> {
        let targets = self.tensors()?.targets.shallow_clone();
        Ok(targets.f_index_select(0, &Tensor::f_from_slice(indices)?)?)
    }

    /// All inputs; nobody writes to them.
    pub(crate) fn inputs(&self) -> Result<Tensor> {
        Ok(self.tensors()?.inputs.shallow_clone())
    }

    fn tensors(&self) -> Result<MutexGuard<'_, Tensors>> {
        self.tensors.lock().map_err(|_| Error::Internal {
            reason: "a dataset's lock was poisoned".to_owned(),
        })
    }
}
