//! How the loss of training weighs targets.

use crate::config::{HeadKind, ModelConfig};
use crate::error::{Error, Result};

/// Options of a training loss; evaluation has none.
#[derive(Debug, Clone, PartialEq)]
pub struct LossOptions {
    /// Share of a classification's or a token's target that is spread over all classes, from 0 to 1; default 0.
    pub label_smoothing: f64,
    /// Of a classification, a weight for each class, as in `torch.nn.CrossEntropyLoss(weight)`: the mean is divided by
    /// the weights of its targets. Of a token sequence the same; the end of a string has the weight 1. Of several
    /// labels, a weight for each label's positive targets, as in `torch.nn.BCEWithLogitsLoss(pos_weight)`.
    pub class_weights: Option<Vec<f64>>,
    /// Of a token sequence, the probability with which a step reads the target's token before it, from 0 to 1; else it
    /// reads the most probable one that the step before has written. Default 1.
    pub teacher_forcing: f64,
}

impl Default for LossOptions {
    fn default() -> Self {
        Self {
            label_smoothing: 0.0,
            class_weights: None,
            teacher_forcing: 1.0,
        }
    }
}

impl LossOptions {
    /// Checks the options against the head they are for.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self, config: &ModelConfig) -> Result<()> {
        let kind = config.head.kind;
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return Err(Error::invalid(
                "labelSmoothing",
                "a number from 0 to 1",
                self.label_smoothing,
            ));
        }
        let has_classes = matches!(kind, HeadKind::Classification | HeadKind::Sequence);
        if self.label_smoothing > 0.0 && !has_classes {
            let expected = "0 except for a classification or a token sequence";
            return Err(Error::invalid("labelSmoothing", expected, self.label_smoothing));
        }
        if !(0.0..=1.0).contains(&self.teacher_forcing) {
            return Err(Error::invalid(
                "teacherForcing",
                "a number from 0 to 1",
                self.teacher_forcing,
            ));
        }
        if self.teacher_forcing < 1.0 && kind != HeadKind::Sequence {
            let expected = "1 except for a token sequence";
            return Err(Error::invalid("teacherForcing", expected, self.teacher_forcing));
        }
        let Some(weights) = &self.class_weights else {
            return Ok(());
        };
        if !has_classes && kind != HeadKind::MultiLabel {
            let expected = "none except for a classification, several labels or a token sequence";
            return Err(Error::invalid("classWeights", expected, weights.len()));
        }
        if weights.len() as i64 != config.num_classes {
            let expected = format!("{} weights, one a class", config.num_classes);
            return Err(Error::invalid("classWeights", expected, weights.len()));
        }
        let is_right = |weight: f64| (weight as f32).is_finite() && weight >= 0.0;
        match weights.iter().find(|&&weight| !is_right(weight)) {
            Some(weight) => {
                let expected = "numbers of at least 0 that float32 can hold";
                Err(Error::invalid("classWeights", expected, format!("{weight:e}")))
            }
            None if weights.iter().all(|&weight| weight as f32 == 0.0) => {
                Err(Error::invalid("classWeights", "a weight above 0", "zeros"))
            }
            None => Ok(()),
        }
    }
}
