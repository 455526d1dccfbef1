//! Adam and SGD with PyTorch's defaults and semantics.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::kernels::{AdamStep, SgdStep, fused_adam, fused_sgd};
use crate::model::CnnLstm;

/// Hyper-parameters, read anew at every step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerConfig {
    /// `torch.optim.Adam`.
    Adam {
        /// Default 1e-3.
        learning_rate: f64,
        /// Decay of the running mean of the gradient and of its square; default .9 and .999.
        betas: (f64, f64),
        /// Added to the denominator; default 1e-8.
        eps: f64,
        /// L2 penalty, added to the gradient; default 0.
        weight_decay: f64,
    },
    /// `torch.optim.SGD` with dampening 0.
    Sgd {
        /// Default 1e-3.
        learning_rate: f64,
        /// Default 0.
        momentum: f64,
        /// Nesterov's momentum; default off.
        nesterov: bool,
        /// L2 penalty, added to the gradient; default 0.
        weight_decay: f64,
    },
}

impl OptimizerConfig {
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
        match *self {
            Self::Adam {
                learning_rate,
                betas,
                eps,
                weight_decay,
            } => {
                at_least_zero("learningRate", learning_rate)?;
                below_one("betas[0]", betas.0)?;
                below_one("betas[1]", betas.1)?;
                at_least_zero("eps", eps)?;
                at_least_zero("weightDecay", weight_decay)
            }
            Self::Sgd {
                learning_rate,
                momentum,
                nesterov,
                weight_decay,
            } => {
                at_least_zero("learningRate", learning_rate)?;
                at_least_zero("momentum", momentum)?;
                at_least_zero("weightDecay", weight_decay)?;
                if nesterov && momentum == 0.0 {
                    return Err(Error::invalid("momentum", "a number above 0 with nesterov", momentum));
                }
                Ok(())
            }
        }
    }
}

fn at_least_zero(option: &str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Error::invalid(option, "a number of at least 0", value))
    }
}

fn below_one(option: &str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else {
        Err(Error::invalid(option, "a number from 0 to below 1", value))
    }
}

/// Hyper-parameters and the state that belongs to one model's parameters.
pub struct Optimizer {
    config: OptimizerConfig,
    state: Option<State>,
}

struct State {
    /// Number of updates, float32 of `[]` on the device; an update that `found_inf` skips does not count.
    step: Tensor,
    /// Adam's running means, SGD's momentum buffers.
    first: Vec<Tensor>,
    /// Adam's running means of squares.
    second: Vec<Tensor>,
}

impl Optimizer {
    /// An optimizer whose state is made at its first step.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn new(config: OptimizerConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, state: None })
    }

    /// Changes the hyper-parameters; the state stays.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn set_config(&mut self, config: OptimizerConfig) -> Result<()> {
        config.validate()?;
        self.config = config;
        Ok(())
    }

    /// One update in place; nothing changes where `found_inf` (float32 of `[]`) is 1.
    pub(crate) fn step(&mut self, model: &CnnLstm, gradients: &[Tensor], found_inf: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let parameters: Vec<Tensor> = model.parameters().iter().map(|p| p.tensor.shallow_clone()).collect();
        let state = match &mut self.state {
            Some(state) => state,
            empty => empty.insert(State::new(self.config, &parameters)?),
        };
        // Frozen parameters have no gradient and take no part.
        let taking_part = |tensors: &[Tensor]| -> Vec<Tensor> {
            let pairs = tensors.iter().zip(gradients);
            let defined = pairs.filter(|(_, gradient)| gradient.defined());
            defined.map(|(tensor, _)| tensor.shallow_clone()).collect()
        };
        let parameters = taking_part(&parameters);
        let (first, second) = (taking_part(&state.first), taking_part(&state.second));
        let gradients = &taking_part(gradients);
        match self.config {
            OptimizerConfig::Adam {
                learning_rate,
                betas,
                eps,
                weight_decay,
            } => {
                let _ = state.step.f_add_(&found_inf.f_rsub_scalar(1.0)?)?;
                let options = AdamStep {
                    learning_rate,
                    betas,
                    eps,
                    weight_decay,
                };
                fused_adam(
                    &parameters,
                    gradients,
                    &first,
                    &second,
                    &state.step,
                    found_inf,
                    &options,
                )
            }
            OptimizerConfig::Sgd {
                learning_rate,
                momentum,
                nesterov,
                weight_decay,
            } => {
                let options = SgdStep {
                    learning_rate,
                    momentum,
                    nesterov,
                    weight_decay,
                };
                fused_sgd(&parameters, gradients, &first, found_inf, &options)
            }
        }
    }
}

impl State {
    fn new(config: OptimizerConfig, parameters: &[Tensor]) -> Result<Self> {
        let zeros = || {
            parameters
                .iter()
                .map(|p| Ok(p.f_zeros_like()?))
                .collect::<Result<Vec<_>>>()
        };
        let device = parameters.first().map_or(tch::Device::Cpu, Tensor::device);
        let second = if matches!(config, OptimizerConfig::Adam { .. }) {
            zeros()?
        } else {
            Vec::new()
        };
        Ok(Self {
            step: Tensor::f_zeros([], (Kind::Float, device))?,
            first: zeros()?,
            second,
        })
    }
}
