//! The door by which data enters core: clips, their lengths and targets, checked against each other once.

use tch::{Device, Kind, Tensor};

use super::inputs::{Inputs, check_length};
use super::kept_clips::KeptClips;
use super::label_strings::{LabelStrings, sample_name};
use super::lengths::{Layout, Lengths};
use super::probabilities;
use super::targets::{self, TargetSpec, Targets};
use crate::config::{FrameSize, HeadKind, InputConfig, ModelConfig, Per, VectorSize};
use crate::error::{Error, Result};
use crate::kernels::{self, Keeper};

/// Some borrowed clips.
#[derive(Debug, Clone, Copy)]
pub struct Arrays<'a> {
    /// As many as the product of `shape`.
    pub inputs: Inputs<'a>,
    /// `[samples, channels, height, width]` or `[samples, features]` (every sample one frame), or the same with the
    /// time after the samples.
    pub shape: &'a [i64],
    /// Number of valid frames of each sample, `[samples]`, each from 1 to time; the frames after them are padding.
    pub lengths: Option<&'a [i64]>,
    /// The targets; none for prediction.
    pub targets: Option<Targets<'a>>,
}

/// Clips and targets on the CPU.
pub(crate) struct Samples {
    pub spec: SampleSpec,
    pub tensors: SampleTensors,
}

/// The values of some samples.
pub(crate) struct SampleTensors {
    /// As in [`Arrays::shape`].
    pub inputs: Tensor,
    /// int64 or float32.
    pub targets: Option<Tensor>,
}

/// What is known of some samples without a look at their values.
#[derive(Clone)]
pub(crate) struct SampleSpec {
    pub shape: Vec<i64>,
    pub input: InputConfig,
    pub has_time: bool,
    pub lengths: Option<Vec<i64>>,
    pub targets: Option<TargetSpec>,
}

/// Clips as the model takes them, on its device.
pub(crate) struct Clips {
    /// `[batch, time, channels, height, width]` or `[batch, time, features]`: float32, or uint8, which is scaled.
    pub inputs: Tensor,
    /// Which frames count; all of them where there is nothing here.
    pub lengths: Option<Lengths>,
    /// Where the clips' features are kept. `inputs` then have a shape, and no values.
    pub kept: Option<KeptClips>,
}

/// Samples on their device, as the model takes them.
pub(crate) struct DeviceBatch {
    pub clips: Clips,
    /// As the head's loss takes them.
    pub targets: Option<DeviceTargets>,
    /// Time of the inputs as they came; [`Clips::inputs`] ends with the longest clip.
    pub time: i64,
    /// The samples' places in their dataset, for messages, where they are known.
    pub indices: Option<Vec<i64>>,
}

impl Clips {
    /// How their frames lie.
    pub(crate) fn layout(&self) -> Layout<'_> {
        Layout {
            batch: self.inputs.size()[0],
            time: self.inputs.size()[1],
            lengths: self.lengths.as_ref(),
        }
    }
}

impl DeviceBatch {
    /// The first `frames[clip]` frames of each clip, 1 or more and no more than it has, with the targets that belong to
    /// them.
    pub(crate) fn cut(&self, frames: &[i64], per: Per) -> Result<Self> {
        let inputs = &self.clips.inputs;
        let longest = frames.iter().copied().max().unwrap_or(self.time);
        let targets = match (&self.targets, per) {
            (Some(DeviceTargets::Rows(rows)), Per::Frame) => {
                let first = self.clips.layout().rows_of_first(frames, rows.device())?;
                Some(DeviceTargets::Rows(rows.f_index_select(0, &first)?))
            }
            (Some(DeviceTargets::Rows(rows)), Per::Clip) => Some(DeviceTargets::Rows(rows.shallow_clone())),
            (Some(DeviceTargets::Strings(strings)), _) => Some(DeviceTargets::Strings(strings.clone())),
            (None, _) => None,
        };
        Ok(Self {
            clips: Clips {
                inputs: inputs.f_narrow(1, 0, longest)?,
                lengths: Some(Lengths::new(frames, longest, inputs.device())?),
                kept: None,
            },
            targets,
            indices: self.indices.clone(),
            time: self.time,
        })
    }
}

