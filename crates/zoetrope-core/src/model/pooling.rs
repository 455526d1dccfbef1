//! The steps of a clip into one vector, over its valid frames only; or one vector for each valid frame.

use tch::{Kind, Tensor};

use super::initializer::Initializer;
use super::lengths::Lengths;
use super::linear::Linear;
use crate::config::{ModelConfig, Per, Pooling};
use crate::error::Result;

/// What becomes of the recurrent part's outputs, `[batch, time, features]`.
pub(super) enum Pool {
    /// `[batch, features]` of the last valid step, the only one that the recurrent part then gives.
    Last,
    /// `[batch, features]`.
    Mean,
    /// `[batch, features]`.
    Max,
    /// `[batch, features]`, weighted by the softmax over time of a linear score named `attention`.
    Attention(Linear),
    /// `[frames, features]`: nothing is pooled, a head per frame follows.
    Frames,
}

impl Pool {
    pub(super) fn new(config: &ModelConfig, init: &mut Initializer<'_>) -> Result<Self> {
        if config.head.per == Per::Frame {
            return Ok(Self::Frames);
        }
        Ok(match config.pooling {
            Pooling::Last => Self::Last,
            Pooling::Mean => Self::Mean,
            Pooling::Max => Self::Max,
            Pooling::Attention => Self::Attention(Linear::new("attention", config.lstm.output_size(), 1, init)?),
        })
    }

    /// Whether it takes the last valid step only, `[batch, features]`.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Last)
    }

    /// Pools `[batch, time, features]` of clips with these lengths, or of full ones.
    pub(super) fn forward(&self, outputs: &Tensor, lengths: Option<&Lengths>) -> Result<Tensor> {
        match self {
            Self::Last => Ok(outputs.shallow_clone()),
            Self::Mean => mean(outputs, lengths),
            Self::Max => {
                let outputs = hidden(outputs, lengths, f64::NEG_INFINITY)?;
                Ok(outputs.f_amax([1].as_slice(), false)?)
            }
            Self::Attention(score) => {
                let scores = hidden(&score.forward(outputs)?, lengths, f64::NEG_INFINITY)?; // [batch, time, 1]
                let weights = scores.f_softmax(1, None::<Kind>)?; //                           0 for padding
                let clips = weights.f_transpose(1, 2)?.f_bmm(outputs)?; //                    [batch, 1, features]
                Ok(clips.f_squeeze_dim(1)?)
            }
            Self::Frames => match lengths {
                Some(lengths) => lengths.pack(outputs),
                None => Ok(outputs.f_flatten(0, 1)?),
            },
        }
    }
}

fn mean(outputs: &Tensor, lengths: Option<&Lengths>) -> Result<Tensor> {
    let Some(lengths) = lengths else {
        return Ok(outputs.f_mean_dim(1, false, None::<Kind>)?);
    };
    let sum = hidden(outputs, Some(lengths), 0.0)?.f_sum_dim_intlist(1, false, None::<Kind>)?;
    Ok(sum.f_div(lengths.counts())?)
}

/// `[batch, time, features]` with the padding replaced by `value`.
fn hidden(values: &Tensor, lengths: Option<&Lengths>, value: f64) -> Result<Tensor> {
    match lengths {
        Some(lengths) => Ok(values.f_masked_fill(&lengths.is_padding()?.f_unsqueeze(-1)?, value)?),
        None => Ok(values.shallow_clone()),
    }
}
