//! What the model answers: pooling over time, and the head.

use serde::{Deserialize, Serialize};

use super::{ModelConfig, size};
use crate::error::{Error, Result};

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

/// What the answer is, and what it is learned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadConfig {
    /// What is asked.
    pub kind: HeadKind,
    /// Of what it is asked.
    #[serde(default)]
    pub per: Per,
    /// Numbers in an answer of a regression; other heads have one for each class.
    #[serde(default)]
    pub outputs: Option<i64>,
    /// A regression's loss; mean squared error where nothing is said.
    #[serde(default)]
    pub loss: Option<RegressionLoss>,
}

/// The kinds of answers.
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

/// What a regression learns by.
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

impl ModelConfig {
    /// Numbers in one answer: classes, labels, or a regression's outputs.
    #[must_use]
    pub fn num_outputs(&self) -> i64 {
        match self.head.kind {
            HeadKind::Regression => self.head.outputs.unwrap_or(1),
            HeadKind::Classification | HeadKind::MultiLabel => self.num_classes,
        }
    }

    pub(super) fn validate_head(&self) -> Result<()> {
        let HeadConfig {
            kind,
            per,
            outputs,
            loss,
        } = self.head;
        if kind == HeadKind::Regression {
            size("head.outputs", self.num_outputs())?;
            if self.num_classes != 0 || self.classes.is_some() {
                return Err(Error::invalid(
                    "numClasses",
                    "no classes for a regression",
                    self.num_classes,
                ));
            }
        } else {
            size("numClasses", self.num_classes)?;
            if outputs.is_some() || loss.is_some() {
                let option = if outputs.is_some() { "head.outputs" } else { "head.loss" };
                return Err(Error::invalid(option, "nothing except for a regression", "a value"));
            }
        }
        let names = self
            .classes
            .as_ref()
            .map_or(self.num_classes, |names| names.len() as i64);
        if names != self.num_classes {
            return Err(Error::invalid("classes", format!("{} names", self.num_classes), names));
        }
        if per == Per::Frame && self.pooling != Pooling::Last {
            return Err(Error::invalid(
                "pooling",
                "none with a head per frame",
                format!("{:?}", self.pooling),
            ));
        }
        Ok(())
    }
}
