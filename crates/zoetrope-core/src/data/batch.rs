//! One batch: samples of its own, or some of a dataset's.

use std::sync::Arc;

use tch::{Device, Tensor};

use super::augment::batch::{Augmentation, Changed, Originals};
use super::augment::clip::Sides;
use super::inputs::{Inputs, Values};
use super::samples::{Arrays, DeviceBatch, SampleSpec, SampleTensors, Samples};
use super::targets::{TargetValues, Targets};
use super::tensor_dataset::TensorDataset;
use crate::config::{InputConfig, ModelConfig, Per};
use crate::error::{Error, Result};
use crate::runtime::helper::Pending;

/// Some clips and, for training and testing, their targets.
pub struct Batch {
    source: Source,
    changed: Option<Change>,
}

enum Source {
    /// Copied, or lent.
    Own(Samples),
    Gathered {
        dataset: Arc<TensorDataset>,
        indices: Vec<i64>,
    },
}

/// Clips that the helper thread changes.
struct Change {
    clips: Arc<Pending<Changed>>,
    /// Whether frames change their places, which targets of frames would not follow.
    moves_frames: bool,
}

impl Batch {
    /// Copies full clips and, for training and testing, the class of each; see [`Self::from_arrays`].
    ///
    /// # Errors
    /// As [`Self::from_arrays`].
    pub fn new(inputs: Inputs<'_>, shape: &[i64], targets: Option<&[i64]>) -> Result<Self> {
        let samples = [shape.first().map_or(0, |&samples| samples)];
        Self::from_arrays(Arrays {
            inputs,
            shape,
            lengths: None,
            targets: targets.map(|values| Targets {
                values: TargetValues::Integers(values),
                shape: &samples,
            }),
        })
    }

    /// Copies clips and targets.
    ///
    /// # Errors
    /// `ShapeMismatch` where shapes and lengths do not fit each other, `Data` for a length out of range.
    pub fn from_arrays(arrays: Arrays<'_>) -> Result<Self> {
        Ok(Self {
            source: Source::Own(Samples::new(arrays)?),
            changed: None,
        })
    }

