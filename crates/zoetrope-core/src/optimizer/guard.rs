//! Keeps an update from leaving numbers that are not finite, without a pass of its own over the weights.
//!
//! Bounds on gradients, state and weights are followed from update to update. Where they show that float32 can hold
//! whatever an update may come to, nothing else is done. Where they cannot, as with a rate of 1e39 or an `eps` of 0, the old
//! values are kept until the new ones have been looked at, and put back where those are not finite.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::kernels::optimizer::{ADAM, ADAM_W, RawRule, SGD, Updated};

/// Up to here nothing that an update computes leaves float32's range: squares end at 1e36, corrections multiply by 1e8.
pub(super) const SAFE: f64 = 1e18;
/// On CUDA, where reading a norm would wait for the device, gradients and weights are taken to be no larger.
pub(super) const ASSUMED: f64 = 1e9;

/// Below this, squares are smaller than float32's numbers and may be taken for 0.
const SQUARED_TO_ZERO: f64 = 1e-17;

/// Largest magnitudes of what an update reads or leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// Of moments and momentum buffers, and of the root of means of squares.
    pub state: f64,
    /// Of Adam's mean over the root of its mean of squares, where that is not too small to be a number.
    pub ratio: f64,
    /// Of weights, and of their averages.
    pub weight: f64,
}

impl Bounds {
    /// Those after an update by gradients of at most `gradient`; infinite where there is no telling.
    ///
    /// Smaller magnitudes count as 1, so that a factor that float32 cannot hold shows whatever it is multiplied with.
    pub(super) fn after(self, rule: &RawRule, gradient: f64) -> Self {
        let (before, weight) = (self.state.max(1.0), self.weight.max(1.0));
        let is_adam = rule.kind == ADAM || rule.kind == ADAM_W;
        let decay = rule.weight_decay * weight;
        let gradient = gradient.max(1.0) + if rule.kind == ADAM_W { 0.0 } else { decay };
        let over_eps = |value: f64| {
            let is_normal = rule.eps as f32 >= f32::MIN_POSITIVE; //   kernels take smaller numbers for 0
            if is_normal { value / rule.eps } else { f64::INFINITY }
        };
        let averaged = before.max(gradient); //                        a mean of gradients, or the root of one of squares
        let ratio = if is_adam { self.ratio_after(rule) } else { f64::INFINITY };
        let (state, direction) = if is_adam {
            let direction = over_eps(averaged).min(ratio + over_eps(SQUARED_TO_ZERO));
            (averaged, direction / (1.0 - rule.beta1))
        } else if rule.kind == SGD {
            let buffer = rule.momentum * before + gradient;
            (before.max(buffer), gradient + rule.momentum * buffer)
        } else {
            let ratio = if rule.centered {
                f64::INFINITY
            } else {
                1.0 / (1.0 - rule.beta2).sqrt()
            };
            let direction = over_eps(gradient).min(ratio + over_eps(SQUARED_TO_ZERO));
            let buffer = rule.momentum * before + direction;
            (averaged.max(if rule.momentum == 0.0 { 0.0 } else { buffer }), buffer)
        };
        let kept = weight
            + if rule.kind == ADAM_W {
                rule.learning_rate * decay
            } else {
                0.0
            };
        Self {
            state,
            ratio,
            weight: kept + rule.learning_rate * direction,
        }
    }

    /// By Cauchy and Schwarz: beta1 · m + (1 - beta1) · g against the root of beta2 · v + (1 - beta2) · g².
    fn ratio_after(self, rule: &RawRule) -> f64 {
        let carried = if self.ratio == 0.0 {
            0.0
        } else {
            (rule.beta1 * self.ratio).powi(2) / rule.beta2
        };
        (carried + (1.0 - rule.beta1).powi(2) / (1.0 - rule.beta2)).sqrt()
    }

    pub(super) fn is_safe(self) -> bool {
        self.state <= SAFE && self.weight <= SAFE
    }
}

/// What an update may change, and copies of it as it was.
pub(super) struct Saved(Vec<(Tensor, Tensor)>);

