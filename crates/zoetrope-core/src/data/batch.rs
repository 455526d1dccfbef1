//! One batch: samples of its own, or some of a dataset's.

mod features;

use std::sync::Arc;

use tch::{Device, Tensor};

use super::augment::batch::{Augmentation, Changed, Originals};
use super::augment::clip::Sides;
use super::feature_cache::ClipFeatures;
use super::inputs::{Inputs, Values};
use super::samples::{Arrays, Chosen, DeviceBatch, SampleSpec, SampleTensors, Samples};
use super::targets::{TargetValues, Targets};
use super::tensor_dataset::TensorDataset;
use crate::config::{HeadKind, InputConfig, ModelConfig, Per};
use crate::error::{Error, Result};
use crate::runtime::helper::Pending;

/// Some clips and, for training and testing, their targets.
pub struct Batch {
    source: Source,
    changed: Option<Change>,
    /// Of samples of its own: their places in the dataset that they came from, where somebody said them.
    indices: Option<Vec<i64>>,
    /// Where features of its clips are kept, where they are.
    features: Option<ClipFeatures>,
}

enum Source {
    /// Copied, or lent.
    Own(Box<Samples>),
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
                ..Targets::default()
            }),
        })
    }

    /// Copies clips and targets.
    ///
    /// # Errors
    /// `ShapeMismatch` where shapes and lengths do not fit each other, `Data` for a length out of range.
    pub fn from_arrays(arrays: Arrays<'_>) -> Result<Self> {
        Ok(Self {
            source: Source::Own(Box::new(Samples::new(arrays)?)),
            changed: None,
            indices: None,
            features: None,
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
            source: Source::Own(Box::new(samples)),
            changed: None,
            indices: None,
            features: None,
        })
    }

    /// Says the samples' places in the dataset that they came from, by which messages name them.
    #[must_use]
    pub fn with_indices(mut self, indices: Vec<i64>) -> Self {
        self.indices = Some(indices);
        self
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
            indices: None,
            features: None,
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
            Source::Gathered { dataset, indices } => dataset.gather_targets(indices),
        }
    }

    /// Valid frames of each sample, as they came.
    pub(crate) fn lengths(&self) -> Option<Vec<i64>> {
        self.spec().lengths.as_ref().map(|lengths| self.chosen(lengths))
    }

    /// Of targets whose numbers differ from sample to sample, how many each sample has of its own.
    pub(crate) fn target_lengths(&self) -> Option<Vec<i64>> {
        let lengths = self.spec().targets.as_ref()?.lengths.as_ref()?;
        Some(self.chosen(lengths))
    }

    /// Whether targets are indices of names, which the model's classes are not in the order of.
    pub(crate) fn has_named_targets(&self) -> bool {
        self.spec()
            .targets
            .as_ref()
            .is_some_and(|targets| targets.names.is_some())
    }

    /// The samples' places in their dataset, where they are known.
    fn indices(&self) -> Option<Vec<i64>> {
        match &self.source {
            Source::Own(_) => self.indices.clone(),
            Source::Gathered { indices, .. } => Some(indices.clone()),
        }
    }

    /// What this batch's samples have of a number for each sample.
    fn chosen(&self, numbers: &[i64]) -> Vec<i64> {
        match &self.source {
            Source::Own(_) => numbers.to_vec(),
            Source::Gathered { indices, .. } => indices.iter().map(|&index| numbers[index as usize]).collect(),
        }
    }

    /// Moves the batch to the device, for a model that it fits.
    ///
    /// # Errors
    /// `ShapeMismatch` for another size of frames than the model's, `ShapeMismatch` or `Data` for targets that its head
    /// cannot learn.
    pub(crate) fn to_device(&self, config: &ModelConfig, device: Device) -> Result<DeviceBatch> {
        let spec = self.spec();
        let indices = self.indices();
        spec.check_fits(config, self.len(), indices.as_deref())?;
        let (inputs, lengths) = match &self.changed {
            Some(change) => {
                let follow = config.head.per == Per::Frame || config.head.kind == HeadKind::Forecast;
                if change.moves_frames && follow && spec.targets.is_some() {
                    return Err(Error::Data {
                        reason: "Expected no timeCrop, timeStretch or dropFrames with targets of frames, which do not \
                             follow them"
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
        let chosen = Chosen {
            lengths,
            target_lengths: self.target_lengths(),
            indices,
            has_no_frames: false,
        };
        spec.to_device(SampleTensors { inputs, targets }, &chosen, config, device)
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
