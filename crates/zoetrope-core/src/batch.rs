//! The only door by which data enters core: checked shape, dtype and length.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use crate::augment::{Augmentation, Changed, Clips, Sides};
use crate::config::{InputConfig, ModelConfig};
use crate::dataset::{TensorDataset, Values};
use crate::error::{Error, Result};
use crate::helper::Pending;

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

    /// The values of a contiguous CPU tensor of float32 or uint8.
    pub(crate) fn of(tensor: &Tensor) -> Inputs<'_> {
        let (data, len) = (tensor.data_ptr(), tensor.numel());
        if tensor.kind() == Kind::Uint8 {
            // SAFETY: `to_tensor` made the tensor of this type, contiguous, on the CPU, and nothing writes to it; the
            // borrow keeps it alive.
            Inputs::U8(unsafe { std::slice::from_raw_parts(data.cast_const().cast::<u8>(), len) })
        } else {
            // SAFETY: as above.
            Inputs::F32(unsafe { std::slice::from_raw_parts(data.cast_const().cast::<f32>(), len) })
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
    changed: Option<Arc<Pending<Changed>>>,
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
            changed: None,
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
            changed: None,
        })
    }

    /// Has the helper thread change the clips at random while the model is busy with others; using the batch waits for
    /// it.
    ///
    /// # Errors
    /// `InvalidConfig` for options that do not fit the frames, `Data` unless there is one index a sample.
    pub fn augment(&mut self, augmentation: Augmentation) -> Result<()> {
        if augmentation.indices.len() as i64 != self.len {
            let reason = format!("Expected {} indices, received {}", self.len, augmentation.indices.len());
            return Err(Error::Data { reason });
        }
        let (inputs, chosen) = match &self.source {
            Source::Owned { inputs, .. } => (inputs.shallow_clone(), None),
            Source::Gathered { dataset, indices } => (dataset.inputs()?, Some(indices.clone())),
        };
        let shape = self.shape();
        let time = if self.has_time { shape[1] as usize } else { 1 };
        let InputConfig {
            channels,
            height,
            width,
        } = self.frame;
        self.changed = Some(augmentation.start(Clips {
            inputs,
            chosen,
            lengths: None,
            time,
            sides: Sides {
                channels: channels as usize,
                height: height as usize,
                width: width as usize,
            },
        })?);
        Ok(())
    }

    /// Copies the inputs as the model will see them, and hands them with their shape to `done`, on the helper thread.
    ///
    /// # Errors
    /// `Internal` where there is no such thread.
    pub fn read_inputs(self, done: impl FnOnce(Result<(Values, Vec<i64>)>) + Send + 'static) -> Result<()> {
        crate::helper::submit(move || {
            let shape = self.shape();
            let read = || match &self.changed {
                Some(changed) => changed.with(|changed| Ok(changed.values.clone())),
                None => Values::of(&self.inputs()?),
            };
            done(read().map(|values| (values, shape)));
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

    /// As they came, on the CPU.
    fn inputs(&self) -> Result<Tensor> {
        match &self.source {
            Source::Owned { inputs, .. } => Ok(inputs.shallow_clone()),
            Source::Gathered { dataset, indices } => dataset.gather_inputs(indices),
        }
    }

    /// Moves the batch to the device, bytes as bytes, and gives every sample its time axis.
    pub(crate) fn to_device(&self, device: Device) -> Result<DeviceBatch> {
        let targets = match &self.source {
            Source::Owned { targets, .. } => targets.as_ref().map(Tensor::shallow_clone),
            Source::Gathered { dataset, indices } => Some(dataset.gather_targets(indices)?),
        };
        let inputs = match &self.changed {
            Some(changed) => changed.with(|changed| changed.values.view().to_tensor(&self.shape()))?,
            None => self.inputs()?,
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