impl Saved {
    pub(super) fn new<'a>(parameters: impl Iterator<Item = Updated<'a>>) -> Result<Self> {
        let tensors = parameters.flat_map(|parameter| changed(&parameter));
        let saved = tensors.map(|tensor| {
            let copy = tensor.f_detach_copy()?;
            Ok((tensor, copy))
        });
        Ok(Self(saved.collect::<Result<_>>()?))
    }

    /// The largest magnitude there is now, float64 of `[]`: not finite where a number is not.
    pub(super) fn largest(&self) -> Result<Tensor> {
        largest(self.0.iter().map(|(tensor, _)| tensor))
    }

    /// Puts everything back where `largest` is not finite: on the CPU or none, without waiting for the device.
    pub(super) fn restore_unless_finite(self, largest: &Tensor) -> Result<()> {
        let is_finite = largest.f_isfinite()?;
        for (mut tensor, saved) in self.0 {
            let kept = tensor.f_where_self(&is_finite, &saved)?;
            tensor.f_copy_(&kept)?;
        }
        Ok(())
    }
}

/// The largest magnitude in some tensors, float64 of `[]`: not finite where a number is not.
pub(super) fn largest<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<Tensor> {
    let mut found = Tensor::f_zeros([], (Kind::Double, Device::Cpu))?;
    for tensor in tensors {
        let of_tensor = tensor.f_detach()?.f_abs()?.f_max()?.f_to_kind(Kind::Double)?;
        found = found.f_to_device(of_tensor.device())?.f_maximum(&of_tensor)?;
    }
    Ok(found)
}

fn changed(parameter: &Updated<'_>) -> Vec<Tensor> {
    let state = [parameter.first, parameter.second, parameter.third, parameter.average];
    let always = [parameter.value, parameter.step];
    let all = always.into_iter().chain(state.into_iter().flatten());
    all.map(Tensor::shallow_clone).collect()
}

#[cfg(test)]
mod tests {
    use super::Bounds;
    use crate::optimizer::rule::Rule;

    const USUAL: Bounds = Bounds {
        state: 1.0,
        ratio: 0.0,
        weight: 10.0,
    };

    /// The usual rules are told to be safe for ten thousand updates by gradients that are large already.
    #[test]
    fn usual_rules_need_no_look_at_the_weights() {
        let (learning_rate, weight_decay) = (1e-2, 1e-2);
        let rules = [
            Rule::Adam {
                learning_rate,
                betas: (0.9, 0.999),
                eps: 1e-8,
                weight_decay,
            },
            Rule::AdamW {
                learning_rate,
                betas: (0.9, 0.999),
                eps: 1e-8,
                weight_decay,
            },
            Rule::Sgd {
                learning_rate,
                momentum: 0.9,
                nesterov: true,
                weight_decay: 5e-4,
            },
            rms_prop(weight_decay, false),
            rms_prop(0.0, true),
        ];
        for rule in rules {
            let mut bounds = USUAL;
            for _ in 0..10_000 {
                bounds = bounds.after(&rule.raw(), 100.0);
                assert!(bounds.is_safe(), "{rule:?}: {bounds:?}");
            }
        }
    }

    fn rms_prop(weight_decay: f64, centered: bool) -> Rule {
        Rule::RmsProp {
            learning_rate: 1e-2,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay,
            momentum: 0.9,
            centered,
        }
    }

    #[test]
    fn what_float32_cannot_hold_is_not_safe() {
        let sgd = |learning_rate, momentum, weight_decay| Rule::Sgd {
            learning_rate,
            momentum,
            nesterov: false,
            weight_decay,
        };
        let adam = |eps| Rule::Adam {
            learning_rate: 1e-3,
            betas: (0.9, 0.999),
            eps,
            weight_decay: 0.0,
        };
        let rules = [
            sgd(1e39, 0.0, 0.0),
            sgd(1.0, 1e39, 0.0),
            sgd(1.0, 0.0, 1e39),
            adam(0.0),
            adam(1e-40),
        ];
        for rule in rules {
            assert!(!USUAL.after(&rule.raw(), 0.0).is_safe(), "{rule:?}");
        }
        assert!(!USUAL.after(&adam(1e-8).raw(), 1e20).is_safe());
    }
}
