//! The steps of a clip into one vector, over its valid frames only; or one vector for each valid frame.

mod running;

use tch::{Kind, Tensor};

use super::initializer::Initializer;
use super::linear::Linear;
use crate::config::{ModelConfig, Pooling};
use crate::data::lengths::Layout;
use crate::error::Result;

/// How the outputs of the recurrent part are pooled.
pub(super) enum TimePooling {
    /// `[batch, features]` of each clip's last frame, the only ones that the recurrent part then gives.
    Last,
    /// `[batch, features]`.
    Mean,
    /// `[batch, features]`.
    Max,
    /// `[batch, features]`, weighted by the softmax over time of a linear score named `attention`.
    Attention(Linear),
    /// `[frames, features]`: nothing is pooled, a head that reads every frame follows.
    Frames,
}

impl TimePooling {
    pub(super) fn new(config: &ModelConfig, init: &mut Initializer<'_>) -> Result<Self> {
        if !config.head.is_pooled() {
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

    /// Pools the outputs of the valid frames, `[frames, features]`, or those of the last ones, `[batch, features]`.
    pub(super) fn forward(&self, outputs: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
        match self {
            Self::Last | Self::Frames => Ok(outputs.shallow_clone()),
            Self::Mean => mean(&layout.unpack(outputs)?, layout),
            Self::Max => Ok(hidden(&layout.unpack(outputs)?, layout)?.f_amax([1].as_slice(), false)?),
            Self::Attention(score) => {
                let scores = layout.unpack(&score.forward(outputs)?)?; //             [batch, time, 1]
                let weights = hidden(&scores, layout)?.f_softmax(1, None::<Kind>)?; // 0 for padding
                let clips = weights.f_transpose(1, 2)?.f_bmm(&layout.unpack(outputs)?)?; // [batch, 1, features]
                Ok(clips.f_squeeze_dim(1)?)
            }
        }
    }
}

/// The mean over time of `[batch, time, features]`, whose padding is zero.
fn mean(padded: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
    match layout.lengths {
        Some(lengths) => {
            let sum = padded.f_sum_dim_intlist(1, false, None::<Kind>)?;
            Ok(sum.f_div(lengths.counts())?)
        }
        None => Ok(padded.f_mean_dim(1, false, None::<Kind>)?),
    }
}

/// `[batch, time, features]` with minus infinity in the padding.
fn hidden(padded: &Tensor, layout: &Layout<'_>) -> Result<Tensor> {
    match layout.lengths {
        Some(lengths) => Ok(padded.f_masked_fill(&lengths.is_padding()?.f_unsqueeze(-1)?, f64::NEG_INFINITY)?),
        None => Ok(padded.shallow_clone()),
    }
}
