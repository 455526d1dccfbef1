//! The only door by which data enters core: checked shape, dtype and length.

use std::sync::Arc;

use tch::{Device, Tensor};

use crate::config::{InputConfig, ModelConfig};
use crate::dataset::TensorDataset;
use crate::error::{Error, Result};

/// Pixels or other values as they come, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// Taken as they are.
    F32(&'a [f32]),
    /// Scaled to 0…1 on the device.
    U8(&'a [u8]),
}

impl Inputs<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Copies into a CPU tensor of the given shape, which must have as many elements.
    pub(crate) fn to_tensor(self, shape: &[i64]) -> Result<Tensor> {
        check_length("inputs", self.len(), shape)?;
        let flat = match self {
            Self::F32(values) => Tensor::f_from_slice(values)?,
            Self::U8(values) => Tensor::f_from_slice(values)?,
        };
        Ok(flat.f_view(shape)?)
    }
}

/// Some clips and, for training and testing, their classes.
pub struct Batch {
    source: Source,
    frame: InputConfig,
    len: i64,
    has_time: bool,
}

enum Source {
    Owned {
        inputs: Tensor,
        targets: Option<Tensor>,
        largest_target: i64,
    },
    Gathered {
        dataset: Arc<TensorDataset>,
        indices: Vec<i64>,
    },
}

/// A batch on its device, as the model takes it.
pub(crate) struct DeviceBatch {
    /// `[batch, time, channels, height, width]`: float32, or uint8, which the encoder scales.
    pub inputs: Tensor,
    /// `[batch]`, int64; absent for prediction.
    pub targets: Option<Tensor>,
}

impl Batch {
    /// Copies a batch of `[batch, channels, height, width]` (every sample one frame) or
    /// `[batch, time, channels, height, width]`; `targets` are class indices, one a sample.
    ///
    /// # Errors
    /// `ShapeMismatch` where shape and lengths do not fit each other, `Data` for a negative target.
    pub fn new(inputs: Inputs<'_>, shape: &[i64], targets: Option<&[i64]>) -> Result<Self> {
        let frame = frame_of(shape)?;
        let largest_target = targets.map_or(Ok(-1), |targets| check_targets(targets, shape[0]))?;
        crate::device::prepare_libtorch().as_ref().ok();
        let source = Source::Owned {
            inputs: inputs.to_tensor(shape)?,
            targets: targets.map(Tensor::f_from_slice).transpose()?,
            largest_target,
        };
        Ok(Self {
            source,
            frame,
            len: shape[0],
            has_time: shape.len() == 5,
        })
    }

    /// Some samples of a dataset, gathered when the batch is used.
    ///
    /// # Errors
    /// `Data` for an index outside the dataset, or none.
    pub fn gathered(dataset: Arc<TensorDataset>, indices: Vec<i64>) -> Result<Self> {
        if let Some(index) = indices.iter().find(|index| !(0..dataset.len()).contains(index)) {
            let reason = format!("Expected indices from 0 to {}, received {index}", dataset.len() - 1);
            return Err(Error::Data { reason });
        }
        if indices.is_empty() {
            return Err(Error::Data {
                reason: "Expected at least one index, received none".to_owned(),
            });
        }
        let (frame, has_time, len) = (dataset.frame(), dataset.has_time(), indices.len() as i64);
        Ok(Self {
            source: Source::Gathered { dataset, indices },
            frame,
            len,
            has_time,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.len
    }

    /// Never: an empty batch is refused at the door.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks that the batch fits the model: the frame's size, and every target a class.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data`.
    pub(crate) fn check_fits(&self, config: &ModelConfig) -> Result<()> {
        let InputConfig {
            channels,
            height,
            width,
        } = config.input;
        if self.frame != config.input {
            let time = if self.has_time { "time, " } else { "" };
            return Err(Error::ShapeMismatch {
                what: "inputs".to_owned(),
                expected: format!(
                    "[batch, {time}{channels}, {height}, {width}] (channels, height, width of the model)"
                ),
                actual: self.shape(),
            });
        }
        let largest = match &self.source {
            Source::Owned { largest_target, .. } => *largest_target,
            Source::Gathered { dataset, .. } => dataset.largest_target(),
        };
        if largest < config.num_classes {
            return Ok(());
        }
        let last = config.num_classes - 1;
        Err(Error::Data {
            reason: format!("Expected targets from 0 to {last} (numClasses - 1), received {largest}"),
        })
    }

    fn shape(&self) -> Vec<i64> {
        let mut shape = match &self.source {
            Source::Owned { inputs, .. } => inputs.size(),
            Source::Gathered { dataset, .. } => dataset.shape(),
        };
        shape[0] = self.len;
        shape
    }

    /// Moves the batch to the device, bytes as bytes, and gives every sample its time axis.
    pub(crate) fn to_device(&self, device: Device) -> Result<DeviceBatch> {
        let (inputs, targets) = match &self.source {
            Source::Owned { inputs, targets, .. } => {
                (inputs.shallow_clone(), targets.as_ref().map(Tensor::shallow_clone))
            }
            Source::Gathered { dataset, indices } => {
                let (inputs, targets) = dataset.gather(indices)?;
                (inputs, Some(targets))
            }
        };
        let inputs = inputs.f_to_device(device)?;
        let inputs = if self.has_time { inputs } else { inputs.f_unsqueeze(1)? };
        Ok(DeviceBatch {
            inputs,
            targets: targets.map(|targets| targets.f_to_device(device)).transpose()?,
        })
    }
}

/// The frame of `[batch, (time,) channels, height, width]`; every axis must have a size.
pub(crate) fn frame_of(shape: &[i64]) -> Result<InputConfig> {
    match *shape {
        [batch, channels, height, width] if [batch, channels, height, width].iter().all(|&n| n > 0) => {
            Ok(InputConfig {
                channels,
                height,
                width,
            })
        }
        [batch, time, channels, height, width] if [batch, time, channels, height, width].iter().all(|&n| n > 0) => {
            Ok(InputConfig {
                channels,
                height,
                width,
            })
        }
        _ => Err(Error::ShapeMismatch {
            what: "inputs".to_owned(),
            expected: "[batch, channels, height, width] or [batch, time, channels, height, width], no axis empty"
                .to_owned(),
            actual: shape.to_vec(),
        }),
    }
}

/// Checks the number of targets and that none is negative; returns the largest.
pub(crate) fn check_targets(targets: &[i64], batch: i64) -> Result<i64> {
    check_length("targets", targets.len(), &[batch])?;
    let smallest = targets.iter().copied().min().unwrap_or(0);
    if smallest < 0 {
        return Err(Error::Data {
            reason: format!("Expected targets of at least 0, received {smallest}"),
        });
    }
    Ok(targets.iter().copied().max().unwrap_or(-1))
}

fn check_length(what: &str, len: usize, shape: &[i64]) -> Result<()> {
    let elements = shape.iter().try_fold(1_i64, |product, &size| product.checked_mul(size));
    if elements == Some(len as i64) {
        return Ok(());
    }
    Err(Error::ShapeMismatch {
        what: what.to_owned(),
        expected: format!(
            "{shape:?}, that is {} elements",
            elements.map_or("too many".to_owned(), |n| n.to_string())
        ),
        actual: vec![len as i64],
    })
}
