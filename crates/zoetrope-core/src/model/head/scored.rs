//! What a head makes of a batch with targets: a loss to learn by, and answers to count.

use tch::{Kind, Tensor};

use super::measured::Measured;
use crate::data::label_strings::LabelStrings;
use crate::error::Result;

/// A head's loss and answers.
pub(crate) struct Scored {
    pub loss: BatchLoss,
    pub answers: Answers,
}

/// The loss of a batch.
pub(crate) struct BatchLoss {
    /// The summed loss over `divisor`, of `[]`: what is differentiated.
    pub mean: Tensor,
    /// float64 of `[]`: the number of predictions, or with class weights of a classification the sum of the weights of
    /// its targets. The mean over several batches is the sum of their losses over the sum of their weights.
    pub weight: Tensor,
    /// What `mean` was divided by: `weight`, or 1 where that is 0: a batch of which nothing counts has no mean, and must
    /// not make one.
    pub divisor: Tensor,
}

impl BatchLoss {
    /// A loss that is the mean over so many predictions.
    pub(crate) fn of_mean(mean: Tensor, predictions: i64) -> Result<Self> {
        let weight = Tensor::f_full([], predictions, (Kind::Double, mean.device()))?;
        Ok(Self {
            mean,
            divisor: weight.shallow_clone(),
            weight,
        })
    }

    /// A loss that is the sum over so many predictions, for evaluation.
    pub(super) fn of_sum(sum: Tensor, predictions: i64) -> Result<Self> {
        let number = |value: i64| Tensor::f_full([], value, (Kind::Double, sum.device()));
        Ok(Self {
            weight: number(predictions)?,
            divisor: number(1)?,
            mean: sum,
        })
    }
}

/// Answers beside their targets.
pub(crate) enum Answers {
    /// One row an answer.
    Rows(Rows),
    /// One string of labels a clip.
    Strings(Strings),
    /// The steps after some clips.
    Steps(Steps),
}

/// Steps that a forecast answered.
pub(crate) struct Steps {
    /// Number of answers in the loss: one for each clip, or for each frame that another one follows.
    pub predictions: i64,
    /// In evaluation: how far the forecasts are off.
    pub measured: Option<Measured>,
}

/// Raw outputs and targets, one row an answer.
pub(crate) struct Rows {
    /// `[predictions, outputs]`.
    pub outputs: Tensor,
    /// int64 of `[predictions]` for a classification, else float32 of `[predictions, outputs]`.
    pub targets: Tensor,
}

/// Strings that a head gives, beside those that it should.
pub(crate) struct Strings {
    /// int64 of `[tokens]` on the model's device, clip after clip: outputs of a best path, or labels.
    pub tokens: Tensor,
    /// Tokens of each clip.
    pub counts: Vec<i64>,
    /// How tokens are read as labels.
    pub reading: Reading,
    pub targets: LabelStrings,
}

/// How tokens are read as labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One token a frame, 0 for a blank: equal tokens in a row are one label, blanks are none, token t is class t - 1.
    Path,
    /// Labels, up to the first token of that index.
    UpTo(i64),
}

impl Reading {
    /// The classes that tokens stand for; none where a token is -1, of outputs that are not numbers.
    pub(crate) fn labels(self, tokens: &[i64]) -> Option<Vec<i64>> {
        if tokens.iter().any(|&token| token < 0) {
            return None;
        }
        match self {
            Self::Path => {
                let runs = tokens.chunk_by(|left, right| left == right);
                Some(runs.filter(|run| run[0] > 0).map(|run| run[0] - 1).collect())
            }
            Self::UpTo(end) => Some(tokens.iter().copied().take_while(|&token| token != end).collect()),
        }
    }
}
