//! Pooling over the steps so far, one step after the other, at a cost that does not grow with them.

use tch::{Device, Kind, Tensor};

use super::TimePooling;
use crate::error::Result;
use crate::model::clip_state::ClipState;

impl TimePooling {
    /// The state of `batch` clips that have not begun, whose steps have so many features.
    ///
    /// | pooling | what is remembered |
    /// |---|---|
    /// | last, none | nothing |
    /// | mean | Σ output, `[batch, features]`, and the number of steps, `[batch, 1]` |
    /// | max | the largest outputs, `[batch, features]` |
    /// | attention | the largest score m, `[batch, 1]`, Σ exp(score − m), `[batch, 1]`, and Σ exp(score − m) · output, `[batch, features]` |
    ///
    /// Sums are float64: over many steps, float32 would lose the digits by which one step changes them. The exponents of
    /// the softmax are differences from the largest score so far, so that they stay finite.
    pub(crate) fn initial_state(&self, batch: i64, features: i64, kind: Kind, device: Device) -> Result<ClipState> {
        let zeros = |features: i64| Tensor::f_zeros([batch, features], (Kind::Double, device));
        let least = |features: i64, kind: Kind| Tensor::f_full([batch, features], f64::NEG_INFINITY, (kind, device));
        Ok(ClipState::new(match self {
            Self::Last | Self::Frames => Vec::new(),
            Self::Mean => vec![zeros(features)?, zeros(1)?],
            Self::Max => vec![least(features, kind)?],
            Self::Attention(_) => vec![least(1, Kind::Double)?, zeros(1)?, zeros(features)?],
        }))
    }

    /// Takes the next step of each clip, `[batch, features]`, and pools all steps so far into `[batch, features]`.
    pub(crate) fn step(&self, outputs: &Tensor, state: &mut ClipState) -> Result<Tensor> {
        let kind = outputs.kind();
        match (self, state.tensors_mut()) {
            (Self::Mean, [sum, steps]) => {
                *sum = sum.f_add(outputs)?;
                *steps = steps.f_add_scalar(1.0)?;
                Ok(sum.f_div(steps)?.f_to_kind(kind)?)
            }
            (Self::Max, [largest]) => {
                *largest = largest.f_maximum(outputs)?;
                Ok(largest.shallow_clone())
            }
            (Self::Attention(score), [largest, weight, sum]) => {
                let score = score.forward(outputs)?.f_to_kind(Kind::Double)?; //    [batch, 1]
                let next = largest.f_maximum(&score)?;
                let [kept, added] = [largest.f_sub(&next)?.f_exp()?, score.f_sub(&next)?.f_exp()?];
                *sum = sum.f_mul(&kept)?.f_add(&added.f_mul(outputs)?)?;
                *weight = weight.f_mul(&kept)?.f_add(&added)?;
                *largest = next;
                Ok(sum.f_div(weight)?.f_to_kind(kind)?)
            }
            _ => Ok(outputs.shallow_clone()),
        }
    }
}
