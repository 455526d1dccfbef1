//! Targets: class indices, labels or numbers, and strings of labels. They are checked against the model's head.

use std::collections::HashMap;
use std::sync::Arc;

use tch::Tensor;

use super::inputs::check_length;
use super::label_strings::sample_name;
use crate::config::{HeadKind, ModelConfig, Per, RegressionLoss};
use crate::error::{Error, Result, shortened};

/// Borrowed targets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Targets<'a> {
    /// As many as the product of `shape`.
    pub values: TargetValues<'a>,
    /// Of a head per clip: `[samples]` for classes, `[samples, labels]`, `[samples, outputs]`. Of a head per frame, the
    /// time stands after the samples. Axes of size 1 may be left out. Of label strings `[samples, longest]`.
    pub shape: &'a [i64],
    /// How far each sample's own targets go along the second axis, `[samples]`, where samples have different numbers of
    /// them; what comes after them counts for nothing.
    pub lengths: Option<&'a [i64]>,
    /// The names of classes that the values are indices of, where targets were given by name: the model says which class
    /// has which name.
    pub names: Option<&'a [String]>,
}

/// The values of some targets.
#[derive(Debug, Clone, Copy)]
pub enum TargetValues<'a> {
    /// Class indices, labels of 0 and 1, or whole numbers.
    Integers(&'a [i64]),
    /// Numbers, labels of 0 and 1, or class indices as floats.
    Floats(&'a [f32]),
}

impl Default for TargetValues<'_> {
    fn default() -> Self {
        Self::Integers(&[])
    }
}