    /// Copies lengths and targets; the clips stay where they are and are read until the job that uses the batch is done.
    /// `keeper` is dropped, on whichever thread, when nobody has them any more.
    ///
    /// # Safety
    /// Until `keeper` is dropped, the inputs of `arrays` must stay valid, and nothing may write to them.
    ///
    /// # Errors
    /// As [`Self::from_arrays`].
    pub unsafe fn lent(arrays: Arrays<'_>, keeper: Box<dyn Send>) -> Result<Self> {
        // SAFETY: the caller's promise.
        let samples = unsafe { Samples::lent(arrays, keeper)? };
        Ok(Self {
            source: Source::Own(samples),
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
        Ok(Self {
            source: Source::Gathered { dataset, indices },
            changed: None,
        })
    }

    /// Has the helper thread change the clips at random while the model is busy with others; using the batch waits for
    /// it.
    ///
    /// # Errors
    /// `InvalidConfig` for options that do not fit the frames, `Data` unless there is one index a sample.
    pub fn augment(&mut self, augmentation: Augmentation) -> Result<()> {
        if augmentation.indices.len() as i64 != self.len() {
            let reason = format!(
                "Expected {} indices, received {}",
                self.len(),
                augmentation.indices.len()
            );
            return Err(Error::Data { reason });
        }
        let (inputs, chosen) = match &self.source {
            Source::Own(samples) => (samples.tensors.inputs.shallow_clone(), None),
            Source::Gathered { dataset, indices } => (dataset.inputs()?, Some(indices.clone())),
        };
        let [channels, height, width] = match self.spec().input {
            InputConfig::Frame(frame) => [frame.channels, frame.height, frame.width],
            InputConfig::Vector(vector) => [1, vector.features, 1],
        };
        let config = &augmentation.config;
        let moves_frames = config.time_crop > 0.0 || config.time_stretch > 0.0 || config.drop_frames > 0.0;
        let clips = augmentation.start(Originals {
            inputs,
            chosen,
            lengths: self.lengths(),
            time: self.spec().time() as usize,
            sides: Sides {
                channels: channels as usize,
                height: height as usize,
                width: width as usize,
            },
        })?;
        self.changed = Some(Change { clips, moves_frames });
        Ok(())
    }

    /// Copies the inputs as the model will see them, and hands them with their shape and, where clips have different
    /// ones, their lengths to `done`, on the helper thread.
    pub fn read_inputs(self, done: impl FnOnce(Result<ReadInputs>) + Send + 'static) {
        let read = move || {
            let (values, lengths) = match &self.changed {
                Some(Change { clips, .. }) => {
                    clips.with(|changed| Ok((changed.values.clone(), changed.lengths.clone())))?
                }
                None => (Values::of(&self.inputs()?)?, self.lengths()),
            };
            Ok(ReadInputs {
                values,
                shape: self.shape(),
                lengths,
            })
        };
        crate::runtime::helper::run_beside(read, done);
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> i64 {
        match &self.source {
            Source::Own(samples) => samples.spec.len(),
            Source::Gathered { indices, .. } => indices.len() as i64,
        }
    }

    /// Never: an empty batch is refused at the door.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn spec(&self) -> &SampleSpec {
        match &self.source {
            Source::Own(samples) => &samples.spec,
            Source::Gathered { dataset, .. } => dataset.spec(),
        }
    }

    pub(crate) fn input(&self) -> InputConfig {
        self.spec().input
    }

    pub(crate) fn time(&self) -> i64 {
        self.spec().time()
    }

    pub(crate) fn shape(&self) -> Vec<i64> {
        let mut shape = self.spec().shape.clone();
        shape[0] = self.len();
        shape
    }

    /// As they came, on the CPU.
    pub(crate) fn inputs(&self) -> Result<Tensor> {
        match &self.source {
            Source::Own(samples) => Ok(samples.tensors.inputs.shallow_clone()),
            Source::Gathered { dataset, indices } => dataset.gather_inputs(indices),
        }
    }

    pub(crate) fn targets(&self) -> Result<Option<Tensor>> {
        match &self.source {
            Source::Own(samples) => Ok(samples.tensors.targets.as_ref().map(Tensor::shallow_clone)),
            Source::Gathered { dataset, indices } => Ok(Some(dataset.gather_targets(indices)?)),
        }
    }

    /// Valid frames of each sample, as they came.
    pub(crate) fn lengths(&self) -> Option<Vec<i64>> {
        let lengths = self.spec().lengths.as_ref()?;
        Some(match &self.source {
            Source::Own(_) => lengths.clone(),
            Source::Gathered { indices, .. } => indices.iter().map(|&index| lengths[index as usize]).collect(),
        })
    }

    /// Moves the batch to the device, for a model that it fits.
    ///
    /// # Errors
    /// `ShapeMismatch` for another size of frames than the model's, `ShapeMismatch` or `Data` for targets that its head
    /// cannot learn.
    pub(crate) fn to_device(&self, config: &ModelConfig, device: Device) -> Result<DeviceBatch> {
        let (tensors, lengths) = self.tensors(config)?;
        self.spec().to_device(tensors, lengths.as_deref(), config, device)
    }

    /// As [`Self::to_device`], of each clip only the first frames, as many as `cut` makes of its length.
    pub(crate) fn cut_to_device(
        &self,
        config: &ModelConfig,
        device: Device,
        cut: impl Fn(i64) -> i64,
    ) -> Result<DeviceBatch> {
        let (tensors, lengths) = self.tensors(config)?;
        let lengths = lengths.unwrap_or_else(|| vec![self.time(); self.len() as usize]);
        let lengths: Vec<i64> = lengths.into_iter().map(cut).collect();
        self.spec().to_device(tensors, Some(&lengths), config, device)
    }

    /// The values of the batch on the CPU, for a model that it fits, and the lengths of its clips.
    fn tensors(&self, config: &ModelConfig) -> Result<(SampleTensors, Option<Vec<i64>>)> {
        let spec = self.spec();
        spec.check_fits(config, self.len())?;
        let (inputs, lengths) = match &self.changed {
            Some(change) => {
                if change.moves_frames && config.head.per == Per::Frame && spec.targets.is_some() {
                    return Err(Error::Data {
                        reason:
                            "Expected no timeCrop, timeStretch or dropFrames with a head per frame, whose targets do \
                                 not follow the frames"
                                .to_owned(),
                    });
                }
                change.clips.with(|changed| {
                    let inputs = changed.values.view().to_tensor(&self.shape())?;
                    Ok((inputs, changed.lengths.clone()))
                })?
            }
            None => (self.inputs()?, self.lengths()),
        };
        let targets = self.targets()?;
        Ok((SampleTensors { inputs, targets }, lengths))
    }
}

/// A copy of a batch's inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadInputs {
    /// In the type in which they came.
    pub values: Values,
    /// One size an axis.
    pub shape: Vec<i64>,
    /// Valid frames of each clip, where they are not all.
    pub lengths: Option<Vec<i64>>,
}