/// Targets as a head's loss takes them.
pub(crate) enum DeviceTargets {
    /// One row an answer: int64 of `[batch]` or `[frames]`, or float32 with an axis of outputs after it.
    Rows(Tensor),
    /// A string of labels for each clip.
    Strings(LabelStrings),
}

/// Facts of the samples that a batch has, in their order.
#[derive(Default)]
pub(crate) struct Chosen {
    /// Valid frames of each.
    pub lengths: Option<Vec<i64>>,
    /// See [`Targets::lengths`].
    pub target_lengths: Option<Vec<i64>>,
    /// Their places in the dataset, for messages.
    pub indices: Option<Vec<i64>>,
    /// Whether the inputs are a shape without values.
    pub has_no_frames: bool,
}

impl Samples {
    /// Checks and copies.
    pub(crate) fn new(arrays: Arrays<'_>) -> Result<Self> {
        Self::stored(arrays, Inputs::to_tensor)
    }

    /// Checks; copies lengths and targets, while the inputs stay where they are.
    ///
    /// # Safety
    /// That of [`kernels::lent`].
    pub(crate) unsafe fn lent(arrays: Arrays<'_>, keeper: Keeper) -> Result<Self> {
        // SAFETY: the caller's promise.
        Self::stored(arrays, |inputs, shape| unsafe { lent(inputs, shape, keeper) })
    }

    /// As [`Self::lent`], of which some clips alone have inputs, of `inputs_shape`.
    ///
    /// # Safety
    /// That of [`kernels::lent`].
    pub(crate) unsafe fn lent_in_part(arrays: Arrays<'_>, inputs_shape: &[i64], keeper: Keeper) -> Result<Self> {
        // SAFETY: the caller's promise.
        Self::stored(arrays, |inputs, _| unsafe { lent(inputs, inputs_shape, keeper) })
    }

    fn stored<'a>(arrays: Arrays<'a>, to_tensor: impl FnOnce(Inputs<'a>, &[i64]) -> Result<Tensor>) -> Result<Self> {
        let Arrays {
            inputs,
            shape,
            lengths,
            targets,
        } = arrays;
        let (input, has_time) = input_of(shape)?;
        let time = if has_time { shape[1] } else { 1 };
        let lengths = lengths
            .map(|lengths| check_lengths(lengths, shape[0], time))
            .transpose()?;
        let target_spec = targets
            .map(|targets| TargetSpec::new(targets, shape[0], time, lengths.as_deref()))
            .transpose()?;
        crate::runtime::device::prepare_libtorch().as_ref().ok();
        let tensors = SampleTensors {
            inputs: to_tensor(inputs, shape)?,
            targets: targets.map(Targets::to_tensor).transpose()?,
        };
        let spec = SampleSpec {
            shape: shape.to_vec(),
            input,
            has_time,
            lengths,
            targets: target_spec,
        };
        Ok(Self { spec, tensors })
    }
}

impl SampleSpec {
    pub(crate) fn len(&self) -> i64 {
        self.shape[0]
    }

    /// Frames of a sample, padding included.
    pub(crate) fn time(&self) -> i64 {
        if self.has_time { self.shape[1] } else { 1 }
    }

