//! Samples in native memory; batches of them cross the border as indices.

use std::sync::{Mutex, MutexGuard};

use tch::{Kind, Tensor};

use super::inputs::Values;
use super::samples::{Arrays, SampleSpec, SampleTensors, Samples, label_strings};
use super::targets::TargetSpec;
use crate::config::Per;
use crate::error::{Error, Result};

/// All samples of a dataset, copied once.
pub struct TensorDataset {
    tensors: Mutex<SampleTensors>,
    spec: SampleSpec,
}

/// A copy of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its valid frames.
    pub inputs: Values,
    /// Of the inputs, without the axis of samples.
    pub shape: Vec<i64>,
    /// Its target as it was given, its own labels of a string; of a dataset that is said to have targets per frame, those
    /// of the valid ones. `None` of a dataset without targets.
    pub targets: Option<Vec<f64>>,
    /// Of the targets, without the axis of samples: empty for a single number.
    pub target_shape: Vec<i64>,
}

impl TensorDataset {
    /// Copies samples.
    ///
    /// # Errors
    /// As [`crate::Batch::from_arrays`].
    pub fn new(arrays: Arrays<'_>) -> Result<Self> {
        let Samples { spec, tensors } = Samples::new(arrays)?;
        Ok(Self {
            tensors: Mutex::new(tensors),
            spec,
        })
    }

    /// Says what the targets belong to. Until somebody does, a sample's target is handed out whole: the size of an axis
    /// does not tell whether it is the time.
    ///
    /// # Errors
    /// `ShapeMismatch` for targets per frame without an axis of time after the samples.
    pub fn with_targets_per(mut self, per: Per) -> Result<Self> {
        let time = self.spec.time();
        if let Some(targets) = &mut self.spec.targets {
            targets.say(per, time)?;
        }
        Ok(self)
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.spec.len()
    }

    /// Never: an empty dataset is refused at the door.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn spec(&self) -> &SampleSpec {
        &self.spec
    }

    /// A copy of one sample.
    ///
    /// # Errors
    /// `Data` for an index outside the dataset.
    pub fn sample(&self, index: i64) -> Result<Sample> {
        if !(0..self.len()).contains(&index) {
            let reason = format!("Expected an index from 0 to {}, received {index}", self.len() - 1);
            return Err(Error::Data { reason });
        }
        let time = self.spec.time();
        let length = self
            .spec
            .lengths
            .as_ref()
            .map_or(time, |lengths| lengths[index as usize]);
        let valid = |tensor: Tensor, has_time: bool| -> Result<Tensor> {
            let sample = tensor.f_select(0, 0)?;
            Ok(if has_time && length < time {
                sample.f_narrow(0, 0, length)?
            } else {
                sample
            })
        };
        let is_per_frame = self.spec.targets.as_ref().is_some_and(TargetSpec::is_per_frame);
        let inputs = valid(self.gather_inputs(&[index])?, self.spec.has_time)?;
        let own = self.spec.targets.as_ref().and_then(|targets| targets.lengths.as_ref());
        let targets = match (self.gather_targets(&[index])?, own) {
            (None, _) => None,
            (Some(target), Some(own)) => Some(target.f_select(0, 0)?.f_narrow(0, 0, own[index as usize])?),
            (Some(target), None) => Some(valid(target, is_per_frame)?),
        };
        let numbers = |targets: &Tensor| -> Result<Vec<f64>> {
            Ok(Vec::try_from(targets.f_to_kind(Kind::Double)?.f_reshape([-1])?)?)
        };
        Ok(Sample {
            shape: inputs.size(),
            inputs: Values::of(&inputs)?,
            target_shape: targets.as_ref().map(Tensor::size).unwrap_or_default(),
            targets: targets.as_ref().map(numbers).transpose()?,
        })
    }

    /// Checks that the label strings of the samples at `indices`, which must be in range, can be aligned with their clips.
    /// Targets that are no strings are left to the model's check.
    ///
    /// # Errors
    /// `Data`, naming the first sample whose string cannot.
    pub fn check_alignable(&self, indices: &[i64]) -> Result<()> {
        let targets = self.gather_targets(indices)?;
        let is_string = |targets: &Tensor| targets.dim() == 2 && targets.kind() == Kind::Int64;
        let Some(targets) = targets.filter(is_string) else {
            return Ok(());
        };
        let own = self.spec.targets.as_ref().and_then(|targets| targets.lengths.as_ref());
        let own = own.map(|own| indices.iter().map(|&index| own[index as usize]).collect::<Vec<_>>());
        let frames = |sample: usize| {
            let lengths = self.spec.lengths.as_ref();
            lengths.map_or_else(|| self.spec.time(), |lengths| lengths[indices[sample] as usize])
        };
        label_strings(&targets, own.as_deref())?.check_alignable(frames, Some(indices))
    }

    /// Inputs of the samples at `indices`, which must be in range; nobody writes to them. Samples side by side are not
    /// copied.
    pub(crate) fn gather_inputs(&self, indices: &[i64]) -> Result<Tensor> {
        let inputs = self.inputs()?;
        match indices.first() {
            Some(&first) if (first..).zip(indices).all(|(next, &index)| next == index) => {
                Ok(inputs.f_narrow(0, first, indices.len() as i64)?)
            }
            _ => Ok(inputs.f_index_select(0, &Tensor::f_from_slice(indices)?)?),
        }
    }

    /// Targets of the samples at `indices`, which must be in range, where there are targets.
    pub(crate) fn gather_targets(&self, indices: &[i64]) -> Result<Option<Tensor>> {
        let targets = self.tensors()?.targets.as_ref().map(Tensor::shallow_clone);
        let gathered = targets.map(|targets| targets.f_index_select(0, &Tensor::f_from_slice(indices)?));
        Ok(gathered.transpose()?)
    }

    /// All inputs; nobody writes to them.
    pub(crate) fn inputs(&self) -> Result<Tensor> {
        Ok(self.tensors()?.inputs.shallow_clone())
    }

    fn tensors(&self) -> Result<MutexGuard<'_, SampleTensors>> {
        self.tensors.lock().map_err(|_| Error::Internal {
            reason: "a dataset's lock was poisoned".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::inputs::Inputs;
    use crate::data::targets::{TargetValues, Targets};

    /// Two clips of three frames, of which the first is two frames long, with three numbers for each.
    fn dataset() -> Result<TensorDataset> {
        TensorDataset::new(Arrays {
            inputs: Inputs::F32(&[0.0; 12]),
            shape: &[2, 3, 2],
            lengths: Some(&[2, 3]),
            targets: Some(Targets {
                values: TargetValues::Integers(&[1, 0, 1, 0, 1, 1]),
                shape: &[2, 3],
                ..Targets::default()
            }),
        })
    }

    #[test]
    fn a_target_is_whole_unless_it_is_said_to_be_per_frame() -> Result<()> {
        let target = |dataset: &TensorDataset| dataset.sample(0).map(|sample| sample.targets);
        assert_eq!(target(&dataset()?)?, Some(vec![1.0, 0.0, 1.0]));
        assert_eq!(
            target(&dataset()?.with_targets_per(Per::Clip)?)?,
            Some(vec![1.0, 0.0, 1.0])
        );
        assert_eq!(target(&dataset()?.with_targets_per(Per::Frame)?)?, Some(vec![1.0, 0.0]));
        Ok(())
    }
}
