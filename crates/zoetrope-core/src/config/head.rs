//! What the model predicts: pooling over time, and the head.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::size::size;
use crate::error::{Error, Result, shortened};

/// How the steps of a clip become one vector; a head per frame has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pooling {
    /// The output at the last valid step, of either direction.
    #[default]
    Last,
    /// The mean over the valid steps.
    Mean,
    /// The largest over the valid steps, feature by feature.
    Max,
    /// A weighted sum of the valid steps; the weights are learned and sum to 1.
    Attention,
}

/// The kind of answer, and its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// A regression's loss; mean squared error where nothing is said.
    #[serde(default)]
    pub loss: Option<RegressionLoss>,
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

/// The loss of a regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RegressionLoss {
    /// Mean squared error.
    #[default]
    Mse,
    /// Squared below an error of 1, linear above: `torch.nn.SmoothL1Loss`.
    #[serde(rename = "smoothL1")]
    SmoothL1,
}

impl HeadConfig {
    /// Numbers in one answer: classes, labels, or a regression's outputs.
    pub(super) fn num_outputs(self, num_classes: i64) -> i64 {
        match self.kind {
            HeadKind::Regression => self.outputs.unwrap_or(1),
            HeadKind::Classification | HeadKind::MultiLabel => num_classes,
        }
    }

    /// Checks the head against the classes, their names where they have some, and the pooling in front of it.
    pub(super) fn validate(self, num_classes: i64, names: Option<&[String]>, pooling: Pooling) -> Result<()> {
        let HeadConfig {
            kind,
            per,
            outputs,
            loss,
        } = self;
        if kind == HeadKind::Regression {
            size("head.outputs", self.num_outputs(num_classes))?;
            if num_classes != 0 || names.is_some() {
                return Err(Error::invalid("numClasses", "no classes for a regression", num_classes));
            }
        } else {
            size("numClasses", num_classes)?;
            if outputs.is_some() || loss.is_some() {
                let option = if outputs.is_some() { "head.outputs" } else { "head.loss" };
                return Err(Error::invalid(option, "nothing except for a regression", "a value"));
            }
        }
        validate_names(num_classes, names)?;
        if per == Per::Frame && pooling != Pooling::Last {
            return Err(Error::invalid(
                "pooling",
                "none with a head per frame",
                format!("{pooling:?}"),
            ));
        }
        Ok(())
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