/// What is known of some targets.
#[derive(Debug, Clone)]
pub(crate) struct TargetSpec {
    shape: Vec<i64>,
    /// See [`Targets::lengths`].
    pub(crate) lengths: Option<Vec<i64>>,
    /// See [`Targets::names`].
    pub(crate) names: Option<Arc<[String]>>,
    /// Of all values that belong to a sample.
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
        // Strings without any label are an axis of size 0, the second of two.
        let is_empty = shape.len() != 2 && shape.contains(&0);
        if shape.first() != Some(&samples) || samples == 0 || is_empty {
            return Err(Error::ShapeMismatch {
                what: "targets".to_owned(),
                expected: format!("[{samples}, …] (one target a sample)"),
                actual: shape.to_vec(),
            });
        }
        let own = targets.lengths;
        if let Some(own) = own {
            check_own_lengths(own, shape)?;
        }
        check_names(targets)?;
        // Whether the entry at an index is one of the first so many along the second axis, for each sample.
        let within = |lengths: &[i64], index: usize| {
            let rest = shape[2..].iter().product::<i64>();
            let entry = index as i64 / rest;
            entry % shape[1] < lengths[(entry / shape[1]) as usize]
        };
        let range_within = |lengths: &[i64]| {
            let indices = (0..count).filter(|&index| within(lengths, index));
            Range::of(indices.map(|index| targets.at(index)))
        };
        let all = own.map_or_else(|| Range::of((0..count).map(|index| targets.at(index))), range_within);
        let valid = match (own, lengths) {
            (None, Some(lengths)) if shape.get(1) == Some(&time) => range_within(lengths),
            _ => all,
        };
        Ok(Self {
            shape: shape.to_vec(),
            lengths: own.map(<[i64]>::to_vec),
            names: targets.names.map(Arc::from),
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

    /// Checks what the targets belong to, their shape and their values for `len` samples of `time` frames, of which
    /// `lengths` are valid.
    pub(crate) fn check_fits(
        &self,
        config: &ModelConfig,
        time: i64,
        lengths: Option<&[i64]>,
        len: i64,
        indices: Option<&[i64]>,
    ) -> Result<()> {
        if let Some(said) = self.said.filter(|&said| said != config.head.per) {
            let word = |per: Per| if per == Per::Frame { "frame" } else { "clip" };
            let (head, said) = (word(config.head.per), word(said));
            let reason =
                format!("Expected targets per {head}, as the head is, received a dataset of targets per {said}");
            return Err(Error::Data { reason });
        }
        let expected = shape_of(config, time, len);
        let bare = |shape: &[i64]| shape[1..].iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        let is_right = if config.head.kind.has_label_strings() {
            self.shape.len() == 2
        } else {
            bare(&expected) == bare(&self.shape)
        };
        if !is_right {
            let mut actual = self.shape.clone();
            actual[0] = len;
            return Err(Error::ShapeMismatch {
                what: "targets".to_owned(),
                expected: format!("{expected:?} ({})", meaning(config)),
                actual,
            });
        }
        if !config.head.kind.has_label_strings() {
            self.check_follow(config, time, lengths, indices)?;
        }
        let range = match config.head.per {
            Per::Clip => self.all,
            Per::Frame => self.valid,
        };
        if self.names.is_some() && config.head.kind.has_classes() {
            return Ok(()); //                               a name that is no class's shows where it is used
        }
        range.check(config)
    }

    /// Targets of different lengths, where the head takes no strings, must be those of a clip's own frames.
    fn check_follow(
        &self,
        config: &ModelConfig,
        time: i64,
        lengths: Option<&[i64]>,
        indices: Option<&[i64]>,
    ) -> Result<()> {
        let Some(own) = &self.lengths else { return Ok(()) };
        let frames = |sample: usize| lengths.map_or(time, |lengths| lengths[sample]);
        let differs = |&(sample, &own): &(usize, &i64)| config.head.per == Per::Clip || own != frames(sample);
        let longest = self.shape.get(1).copied().unwrap_or(0);
        let wrong = match config.head.per {
            Per::Frame => own.iter().enumerate().find(differs),
            Per::Clip => own.iter().enumerate().find(|&(_, &own)| own != longest),
        };
        let Some((sample, own)) = wrong else { return Ok(()) };
        let expected = match config.head.per {
            Per::Frame => format!("a target for each of {} frames", frames(sample)),
            Per::Clip => format!("{longest} targets, as for other samples"),
        };
        let name = sample_name(indices, sample);
        let reason = format!("Expected {expected}, received {own} ({name})");
        Err(Error::Data { reason })
    }

    /// The model's class of each of [`Targets::names`], where targets were given by name; -1 for a name that it lacks.
    pub(crate) fn classes(&self, config: &ModelConfig) -> Option<Vec<i64>> {
        let names = self.names.as_ref()?;
        let known: HashMap<String, i64> = match &config.classes {
            Some(classes) => classes.iter().cloned().zip(0..).collect(),
            None => (0..config.num_classes)
                .map(|class| (class.to_string(), class))
                .collect(),
        };
        Some(
            names
                .iter()
                .map(|name| known.get(name).copied().unwrap_or(-1))
                .collect(),
        )
    }

    /// The error of a name that is no class's, given to a sample.
    pub(crate) fn unknown_name(&self, value: i64, sample: &str) -> Error {
        let name = self.names.as_ref().and_then(|names| names.get(value as usize));
        let name = name.map(|name| shortened(name)).unwrap_or_default();
        let reason = format!("Expected the names of the model's classes as targets, received '{name}' ({sample})");
        Error::Data { reason }
    }
}

/// Checks how many targets each sample has of its own.
fn check_own_lengths(own: &[i64], shape: &[i64]) -> Result<()> {
    check_length("target lengths", own.len(), &shape[..1])?;
    let longest = shape.get(1).copied().unwrap_or(0);
    match own.iter().position(|length| !(0..=longest).contains(length)) {
        None if shape.len() > 1 => Ok(()),
        wrong => {
            let received = wrong.map_or(0, |sample| own[sample]);
            let reason = format!("Expected target lengths from 0 to {longest}, received {received}");
            Err(Error::Data { reason })
        }
    }
}

/// Checks that targets by name are indices of names.
fn check_names(targets: Targets<'_>) -> Result<()> {
    let Some(names) = targets.names else { return Ok(()) };
    let is_right = match targets.values {
        TargetValues::Integers(values) => values
            .iter()
            .all(|&value| value == 0 || (0..names.len() as i64).contains(&value)), // padding is 0
        TargetValues::Floats(_) => false,
    };
    if is_right {
        return Ok(());
    }
    let reason = format!("Expected indices of {} names as targets", names.len());
    Err(Error::Data { reason })
}

/// The whole shape of the targets of `len` samples; of label strings, the length of the longest is free, and 1 here.
pub(crate) fn shape_of(config: &ModelConfig, time: i64, len: i64) -> Vec<i64> {
    let mut shape = vec![len];
    if config.head.per == Per::Frame {
        shape.push(time);
    }
    match config.head.kind {
        HeadKind::Classification => {}
        HeadKind::MultiLabel | HeadKind::Regression => shape.push(config.num_outputs()),
        HeadKind::Ctc | HeadKind::Sequence => shape.push(1),
        HeadKind::Forecast => {
            shape.extend(config.head.forecast.as_ref().map(|forecast| forecast.horizon));
            shape.extend(config.forecast_step());
        }
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
        (HeadKind::Ctc | HeadKind::Sequence, _) => "a string of class indices for each clip, of any length",
        (HeadKind::Forecast, _) => "the horizon's steps after each clip, or no targets: the clip's own last steps",
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
            HeadKind::Forecast if config.head.loss == Some(RegressionLoss::Bce) => {
                let wrong = [self.smallest, self.largest]
                    .into_iter()
                    .find(|value| !(0.0..=1.0).contains(value));
                return match self.fraction.filter(|value| value.is_nan()).or(wrong) {
                    Some(value) => refuse("of numbers from 0 to 1".to_owned(), value),
                    None => Ok(()),
                };
            }
            HeadKind::Regression | HeadKind::Forecast => {
                return match self.fraction.filter(|value| !value.is_finite()) {
                    Some(value) => refuse("that are finite numbers".to_owned(), value),
                    None => Ok(()),
                };
            }
            HeadKind::Classification | HeadKind::Ctc | HeadKind::Sequence => {
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
