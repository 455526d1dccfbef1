//! What the model answers: the kind of head, its options, and their check.

mod forecast;
mod pooling;
mod sequence;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::size::size;
use crate::error::{Error, Result, shortened};

pub use self::forecast::{ForecastConfig, ForecastMode};
pub use self::pooling::Pooling;
pub use self::sequence::SequenceConfig;

/// The kind of answer, and its loss.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadConfig {
    /// The kind of answer.
    pub kind: HeadKind,
    /// Whether a clip has one answer, or each of its frames has one.
    #[serde(default)]
    pub per: Per,
    /// Numbers in an answer of a regression; other heads have one for each class.
    #[serde(default)]
    pub outputs: Option<i64>,
    /// The loss of a regression or a forecast; mean squared error where nothing is said.
    #[serde(default)]
    pub loss: Option<RegressionLoss>,
    /// Of label strings: the class between two words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<i64>,
    /// Of a forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastConfig>,
    /// Of a token sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<SequenceConfig>,
}

/// The kinds of heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeadKind {
    /// One class of several: softmax, cross-entropy.
    #[default]
    Classification,
    /// Any number of labels at once: sigmoid, binary cross-entropy.
    MultiLabel,
    /// Numbers.
    Regression,
    /// A string of labels in the order of the frames: connectionist temporal classification, blank first.
    Ctc,
    /// The clip's next steps.
    Forecast,
    /// A string of labels, written by a decoder.
    Sequence,
}

/// Whether a clip has one answer or one for each of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Per {
    /// One for a clip.
    #[default]
    Clip,
    /// One for each valid frame.
    Frame,
}

/// The loss of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RegressionLoss {
    /// Mean squared error.
    #[default]
    Mse,
    /// Squared below an error of 1, linear above: `torch.nn.SmoothL1Loss`.
    #[serde(rename = "smoothL1")]
    SmoothL1,
    /// Binary cross-entropy from logits, of forecasts only: `torch.nn.BCEWithLogitsLoss`.
    Bce,
}

impl HeadKind {
    /// Whether the model has classes or labels.
    #[must_use]
    pub fn has_classes(self) -> bool {
        !matches!(self, Self::Regression | Self::Forecast)
    }

    /// Whether the target of a sample is a string of labels, of any length.
    #[must_use]
    pub fn has_label_strings(self) -> bool {
        matches!(self, Self::Ctc | Self::Sequence)
    }
}

impl HeadConfig {
    /// Whether the steps of a clip become one vector in front of the head. Other heads read every valid frame.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        match self.kind {
            HeadKind::Classification | HeadKind::MultiLabel | HeadKind::Regression => self.per == Per::Clip,
            HeadKind::Forecast => !self.is_recursive_forecast(),
            HeadKind::Ctc | HeadKind::Sequence => false,
        }
    }

    /// Whether the clip's next step is answered at every frame.
    #[must_use]
    pub fn is_recursive_forecast(&self) -> bool {
        let forecast = self.forecast.as_ref();
        forecast.is_some_and(|forecast| forecast.mode == ForecastMode::Recursive)
    }

    /// Whether raw outputs have an axis of time: one row for each valid frame.
    #[must_use]
    pub fn has_outputs_per_frame(&self) -> bool {
        self.per == Per::Frame || self.kind == HeadKind::Ctc || self.is_recursive_forecast()
    }

    /// Checks the head against the classes, their names where they have some, the features of a vector, and the
    /// pooling in front of it.
    pub(super) fn validate(
        &self,
        num_classes: i64,
        names: Option<&[String]>,
        num_features: i64,
        pooling: Pooling,
    ) -> Result<()> {
        self.validate_classes(num_classes, names)?;
        self.validate_options(num_features)?;
        if self
            .separator
            .is_some_and(|separator| !(0..num_classes).contains(&separator))
        {
            let expected = format!("the index of a class, below {num_classes}");
            return Err(Error::invalid("head.separator", expected, self.separator.unwrap_or(-1)));
        }
        if !self.is_pooled() && pooling != Pooling::Last {
            let expected = "none with a head that reads every frame";
            return Err(Error::invalid("pooling", expected, format!("{pooling:?}")));
        }
        Ok(())
    }

    fn validate_classes(&self, num_classes: i64, names: Option<&[String]>) -> Result<()> {
        if self.kind.has_classes() {
            size("numClasses", num_classes)?;
        } else if num_classes != 0 || names.is_some() {
            let expected = "no classes for a regression or a forecast";
            return Err(Error::invalid("numClasses", expected, num_classes));
        }
        validate_names(num_classes, names)
    }

    /// Checks that each option is there where its kind of head has it, and nowhere else.
    fn validate_options(&self, num_features: i64) -> Result<()> {
        let kind = self.kind;
        let refuse = |option: &str, expected: &str| Err(Error::invalid(option, expected, "a value"));
        if kind == HeadKind::Regression {
            size("head.outputs", self.outputs.unwrap_or(1))?;
        } else if self.outputs.is_some() {
            return refuse("head.outputs", "nothing except for a regression");
        }
        match (kind, self.loss) {
            (HeadKind::Forecast, _) | (_, None) => {}
            (HeadKind::Regression, Some(loss)) if loss != RegressionLoss::Bce => {}
            _ => return refuse("head.loss", "nothing except for a regression or a forecast"),
        }
        if self.per == Per::Frame && matches!(kind, HeadKind::Ctc | HeadKind::Forecast | HeadKind::Sequence) {
            return Err(Error::invalid("head.per", "clip for this kind of head", "frame"));
        }
        if self.separator.is_some() && !kind.has_label_strings() {
            return refuse("head.separator", "nothing except for label strings");
        }
        match (kind, &self.forecast) {
            (HeadKind::Forecast, Some(forecast)) => forecast.validate(num_features)?,
            (HeadKind::Forecast, None) => return Err(Error::invalid("head.horizon", "a number of steps", "nothing")),
            (_, Some(_)) => return refuse("head.forecast", "nothing except for a forecast"),
            (_, None) => {}
        }
        match (kind, &self.sequence) {
            (HeadKind::Sequence, Some(sequence)) => sequence.validate(),
            (HeadKind::Sequence, None) => Err(Error::invalid("head.maxLength", "a number of labels", "nothing")),
            (_, Some(_)) => refuse("head.sequence", "nothing except for a token sequence"),
            (_, None) => Ok(()),
        }
    }
}

/// Checks that each class has a name of its own, where classes have names.
fn validate_names(num_classes: i64, names: Option<&[String]>) -> Result<()> {
    let Some(names) = names else { return Ok(()) };
    if names.len() as i64 != num_classes {
        return Err(Error::invalid("classes", format!("{num_classes} names"), names.len()));
    }
    let mut seen = HashSet::with_capacity(names.len());
    match names.iter().find(|name| name.is_empty() || !seen.insert(name.as_str())) {
        Some(name) => {
            let expected = "names that are not empty and occur once";
            Err(Error::invalid("classes", expected, format!("'{}'", shortened(name))))
        }
        None => Ok(()),
    }
}