    /// Checks that `len` of the samples fit the model: the frame's size, and targets that the head can learn.
    ///
    /// # Errors
    /// `ShapeMismatch` or `Data`.
    pub(crate) fn check_fits(&self, config: &ModelConfig, len: i64, indices: Option<&[i64]>) -> Result<()> {
        if self.input != config.input {
            let time = if self.has_time { "time, " } else { "" };
            let sizes: Vec<String> = config.input.sizes().iter().map(ToString::to_string).collect();
            let expected = format!(
                "[batch, {time}{}] ({} of the model)",
                sizes.join(", "),
                config.input.axes()
            );
            let mut actual = self.shape.clone();
            actual[0] = len;
            return Err(Error::ShapeMismatch {
                what: "inputs".to_owned(),
                expected,
                actual,
            });
        }
        match &self.targets {
            Some(targets) => targets.check_fits(config, self.time(), self.lengths.as_deref(), len, indices),
            None => Ok(()),
        }
    }

    /// Moves samples to the device, bytes as bytes, up to the last frame that counts; gives every sample its time axis.
    ///
    /// `chosen` is about the samples in `tensors`; the model's head must be fit for them.
    ///
    /// # Errors
    /// `Data` for a target that has no class's name, or that cannot be aligned with its clip.
    pub(crate) fn to_device(
        &self,
        tensors: SampleTensors,
        chosen: &Chosen,
        config: &ModelConfig,
        device: Device,
    ) -> Result<DeviceBatch> {
        let time = self.time();
        let targets = tensors
            .targets
            .map(|targets| self.in_classes(&targets, chosen, config))
            .transpose()?;
        let lengths = chosen.lengths.as_deref();
        let longest = lengths
            .and_then(|lengths| lengths.iter().copied().max())
            .unwrap_or(time);
        let mut inputs = tensors.inputs;
        if !self.has_time {
            inputs = inputs.f_unsqueeze(1)?;
        }
        if longest < time {
            inputs = inputs.f_narrow(1, 0, longest)?;
        }
        probabilities::check(&inputs, lengths, chosen.indices.as_deref(), config)?;
        let lengths = match lengths {
            Some(lengths) if lengths.iter().any(|&length| length < longest) => {
                Some(Lengths::new(lengths, longest, device)?)
            }
            _ => None,
        };
        if lengths.is_none() && !chosen.has_no_frames {
            inputs = inputs.f_contiguous()?; //           frames that `Lengths::pack` does not copy
        }
        let rows = |targets: &Tensor| -> Result<DeviceTargets> {
            let shape = targets::shape_of(config, time, targets.size()[0]);
            let mut targets = targets.f_view(shape.as_slice())?.f_to_device(device)?;
            if config.head.per == Per::Frame {
                if longest < time {
                    targets = targets.f_narrow(1, 0, longest)?;
                }
                targets = match &lengths {
                    Some(lengths) => lengths.pack(&targets)?,
                    None => targets.f_flatten(0, 1)?,
                };
            }
            let is_classes = config.head.kind == HeadKind::Classification;
            let kind = if is_classes { Kind::Int64 } else { Kind::Float };
            Ok(DeviceTargets::Rows(targets.f_to_kind(kind)?))
        };
        let targets = match &targets {
            None => None,
            Some(targets) if config.head.kind.has_label_strings() => {
                let strings = label_strings(targets, chosen.target_lengths.as_deref())?;
                if config.head.kind == HeadKind::Ctc {
                    let frames = |sample: usize| chosen.lengths.as_ref().map_or(time, |lengths| lengths[sample]);
                    strings.check_alignable(frames, chosen.indices.as_deref())?;
                }
                if let Some(sequence) = &config.head.sequence {
                    strings.check_max_length(sequence.max_length, chosen.indices.as_deref())?;
                }
                Some(DeviceTargets::Strings(strings))
            }
            Some(targets) => Some(rows(targets)?),
        };
        Ok(DeviceBatch {
            clips: Clips {
                inputs: inputs.f_to_device(device)?,
                lengths,
                kept: None,
            },
            targets,
            time,
            indices: chosen.indices.clone(),
        })
    }

