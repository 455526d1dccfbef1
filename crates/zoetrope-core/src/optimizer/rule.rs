//! The rules by which parameters follow their gradients, with PyTorch's names and defaults.

use crate::error::{Error, Result};
use crate::kernels::optimizer::{ADAM, ADAM_W, RMS_PROP, RawRule, SGD};

/// A rule with its hyper-parameters. Formulas in `kernels/cpu/optimizer/optimizer.h`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// `torch.optim.Adam`.
    Adam {
        /// `lr`; PyTorch's default 1e-3.
        learning_rate: f64,
        /// Decay of the running mean of the gradient and of its square; default .9 and .999.
        betas: (f64, f64),
        /// Added to the denominator; default 1e-8.
        eps: f64,
        /// L2 penalty, added to the gradient; default 0.
        weight_decay: f64,
    },
    /// `torch.optim.AdamW`: Adam whose weight decay is apart from the gradient.
    AdamW {
        /// `lr`; default 1e-3.
        learning_rate: f64,
        /// As Adam's.
        betas: (f64, f64),
        /// As Adam's.
        eps: f64,
        /// Share of the learning rate by which a parameter shrinks; default 1e-2.
        weight_decay: f64,
    },
    /// `torch.optim.SGD` with dampening 0.
    Sgd {
        /// `lr`; default 1e-3.
        learning_rate: f64,
        /// Default 0.
        momentum: f64,
        /// Nesterov's momentum; default off.
        nesterov: bool,
        /// L2 penalty, added to the gradient; default 0.
        weight_decay: f64,
    },
    /// `torch.optim.RMSprop`.
    RmsProp {
        /// `lr`; default 1e-2.
        learning_rate: f64,
        /// Decay of the running mean of squares; default .99.
        alpha: f64,
        /// Added to the denominator; default 1e-8.
        eps: f64,
        /// L2 penalty, added to the gradient; default 0.
        weight_decay: f64,
        /// Default 0.
        momentum: f64,
        /// Whether the gradient's variance takes the place of its square; default off.
        centered: bool,
    },
}

impl Rule {
    /// Adam with PyTorch's defaults.
    #[must_use]
    pub fn adam() -> Self {
        Self::Adam {
            learning_rate: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }

    /// Checks every hyper-parameter.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self) -> Result<()> {
        let raw = self.raw();
        let betas = ["betas[0]", if raw.kind == RMS_PROP { "alpha" } else { "betas[1]" }];
        at_least_zero("learningRate", raw.learning_rate)?;
        at_least_zero("weightDecay", raw.weight_decay)?;
        at_least_zero("momentum", raw.momentum)?;
        at_least_zero("eps", raw.eps)?;
        below_one(betas[0], raw.beta1)?;
        below_one(betas[1], raw.beta2)?;
        if raw.nesterov && raw.momentum == 0.0 {
            return Err(Error::invalid(
                "momentum",
                "a number above 0 with nesterov",
                raw.momentum,
            ));
        }
        Ok(())
    }

    pub(crate) fn raw(&self) -> RawRule {
        let zeros = RawRule {
            kind: SGD,
            nesterov: false,
            centered: false,
            learning_rate: 0.0,
            weight_decay: 0.0,
            momentum: 0.0,
            beta1: 0.0,
            beta2: 0.0,
            eps: 0.0,
        };
        match *self {
            Self::Adam {
                learning_rate,
                betas: (beta1, beta2),
                eps,
                weight_decay,
            }
            | Self::AdamW {
                learning_rate,
                betas: (beta1, beta2),
                eps,
                weight_decay,
            } => RawRule {
                kind: if matches!(self, Self::Adam { .. }) {
                    ADAM
                } else {
                    ADAM_W
                },
                learning_rate,
                weight_decay,
                beta1,
                beta2,
                eps,
                ..zeros
            },
            Self::Sgd {
                learning_rate,
                momentum,
                nesterov,
                weight_decay,
            } => RawRule {
                nesterov,
                learning_rate,
                weight_decay,
                momentum,
                ..zeros
            },
            Self::RmsProp {
                learning_rate,
                alpha,
                eps,
                weight_decay,
                momentum,
                centered,
            } => RawRule {
                kind: RMS_PROP,
                centered,
                learning_rate,
                weight_decay,
                momentum,
                beta2: alpha,
                eps,
                ..zeros
            },
        }
    }
}

pub(super) fn at_least_zero(option: &str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Error::invalid(option, "a number of at least 0", value))
    }
}

pub(super) fn below_one(option: &str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else {
        Err(Error::invalid(option, "a number from 0 to below 1", value))
    }
}
