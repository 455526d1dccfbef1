//! Targets: class indices, labels or numbers. They are checked against the model's head.

use tch::Tensor;

use super::inputs::check_length;
use crate::config::{HeadKind, ModelConfig, Per};
use crate::error::{Error, Result};

/// Borrowed targets.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// As many as the product of `shape`.
    pub values: TargetValues<'a>,
    /// Of a head per clip: `[samples]` for classes, `[samples, labels]`, `[samples, outputs]`. Of a head per frame, the
    /// time stands after the samples. Axes of size 1 may be left out.
    pub shape: &'a [i64],
}

/// The values of some targets.
#[derive(Debug, Clone, Copy)]
pub enum TargetValues<'a> {
    /// Class indices, labels of 0 and 1, or whole numbers.
    Integers(&'a [i64]),
    /// Numbers, labels of 0 and 1, or class indices as floats.
    Floats(&'a [f32]),
}

/// What is known of some targets.
#[derive(Debug, Clone)]
pub(crate) struct TargetSpec {
    shape: Vec<i64>,
    /// Of all values.
    all: Range,
    /// Of the values at valid frames, for a head per frame: whether the second axis is the time, the head says.
    valid: Range,
    /// What the targets are said to belong to, where somebody said it.
    said: Option<Per>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    smallest: f64,
    largest: f64,
    /// The first value that is no whole number, where there is one; it may be infinite or not a number.
    fraction: Option<f64>,
}

impl Targets<'_> {
    /// int64 or float32, on the CPU.
    pub(crate) fn to_tensor(self) -> Result<Tensor> {
        let flat = match self.values {
            TargetValues::Integers(values) => Tensor::f_from_slice(values)?,
            TargetValues::Floats(values) => Tensor::f_from_slice(values)?,
        };
        Ok(flat.f_view(self.shape)?)
    }

    fn at(&self, index: usize) -> f64 {
        match self.values {
            TargetValues::Integers(values) => values[index] as f64,
            TargetValues::Floats(values) => f64::from(values[index]),
        }
    }
}

impl TargetSpec {
    /// Checks the number of targets of clips with `time` frames, padding included.
    pub(crate) fn new(targets: Targets<'_>, samples: i64, time: i64, lengths: Option<&[i64]>) -> Result<Self> {
        let count = match targets.values {
            TargetValues::Integers(values) => values.len(),
            TargetValues::Floats(values) => values.len(),
        };
        let shape = targets.shape;
        check_length("targets", count, shape)?;
        if shape.first() != Some(&samples) || shape.contains(&0) {
            return Err(Error::ShapeMismatch {
                what: "targets".to_owned(),
                expected: format!("[{samples}, …] (one target a sample)"),
                actual: shape.to_vec(),
            });
        }
        let all = Range::of((0..count).map(|index| targets.at(index)));
        let valid = match lengths {
            Some(lengths) if shape.get(1) == Some(&time) => {
                let rest = shape[2..].iter().product::<i64>();
                let is_valid = |index: &usize| {
                    let frame = *index as i64 / rest;
                    frame % time < lengths[(frame / time) as usize]
                };
                Range::of((0..count).filter(is_valid).map(|index| targets.at(index)))
            }
            _ => all,
        };
        Ok(Self {
            shape: shape.to_vec(),
            all,
            valid,
            said: None,
        })
    }

    /// Takes down what the targets belong to.
    ///
    /// # Errors
    /// `ShapeMismatch` for targets per frame without an axis of `time` frames.
    pub(crate) fn say(&mut self, per: Per, time: i64) -> Result<()> {
        if per == Per::Frame && self.shape.get(1) != Some(&time) {
            return Err(Error::ShapeMismatch {
                what: "targets".to_owned(),
                expected: format!("[{}, {time}, …] (targets per frame)", self.shape[0]),
                actual: self.shape.clone(),
            });
        }
        self.said = Some(per);
        Ok(())
    }

