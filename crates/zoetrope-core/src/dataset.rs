//! Samples in native memory; batches of them cross the border as indices.

use std::sync::Mutex;

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
        let (inputs, targets) = self.gather(&[index])?;
        let values = match inputs.kind() {
            Kind::Uint8 => Values::U8(Vec::try_from(inputs.f_flatten(0, -1)?)?),
            _ => Values::F32(Vec::try_from(inputs.f_flatten(0, -1)?)?),
        };
        Ok((values, self.shape[1..].to_vec(), targets.f_int64_value(&[0])?))
    }

    /// Inputs and targets of the samples at `indices`, which must be in range.
    pub(crate) fn gather(&self, indices: &[i64]) -> Result<(Tensor, Tensor)> {
        let indices = Tensor::f_from_slice(indices)?;
        let (inputs, targets) = {
            let poisoned = |_| Error::Internal {
                reason: "a dataset's lock was poisoned".to_owned(),
            };
            let tensors = self.tensors.lock().map_err(poisoned)?;
            (tensors.inputs.shallow_clone(), tensors.targets.shallow_clone())
        };
        Ok((
            inputs.f_index_select(0, &indices)?,
            targets.f_index_select(0, &indices)?,
        ))
    }
}