    /// Targets by name as the model's classes; other targets as they are.
    fn in_classes(&self, targets: &Tensor, chosen: &Chosen, config: &ModelConfig) -> Result<Tensor> {
        let spec = self.targets.as_ref();
        let Some((spec, classes)) = spec.and_then(|spec| Some((spec, spec.classes(config)?))) else {
            return Ok(targets.shallow_clone());
        };
        if classes.is_empty() {
            return Ok(targets.shallow_clone()); //          strings without any label
        }
        let values = Vec::<i64>::try_from(targets.f_flatten(0, -1)?)?;
        let width = values.len() / targets.size()[0] as usize;
        for (sample, row) in values.chunks_exact(width.max(1)).enumerate() {
            let own = chosen.target_lengths.as_ref().map_or(width, |own| own[sample] as usize);
            if let Some(&value) = row[..own].iter().find(|&&value| classes[value as usize] < 0) {
                return Err(spec.unknown_name(value, &sample_name(chosen.indices.as_deref(), sample)));
            }
        }
        let mapped: Vec<i64> = values.iter().map(|&value| classes[value as usize].max(0)).collect();
        Ok(Tensor::f_from_slice(&mapped)?.f_view(targets.size().as_slice())?)
    }
}

/// Inputs that stay where they are, as many as the shape says.
///
/// # Safety
/// That of [`kernels::lent`].
unsafe fn lent(inputs: Inputs<'_>, shape: &[i64], keeper: Keeper) -> Result<Tensor> {
    inputs.check_fits(shape)?;
    // SAFETY: the caller's promise; there are as many values as the shape says.
    unsafe {
        match inputs {
            Inputs::F32(values) => kernels::lent(values, shape, keeper),
            Inputs::U8(values) => kernels::lent(values, shape, keeper),
        }
    }
}

/// `[samples, longest]` of any kind as strings; of the longest's length all where there are no lengths.
pub(super) fn label_strings(targets: &Tensor, lengths: Option<&[i64]>) -> Result<LabelStrings> {
    let [samples, longest] = [targets.size()[0], targets.size()[1]];
    let rows = Vec::<i64>::try_from(targets.f_to_kind(Kind::Int64)?.f_flatten(0, -1)?)?;
    let counts = lengths.map_or_else(|| vec![longest; samples as usize], <[i64]>::to_vec);
    Ok(LabelStrings::of_rows(&rows, longest, counts))
}

/// The input and whether it has a time axis, of `[samples, (time,) channels, height, width]` or
/// `[samples, (time,) features]`; every axis must have a size.
fn input_of(shape: &[i64]) -> Result<(InputConfig, bool)> {
    let frame = |channels, height, width| {
        InputConfig::Frame(FrameSize {
            channels,
            height,
            width,
        })
    };
    let vector = |features| InputConfig::Vector(VectorSize { features });
    match *shape {
        _ if shape.iter().any(|&size| size < 1) => {}
        [_, features] => return Ok((vector(features), false)),
        [_, _, features] => return Ok((vector(features), true)),
        [_, channels, height, width] => return Ok((frame(channels, height, width), false)),
        [_, _, channels, height, width] => return Ok((frame(channels, height, width), true)),
        _ => {}
    }
    Err(Error::ShapeMismatch {
        what: "inputs".to_owned(),
        expected: "[batch, channels, height, width] or [batch, time, channels, height, width], of vectors \
                   [batch, features] or [batch, time, features], no axis empty"
            .to_owned(),
        actual: shape.to_vec(),
    })
}

fn check_lengths(lengths: &[i64], samples: i64, time: i64) -> Result<Vec<i64>> {
    check_length("lengths", lengths.len(), &[samples])?;
    match lengths.iter().position(|length| !(1..=time).contains(length)) {
        None => Ok(lengths.to_vec()),
        Some(clip) => Err(Error::Data {
            reason: format!(
                "Expected lengths from 1 to {time} (the frames of the clips), received {} for clip {clip}",
                lengths[clip]
            ),
        }),
    }
}