    /// Whether the second axis is said to be the time.
    pub(crate) fn is_per_frame(&self) -> bool {
        self.said == Some(Per::Frame)
    }

    /// Checks what the targets belong to, their shape and their values for `len` samples of `time` frames.
    pub(crate) fn check_fits(&self, config: &ModelConfig, time: i64, len: i64) -> Result<()> {
        let expected = shape_of(config, time, len);
        if let Some(said) = self.said.filter(|&said| said != config.head.per) {
            let word = |per: Per| if per == Per::Frame { "frame" } else { "clip" };
            let (head, said) = (word(config.head.per), word(said));
            let reason =
                format!("Expected targets per {head}, as the head is, received a dataset of targets per {said}");
            return Err(Error::Data { reason });
        }
        let bare = |shape: &[i64]| shape[1..].iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        if bare(&expected) != bare(&self.shape) {
            let mut actual = self.shape.clone();
            actual[0] = len;
            return Err(Error::ShapeMismatch {
                what: "targets".to_owned(),
                expected: format!("{expected:?} ({})", meaning(config)),
                actual,
            });
        }
        let range = match config.head.per {
            Per::Clip => self.all,
            Per::Frame => self.valid,
        };
        range.check(config)
    }
}

/// The whole shape of the targets of `len` samples.
pub(crate) fn shape_of(config: &ModelConfig, time: i64, len: i64) -> Vec<i64> {
    let mut shape = vec![len];
    if config.head.per == Per::Frame {
        shape.push(time);
    }
    if config.head.kind != HeadKind::Classification {
        shape.push(config.num_outputs());
    }
    shape
}

fn meaning(config: &ModelConfig) -> &'static str {
    match (config.head.kind, config.head.per) {
        (HeadKind::Classification, Per::Clip) => "a class index for each clip",
        (HeadKind::Classification, Per::Frame) => "a class index for each frame",
        (HeadKind::MultiLabel, Per::Clip) => "0 or 1 for each label of a clip",
        (HeadKind::MultiLabel, Per::Frame) => "0 or 1 for each frame and label",
        (HeadKind::Regression, Per::Clip) => "a number for each output of a clip",
        (HeadKind::Regression, Per::Frame) => "a number for each frame and output",
    }
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut range = Self {
            smallest: f64::INFINITY,
            largest: f64::NEG_INFINITY,
            fraction: None,
        };
        for value in values {
            range.smallest = range.smallest.min(value);
            range.largest = range.largest.max(value);
            if range.fraction.is_none_or(f64::is_finite) && value.fract() != 0.0 {
                range.fraction = Some(value); //          of an infinite number, too, the fraction is not 0 but not a number
            }
        }
        range
    }

    fn check(&self, config: &ModelConfig) -> Result<()> {
        let refuse = |expected: String, received: f64| {
            let reason = format!("Expected targets {expected}, received {received}");
            Err(Error::Data { reason })
        };
        let (expected, largest) = match config.head.kind {
            HeadKind::Regression => {
                return match self.fraction.filter(|value| !value.is_finite()) {
                    Some(value) => refuse("that are finite numbers".to_owned(), value),
                    None => Ok(()),
                };
            }
            HeadKind::Classification => {
                let last = config.num_classes - 1;
                (format!("from 0 to {last} (numClasses - 1)"), last)
            }
            HeadKind::MultiLabel => ("of 0 or 1".to_owned(), 1),
        };
        if let Some(value) = self.fraction {
            return refuse(format!("that are integers {expected}"), value);
        }
        if self.smallest < 0.0 {
            return refuse(expected, self.smallest);
        }
        if self.largest > largest as f64 {
            return refuse(expected, self.largest);
        }
        Ok(())
    }
}

/// The error of training or testing without targets.
pub(crate) fn missing_targets() -> Error {
    Error::Data {
        reason: "Expected targets with the inputs, received none".to_owned(),
    }
}
