//! Where a new model's parameters come from: PyTorch's initial distributions, or a state dict.

use tch::{Device, Kind, Tensor};

use super::Parameter;
use crate::error::Result;
use crate::random::Generator;
use crate::state_dict::{StateDict, StateDictMismatch};

/// Gives the modules their parameters one after the other and keeps them under their names.
pub(super) struct Initializer<'a> {
    source: Source<'a>,
    device: Device,
    parameters: Vec<Parameter>,
}

enum Source<'a> {
    /// Drawn in PyTorch's order.
    Drawn(&'a Generator),
    /// Taken from a state dict. Nothing is allocated for a parameter that does not fit, so that a file cannot make us
    /// allocate more than it holds.
    Loaded {
        state: &'a StateDict,
        mismatch: StateDictMismatch,
    },
}

impl<'a> Initializer<'a> {
    pub(super) fn drawn(generator: &'a Generator, device: Device) -> Self {
        Self {
            source: Source::Drawn(generator),
            device,
            parameters: Vec::new(),
        }
    }

    pub(super) fn loaded(state: &'a StateDict, device: Device) -> Self {
        let source = Source::Loaded {
            state,
            mismatch: StateDictMismatch::default(),
        };
        Self {
            source,
            device,
            parameters: Vec::new(),
        }
    }

    /// A parameter uniform on [-bound, bound) where it is drawn.
    pub(super) fn uniform(&mut self, name: String, shape: &[i64], bound: f64) -> Result<Tensor> {
        let value = match &mut self.source {
            Source::Drawn(generator) => generator.uniform(shape, bound)?,
            Source::Loaded { state, mismatch } => match mismatch.find(state, &name, shape) {
                Some(tensor) => tensor.f_detach_copy()?,
                None => Tensor::f_empty([0], (Kind::Float, Device::Cpu))?,
            },
        };
        let tensor = value.f_to_device(self.device)?.f_set_requires_grad(true)?;
        self.parameters.push(Parameter {
            name,
            tensor: tensor.shallow_clone(),
        });
        Ok(tensor)
    }

    /// Weight and bias of a convolution or linear layer, as `reset_parameters` of `torch.nn.Conv2d` and `Linear`
    /// draws them: `kaiming_uniform_(weight, a=sqrt(5))`, then the bias uniform on `±1/sqrt(fan_in)`.
    pub(super) fn weight_and_bias(&mut self, name: &str, shape: &[i64]) -> Result<(Tensor, Tensor)> {
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        // Written as PyTorch computes it, because the last bit of the bound is visible in the weights.
        let gain = (2.0 / (1.0 + 5.0_f64.sqrt().powi(2))).sqrt();
        let bound = 3.0_f64.sqrt() * (gain / fan_in.sqrt());
        let weight = self.uniform(format!("{name}.weight"), shape, bound)?;
        let bias = self.uniform(format!("{name}.bias"), &shape[..1], 1.0 / fan_in.sqrt())?;
        Ok((weight, bias))
    }

    /// Every parameter, in PyTorch's order.
    ///
    /// # Errors
    /// `Checkpoint` where the state dict does not fit.
    pub(super) fn finish(self) -> Result<Vec<Parameter>> {
        if let Source::Loaded { state, mut mismatch } = self.source {
            mismatch.find_unexpected(state, |name| {
                self.parameters.iter().any(|parameter| parameter.name == name)
            });
            mismatch.into_result()?;
        }
        Ok(self.parameters)
    }
}
